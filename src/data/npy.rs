//! The `.npy` format of numpy: a magic text, a version, a header that is a Python dict, then the
//! numbers of one array.

use std::io::{self, Read};

use half::f16;

/// The first bytes of such a file.
const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// The longest header read: numpy itself refuses longer ones.
const MAX_HEADER: u32 = 10_000;
/// Bytes read at a time.
const CHUNK: usize = 1 << 16;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum NpyError {
    /// Its bytes cannot be had.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not what it should be, in words.
    #[error("{0}")]
    Wrong(String),
}

/// The header: what the array is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The sizes of the array's dimensions.
    pub(super) shape: Vec<usize>,
    /// True where the first dimension is the one that changes fastest.
    pub(super) fortran: bool,
    number: Number,
}

/// The type of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number {
    kind: Kind,
    bytes: usize,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Flag,
    Signed,
    Unsigned,
    Float,
}

impl Header {
    /// Reads a header.
    pub(super) fn read(input: &mut impl Read) -> Result<Header, NpyError> {
        let wrong = |what: &str| NpyError::Wrong(what.to_owned());
        let mut start = [0; 8];
        input.read_exact(&mut start)?;
        let [magic @ .., major, _minor] = start;
        if magic != *MAGIC {
            return Err(wrong("it is no array of numpy"));
        }
        let length = match major {
            1 => {
                let mut length = [0; 2];
                input.read_exact(&mut length)?;
                u32::from(u16::from_le_bytes(length))
            }
            2 | 3 => {
                let mut length = [0; 4];
                input.read_exact(&mut length)?;
                u32::from_le_bytes(length)
            }
            other => {
                let what = format!("its version is {other}, and versions 1 to 3 are read");
                return Err(NpyError::Wrong(what));
            }
        };
        if length > MAX_HEADER {
            return Err(wrong("its header is longer than that of any array"));
        }
        let mut header = Vec::new();
        let read = input.take(length.into()).read_to_end(&mut header)?;
        if read as u64 != u64::from(length) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let text = String::from_utf8(header).map_err(|_| wrong("its header is no text"))?;
        parse(&text).map_err(NpyError::Wrong)
    }

    /// How many numbers there are; none where that overflows.
    pub(super) fn count(&self) -> Option<usize> {
        let mut sizes = self.shape.iter();
        sizes.try_fold(1usize, |count, size| count.checked_mul(*size))
    }

    /// Reads all numbers as f32, in the order of the file. Whoever calls has seen that there are
    /// not too many.
    pub(super) fn numbers(&self, input: &mut impl Read) -> Result<Vec<f32>, NpyError> {
        let too_many = || NpyError::Wrong("it has more numbers than memory".to_owned());
        let size = self.number.bytes;
        let count = self.count().ok_or_else(too_many)?;
        let mut left = count.checked_mul(size).ok_or_else(too_many)?;
        let mut numbers = Vec::with_capacity(count);
        // A multiple of every number's size.
        let mut chunk = vec![0; CHUNK.min(left)];
        while left > 0 {
            let most = left.min(chunk.len());
            let part = chunk.get_mut(..most).unwrap_or_default();
            input.read_exact(part)?;
            numbers.extend(
                part.chunks_exact(size)
                    .map(|bytes| self.number.value(bytes)),
            );
            left -= most;
        }
        Ok(numbers)
    }
}

impl Number {
    /// The type that numpy describes so.
    fn parse(text: &str) -> Option<Number> {
        let mut letters = text.chars();
        let order = letters.next()?;
        let kind = match letters.next()? {
            'b' => Kind::Flag,
            'i' => Kind::Signed,
            'u' => Kind::Unsigned,
            'f' => Kind::Float,
            _ => return None,
        };
        let bytes: usize = letters.as_str().parse().ok()?;
        let known = match kind {
            Kind::Flag => bytes == 1,
            Kind::Signed | Kind::Unsigned => [1, 2, 4, 8].contains(&bytes),
            Kind::Float => [2, 4, 8].contains(&bytes),
        };
        (known && "<>|=".contains(order)).then_some(Number {
            kind,
            bytes,
            big_endian: order == '>',
        })
    }

    fn value(self, bytes: &[u8]) -> f32 {
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        let bits = match self.big_endian {
            true => bytes.iter().fold(0, add),
            false => bytes.iter().rev().fold(0, add),
        };
        match (self.kind, self.bytes) {
            (Kind::Flag, _) => f32::from(u8::from(bits != 0)),
            (Kind::Unsigned, _) => bits as f32,
            (Kind::Signed, bytes) => {
                let unused = 64 - 8 * bytes as u32;
                ((bits << unused) as i64 >> unused) as f32
            }
            (Kind::Float, 2) => f16::from_bits(bits as u16).to_f32(),
            (Kind::Float, 4) => f32::from_bits(bits as u32),
            (Kind::Float, _) => f64::from_bits(bits) as f32,
        }
    }
}

