//! The names that a pickle may use. They are known here; none is ever called.

use super::super::element::Element;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Global {
    /// `collections.OrderedDict`: a dict.
    OrderedDict,
    /// `torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`: a tensor, of storage, offset, shape
    /// and strides.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`: a tensor that is trained.
    RebuildParameter,
    /// A class of storages: the type of their numbers.
    Storage(Element),
    /// Anything else: what it makes is a placeholder that knows only this name.
    Unknown(String),
}

/// Looks a name up.
pub(super) fn find(module: &str, name: &str) -> Global {
    match (module, name) {
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
        ("torch", class) => match storage(class) {
            Some(element) => Global::Storage(element),
            None => Global::Unknown(format!("{module}.{name}")),
        },
        _ => Global::Unknown(format!("{module}.{name}")),
    }
}

/// The numbers of a storage class. Those that no network here has are known by their size, so that
/// they can be stepped over.
fn storage(class: &str) -> Option<Element> {
    Some(match class {
        "HalfStorage" => Element::F16,
        "BFloat16Storage" => Element::Bf16,
        "FloatStorage" => Element::F32,
        "DoubleStorage" => Element::F64,
        "LongStorage" => Element::other("I64", 8),
        "IntStorage" => Element::other("I32", 4),
        "ShortStorage" => Element::other("I16", 2),
        "CharStorage" => Element::other("I8", 1),
        "ByteStorage" => Element::other("U8", 1),
        "BoolStorage" => Element::other("BOOL", 1),
        "ComplexFloatStorage" => Element::other("C64", 8),
        "ComplexDoubleStorage" => Element::other("C128", 16),
        "QInt8Storage" => Element::other("QI8", 1),
        "QUInt8Storage" => Element::other("QU8", 1),
        "QInt32Storage" => Element::other("QI32", 4),
        _ => return None,
    })
}
