//! Image files to RGB bytes, as Pillow's `convert("RGB")` gives them. JPEG, PNG and WebP, told by
//! content and not by name; orientation tags and colour profiles are ignored, as there.
//!
//! JPEG is decoded by a port of libjpeg-turbo, which Pillow uses: the decoder of the `image` crate
//! rounds colours and interpolates chroma otherwise, which resizing makes up to four levels of.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageFormat, ImageReader, Limits};
use libjpeg_turbo_rs::{DecodeLimits, Decoder, PixelFormat};

/// The most pixels of an image (the largest of ImageNet has 61 million).
pub(super) const MAX_PIXELS: u64 = 1 << 26;
/// The longest side.
const MAX_SIDE: u32 = 1 << 16;
/// The most bytes a decoder of JPEG may use.
const MAX_JPEG_MEMORY: u64 = 768 << 20;
/// The most bytes of another image as it is decoded: 16-bit colours at [`MAX_PIXELS`].
const MAX_MEMORY: u64 = 6 * MAX_PIXELS;
/// The number of pixels from which images are decoded one at a time.
const LARGE: u64 = 1 << 24;
/// The most scans of a progressive JPEG.
const MAX_SCANS: usize = 256;

/// An image: interleaved RGB.
#[derive(Debug)]
pub(super) struct Rgb {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

/// Decodes an image file.
///
/// # Errors
/// The reason, in words.
pub(super) fn decode(bytes: &[u8]) -> Result<Rgb, String> {
    // A decoder that panics has met a file that it should have refused.
    catch_unwind(AssertUnwindSafe(|| match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => jpeg(bytes),
        Ok(format @ (ImageFormat::Png | ImageFormat::WebP)) => other(bytes, format),
        Ok(format) => Err(format!(
            "a {format:?} image; this program reads JPEG, PNG and WebP"
        )),
        Err(_) if bytes.is_empty() => Err("the file is empty".to_owned()),
        Err(_) => Err("not a JPEG, PNG or WebP image".to_owned()),
    }))
    .unwrap_or_else(|_| Err("the image decoder failed on it".to_owned()))
}

/// Refuses sizes before anything is allocated for them; large images wait for each other.
fn admit(width: u64, height: u64) -> Result<Option<std::sync::MutexGuard<'static, ()>>, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let pixels = width.saturating_mul(height);
    if pixels == 0 {
        return Err(format!("an image of {width}x{height} pixels"));
    }
    if pixels > MAX_PIXELS || width.max(height) > u64::from(MAX_SIDE) {
        return Err(format!(
            "an image of {width}x{height} pixels, more than this program decodes ({MAX_PIXELS} in all, {MAX_SIDE} a side)"
        ));
    }
    let large = pixels > LARGE;
    Ok(large.then(|| ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)))
}

fn jpeg(bytes: &[u8]) -> Result<Rgb, String> {
    let limits = DecodeLimits {
        max_scans: MAX_SCANS,
        max_memory: Some(MAX_JPEG_MEMORY),
        ..DecodeLimits::default()
    };
    let said = |e: libjpeg_turbo_rs::JpegError| format!("a damaged JPEG image: {e}");
    let mut decoder = Decoder::new_with_limits(bytes, limits).map_err(said)?;
    let (width, height) = (decoder.header().width, decoder.header().height);
    let _turn = admit(u64::from(width), u64::from(height))?;
    let inks = decoder.header().components.len() == 4;
    decoder.set_output_format(if inks {
        PixelFormat::Cmyk
    } else {
        PixelFormat::Rgb
    });
    let image = decoder.decode_image().map_err(said)?;
    let pixels = if inks {
        image.data.as_chunks().0.iter().flat_map(of_inks).collect()
    } else {
        image.data
    };
    Ok(Rgb {
        width: image.width,
        height: image.height,
        pixels,
    })
}

/// Pillow's conversion of CMYK, which takes four-colour JPEG files as Adobe writes them: inverted.
fn of_inks(inverted: &[u8; 4]) -> [u8; 3] {
    let [c, m, y, white] = inverted.map(i32::from);
    [c, m, y].map(|ink| {
        let product = (255 - ink) * white + 128;
        (white - (((product >> 8) + product) >> 8)).clamp(0, 255) as u8
    })
}