/// Reads the dict; what is wrong with it, in words.
fn parse(text: &str) -> Result<Header, String> {
    let damaged = || "its header is no description of an array".to_owned();
    let (mut number, mut fortran, mut shape) = (None, None, None);
    let mut rest = text.trim().strip_prefix('{').ok_or_else(damaged)?;
    loop {
        rest = rest.trim_start();
        if let Some(end) = rest.strip_prefix('}') {
            if !end.trim().is_empty() {
                return Err(damaged());
            }
            break;
        }
        let (key, after) = quoted(rest).ok_or_else(damaged)?;
        let value = after.trim_start().strip_prefix(':').ok_or_else(damaged)?;
        let value = value.trim_start();
        rest = match key {
            "descr" => {
                let not_numbers = || {
                    let shown = value.chars().take(40).filter(|c| !c.is_control());
                    let shown: String = shown.collect();
                    format!("it does not hold plain numbers but {shown}")
                };
                let (descr, after) = quoted(value).ok_or_else(not_numbers)?;
                number = Some(Number::parse(descr).ok_or_else(not_numbers)?);
                after
            }
            "fortran_order" => {
                let (flag, after) = match (value.strip_prefix("True"), value.strip_prefix("False"))
                {
                    (Some(after), _) => (true, after),
                    (_, Some(after)) => (false, after),
                    _ => return Err(damaged()),
                };
                fortran = Some(flag);
                after
            }
            "shape" => {
                let (inside, after) = value
                    .strip_prefix('(')
                    .and_then(|value| value.split_once(')'))
                    .ok_or_else(damaged)?;
                shape = Some(sizes(inside).ok_or_else(damaged)?);
                after
            }
            _ => return Err(damaged()),
        };
        rest = rest.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(after) => after,
            None if rest.starts_with('}') => rest,
            None => return Err(damaged()),
        };
    }
    Ok(Header {
        shape: shape.ok_or_else(damaged)?,
        fortran: fortran.ok_or_else(damaged)?,
        number: number.ok_or_else(damaged)?,
    })
}

/// A text in quotes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| "'\"".contains(*c))?;
    text.get(1..)?.split_once(quote)
}

/// The numbers of a tuple. (Python 2 ended long ones with an `L`.)
fn sizes(text: &str) -> Option<Vec<usize>> {
    let inside = text.trim();
    let inside = inside.strip_suffix(',').unwrap_or(inside);
    if inside.is_empty() {
        return Some(Vec::new());
    }
    let size = |part: &str| part.trim().trim_end_matches('L').parse().ok();
    inside.split(',').map(size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<(Header, Vec<f32>), String> {
        let mut input = bytes;
        let header = Header::read(&mut input).map_err(|e| e.to_string())?;
        let numbers = header.numbers(&mut input).map_err(|e| e.to_string())?;
        Ok((header, numbers))
    }

    #[test]
    fn all_versions_and_types_are_read() {
        for version in 1..=3 {
            let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }   \n";
            let data = [1.5f32.to_le_bytes(), (-2.0f32).to_le_bytes()].concat();
            let (header, numbers) = read(&file(version, header, &data)).unwrap();
            assert_eq!((header.shape, header.fortran), (vec![2], false));
            assert_eq!(numbers, [1.5, -2.0], "version {version}");
        }
        let types: [(&str, Vec<u8>, f32); 12] = [
            ("|b1", vec![1], 1.0),
            ("|i1", vec![0xfe], -2.0),
            ("|u1", vec![0xfe], 254.0),
            ("<i2", (-300i16).to_le_bytes().to_vec(), -300.0),
            (">i2", (-300i16).to_be_bytes().to_vec(), -300.0),
            ("<u4", 70_000u32.to_le_bytes().to_vec(), 70_000.0),
            ("<i8", (-5i64).to_le_bytes().to_vec(), -5.0),
            (">u8", 7u64.to_be_bytes().to_vec(), 7.0),
            ("<f2", f16::from_f32(0.25).to_le_bytes().to_vec(), 0.25),
            (">f4", 0.1f32.to_be_bytes().to_vec(), 0.1),
            ("<f8", 0.1f64.to_le_bytes().to_vec(), 0.1),
            ("=f8", 3.0f64.to_le_bytes().to_vec(), 3.0),
        ];
        for (descr, data, expected) in types {
            let header =
                format!("{{\"shape\": (1, 1L), 'fortran_order': True, 'descr': '{descr}'}}");
            let (header, numbers) = read(&file(1, &header, &data)).unwrap();
            assert_eq!((header.shape, header.fortran), (vec![1, 1], true));
            assert_eq!(numbers, [expected], "{descr}");
        }
        let (header, numbers) = read(&file(
            1,
            "{'descr': '|u1', 'fortran_order': False, 'shape': ()}",
            &[9],
        ))
        .unwrap();
        assert_eq!((header.shape, numbers), (vec![], vec![9.0]));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}";
        for (bytes, part) in [
            (b"\x93NUMPX\x01\0\0\0".to_vec(), "no array of numpy"),
            (file(4, good, &[]), "its version is 4"),
            (file(1, good, &[0; 7]), "failed to fill"),
            (
                file(1, &good.replace("<f4", "|O"), &[]),
                "not hold plain numbers but '|O'",
            ),
            (
                file(1, &good.replace("<f4", "<c8"), &[]),
                "plain numbers but '<c8'",
            ),
            (
                file(1, &good.replace("'<f4'", "[('x', '<f4')]"), &[]),
                "plain numbers but [('x'",
            ),
            (
                file(1, &good.replace("False", "None"), &[]),
                "no description",
            ),
            (
                file(1, &good.replace("(2,)", "(-2,)"), &[]),
                "no description",
            ),
            (file(1, &good.replace("(2,)", "2"), &[]), "no description"),
            (
                file(1, &good.replace("shape", "shapes"), &[]),
                "no description",
            ),
            (file(1, "{}", &[]), "no description"),
            (file(1, "", &[]), "no description"),
            (
                file(1, &good.replace("(2,)", "(9223372036854775807, 9)"), &[]),
                "more numbers than memory",
            ),
            (
                file(2, &format!("{good}{}", " ".repeat(20_000)), &[]),
                "longer than that of any array",
            ),
        ] {
            let message = read(&bytes).unwrap_err();
            assert!(message.contains(part), "{part:?}: {message}");
        }
        let whole = file(1, good, &[0; 8]);
        for end in 0..whole.len() {
            read(&whole[..end]).unwrap_err();
        }
    }
}
