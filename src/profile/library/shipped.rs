//! The profiles that come with the program.

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// The profiles that come with the program: name and text.
        pub const SHIPPED: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/", $name, ".toml")),
        )),*];
    };
}

shipped!(
    "demo",
    "reference",
    "qkformer-cifar10-4-384",
    "qkformer-cifar100-4-384",
    "qkformer-cifar10dvs-256",
    "qkformer-dvs128-256",
    "qkformer-imagenet-10-384",
    "qkformer-imagenet-10-512",
    "qkformer-imagenet-10-768",
    "sdt-v1-cifar10-2-256",
    "sdt-v1-cifar10-2-512",
    "sdt-v1-cifar100-2-256",
    "sdt-v1-cifar100-2-512",
    "sdt-v1-cifar10dvs-2-256",
    "sdt-v1-gesture-2-256",
    "sdt-v1-imagenet-10-512",
    "sdt-v1-imagenet-6-512",
    "sdt-v1-imagenet-8-384",
    "sdt-v1-imagenet-8-512",
    "sdt-v1-imagenet-8-768",
    "sdt-v2-imagenet-15m",
    "sdt-v2-imagenet-31m",
    "sdt-v2-imagenet-55m",
    "sdt-v2-imagenet-55m-kd",
    "sdt-v2-imagenet-55m-kd-t4",
    "sdt-v3-imagenet-172m",
    "sdt-v3-imagenet-83m",
    "sdt-v3-imagenet-l",
    "sdt-v3-imagenet-m",
    "sdt-v3-imagenet-s",
    "sdt-v3-imagenet-t",
    "spikformer-cifar10-2-384",
    "spikformer-cifar10-4-256",
    "spikformer-cifar10-4-384",
    "spikformer-cifar100-2-384",
    "spikformer-cifar100-4-256",
    "spikformer-cifar100-4-384",
    "spikformer-cifar10dvs-2-256",
    "spikformer-dvs128-2-256",
    "spikformer-imagenet-10-512",
    "spikformer-imagenet-6-512",
    "spikformer-imagenet-8-384",
    "spikformer-imagenet-8-512",
    "spikformer-imagenet-8-768",
    "spikingformer-cifar10-2-384",
    "spikingformer-cifar10-4-256",
    "spikingformer-cifar10-4-384",
    "spikingformer-cifar100-2-384",
    "spikingformer-cifar100-4-256",
    "spikingformer-cifar100-4-384",
    "spikingformer-cifar10dvs-2-256",
    "spikingformer-dvs128-2-256",
    "spikingformer-imagenet-8-384",
    "spikingformer-imagenet-8-512",
    "spikingformer-imagenet-8-768",
);

/// A shipped profile by its name.
pub(super) fn shipped(name: &str) -> Option<(&'static str, &'static str)> {
    SHIPPED.iter().find(|(n, _)| *n == name).copied()
}