fn other(bytes: &[u8], format: ImageFormat) -> Result<Rgb, String> {
    let said = |e: image::ImageError| format!("a damaged {format:?} image: {e}");
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(said)?;
    let (width, height) = decoder.dimensions();
    let _turn = admit(u64::from(width), u64::from(height))?;
    if decoder.total_bytes() > MAX_MEMORY {
        return Err(format!(
            "an image of {} bytes before it is converted, more than this program decodes ({MAX_MEMORY})",
            decoder.total_bytes()
        ));
    }
    let is_deep_grey = decoder.original_color_type() == ExtendedColorType::L16;
    let image = DynamicImage::from_decoder(decoder).map_err(said)?;
    Ok(Rgb {
        width: width as usize,
        height: height as usize,
        pixels: as_rgb(image, is_deep_grey),
    })
}

/// As Pillow converts, which takes the upper byte of 16-bit samples, but cuts grey ones off at 255.
fn as_rgb(image: DynamicImage, is_deep_grey: bool) -> Vec<u8> {
    let upper = |v: u16| (v >> 8) as u8;
    let grey = |v: u16| match is_deep_grey {
        true => v.min(255) as u8,
        false => upper(v),
    };
    match image {
        DynamicImage::ImageLuma16(image) => {
            let greys = image.into_raw().into_iter().map(grey);
            greys.flat_map(|v| [v; 3]).collect()
        }
        DynamicImage::ImageLumaA16(image) => {
            let greys = image.pixels().map(|pixel| grey(pixel.0[0]));
            greys.flat_map(|v| [v; 3]).collect()
        }
        DynamicImage::ImageRgb16(image) => image.into_raw().into_iter().map(upper).collect(),
        DynamicImage::ImageRgba16(image) => {
            let colours = image.pixels().flat_map(|pixel| {
                let [r, g, b, _] = pixel.0;
                [r, g, b]
            });
            colours.map(upper).collect()
        }
        other => other.into_rgb8().into_raw(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn png(width: u32, height: u32, colour: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
        let image = image::RgbImage::from_fn(width, height, |x, y| image::Rgb(colour(x, y)));
        encoded(&DynamicImage::ImageRgb8(image), ImageFormat::Png)
    }

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, format).unwrap();
        file.into_inner()
    }

    fn photo() -> Vec<u8> {
        let pixels: Vec<u8> = (0..16 * 12 * 3).map(|i| (i * i % 251) as u8).collect();
        let image = (&pixels[..], 16, 12, PixelFormat::Rgb);
        let samples = libjpeg_turbo_rs::Subsampling::S420;
        libjpeg_turbo_rs::compress(image.0, image.1, image.2, image.3, 90, samples).unwrap()
    }

    #[test]
    fn samples_of_16_bits_are_converted_as_by_pillow() {
        use image::{ImageBuffer, Luma, LumaA, Rgb, Rgba};
        // What Pillow 13 makes of them with convert("RGB").
        let samples = [0, 1, 128, 255, 256, 1000, 32767, 32768, 65408, 65535];
        let upper: [u8; 10] = [0, 0, 0, 0, 1, 3, 127, 128, 255, 255];
        let clipped: [u8; 10] = [0, 1, 128, 255, 255, 255, 255, 255, 255, 255];
        let at = |x: u32| samples[x as usize];
        let images = [
            DynamicImage::ImageLuma16(ImageBuffer::from_fn(10, 1, |x, _| Luma([at(x)]))),
            DynamicImage::ImageRgb16(ImageBuffer::from_fn(10, 1, |x, _| Rgb([at(x); 3]))),
            DynamicImage::ImageLumaA16(ImageBuffer::from_fn(10, 1, |x, _| LumaA([at(x), 9]))),
            DynamicImage::ImageRgba16(ImageBuffer::from_fn(10, 1, |x, _| {
                Rgba([at(x), at(x), at(x), 9])
            })),
        ];
        for (image, expected) in images.iter().zip([clipped, upper, upper, upper]) {
            let pixels = decode(&encoded(image, ImageFormat::Png))
                .expect("a PNG")
                .pixels;
            let expected: Vec<u8> = expected.iter().flat_map(|v| [*v; 3]).collect();
            assert_eq!(pixels, expected, "{:?}", image.color());
        }
    }

    #[test]
    fn formats_are_told_by_content() {
        let image =
            DynamicImage::ImageRgb8(image::RgbImage::from_pixel(3, 2, image::Rgb([9, 8, 7])));
        for format in [ImageFormat::Png, ImageFormat::WebP] {
            let rgb = decode(&encoded(&image, format)).unwrap();
            assert_eq!((rgb.width, rgb.height), (3, 2));
            assert_eq!(rgb.pixels, [9, 8, 7].repeat(6));
        }
        let rgb = decode(&photo()).unwrap();
        assert_eq!((rgb.width, rgb.height, rgb.pixels.len()), (16, 12, 576));
    }

    #[test]
    fn transparency_is_dropped_and_grey_is_tripled() {
        let clear = image::RgbaImage::from_pixel(1, 1, image::Rgba([1, 2, 3, 0]));
        let rgb = decode(&encoded(&DynamicImage::ImageRgba8(clear), ImageFormat::Png)).unwrap();
        assert_eq!(rgb.pixels, [1, 2, 3]);
        let grey = image::GrayImage::from_pixel(1, 1, image::Luma([77]));
        let rgb = decode(&encoded(&DynamicImage::ImageLuma8(grey), ImageFormat::Png)).unwrap();
        assert_eq!(rgb.pixels, [77; 3]);
    }

    #[test]
    fn inks_become_colours() {
        // No ink at all is white, black alone is black, and full cyan takes the red away.
        assert_eq!(of_inks(&[255, 255, 255, 255]), [255; 3]);
        assert_eq!(of_inks(&[255, 255, 255, 0]), [0; 3]);
        assert_eq!(of_inks(&[0, 255, 255, 255]), [0, 255, 255]);
        assert_eq!(of_inks(&[128, 255, 255, 200]), [100, 200, 200]);
    }

    #[test]
    fn what_is_no_image_is_said() {
        for (bytes, part) in [
            (&b""[..], "the file is empty"),
            (b"hello, I am text", "not a JPEG, PNG or WebP image"),
            (b"GIF89a....", "a Gif image"),
            (&photo()[..200], "a damaged JPEG image"),
            (
                &png(9, 9, |x, y| [x as u8, y as u8, 1])[..60],
                "a damaged Png image",
            ),
        ] {
            let message = decode(bytes).unwrap_err();
            assert!(message.contains(part), "{part}: {message}");
        }
    }

    /// A header that claims a huge image is refused before memory is asked for.
    #[test]
    fn claims_are_bounded() {
        let mut huge = png(2, 2, |_, _| [0; 3]);
        huge[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        let crc = crc32(&huge[12..29]);
        huge[29..33].copy_from_slice(&crc.to_be_bytes());
        let message = decode(&huge).unwrap_err();
        assert!(
            message.contains("65536x65536") || message.contains("limit"),
            "{message}"
        );
        let mut huge = photo();
        let frame = huge.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
        huge[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
        let message = decode(&huge).unwrap_err();
        assert!(
            message.contains("65500x65500") || message.contains("limit"),
            "{message}"
        );
    }

    fn crc32(bytes: &[u8]) -> u32 {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum()
    }

    proptest! {
        #[test]
        fn damaged_files_are_read_or_refused(which in 0..2_usize, changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6), cut: usize) {
            let mut file = if which == 0 { photo() } else { png(16, 12, |x, y| [x as u8, y as u8, 3]) };
            for (at, value) in changes {
                let at = at % file.len();
                file[at] = value;
            }
            for bytes in [&file[..], &file[..cut % (file.len() + 1)]] {
                if let Ok(rgb) = decode(bytes) {
                    prop_assert_eq!(rgb.pixels.len(), 3 * rgb.width * rgb.height);
                }
            }
        }
    }
}
