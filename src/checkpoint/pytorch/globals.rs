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
    /// `torch._utils._rebuild_tensor_v3`: a tensor of a type that has no class of storages, of the
    /// bytes of a storage, offset, shape, strides, and the type.
    RebuildTyped,
    /// `torch._tensor._rebuild_from_type_v2` and its elder: what another call makes, as a subclass
    /// of tensors or with attributes.
    RebuildFromType,
    /// A type of numbers.
    Type(Element),
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
        ("torch._utils", "_rebuild_tensor_v3") => Global::RebuildTyped,
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            Global::RebuildParameter
        }
        ("torch._tensor", "_rebuild_from_type" | "_rebuild_from_type_v2") => {
            Global::RebuildFromType
        }
        ("torch.storage", "UntypedStorage") => Global::Storage(Element::other("bytes", 1)),
        ("torch", class) => match (storage(class), number(class)) {
            (Some(element), _) => Global::Storage(element),
            (None, Some(element)) => Global::Type(element),
            (None, None) => Global::Unknown(format!("{module}.{name}")),
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
        "UntypedStorage" => Element::other("bytes", 1),
        _ => return None,
    })
}

/// The numbers of a type, named as `.safetensors` names them.
fn number(name: &str) -> Option<Element> {
    Some(match name {
        "float16" => Element::F16,
        "bfloat16" => Element::Bf16,
        "float32" => Element::F32,
        "float64" => Element::F64,
        "float8_e4m3fn" => Element::other("F8_E4M3", 1),
        "float8_e5m2" => Element::other("F8_E5M2", 1),
        "float8_e4m3fnuz" => Element::other("F8_E4M3FNUZ", 1),
        "float8_e5m2fnuz" => Element::other("F8_E5M2FNUZ", 1),
        "float8_e8m0fnu" => Element::other("F8_E8M0", 1),
        "float4_e2m1fn_x2" => Element::other("F4", 1),
        "uint16" => Element::other("U16", 2),
        "uint32" => Element::other("U32", 4),
        "uint64" => Element::other("U64", 8),
        _ => return None,
    })
}
