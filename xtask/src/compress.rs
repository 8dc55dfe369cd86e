//! Compresses the built page ahead of time, so that the server spends nothing on it, and measures it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::failure::{Failure, Result};
use crate::files;

/// Kinds of files that shrink; images and fonts are compressed already.
const COMPRESSIBLE: [&str; 7] = ["css", "html", "js", "json", "svg", "txt", "wasm"];
/// The slowest and smallest brotli quality.
const BROTLI_QUALITY: u32 = 11;
/// Brotli's largest window that every browser takes, as a power of two.
const BROTLI_WINDOW_BITS: u32 = 24;
const BROTLI_BUFFER_BYTES: usize = 64 * 1024;

/// What one file of the page costs a visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSize {
    /// File name within the page.
    pub(crate) name: String,
    /// Bytes as built.
    pub(crate) plain_bytes: u64,
    /// Bytes that are sent: with brotli, unless the file does not shrink.
    pub(crate) brotli_bytes: u64,
}

/// Writes a `.br` and a `.gz` file beside every compressible file below `dist`; returns how many were compressed.
pub(crate) fn compress(dist: &Path) -> Result<usize> {
    let sources: Vec<PathBuf> =
        files::all_below(dist)?.into_iter().filter(|path| is_compressible(path)).collect();
    for path in &sources {
        let plain = files::read(path)?;
        write(
            &with_suffix(path, "br"),
            &brotli(&plain).map_err(|error| Failure::io("compressing", path, &error))?,
        )?;
        write(
            &with_suffix(path, "gz"),
            &gzip(&plain).map_err(|error| Failure::io("compressing", path, &error))?,
        )?;
    }
    Ok(sources.len())
}

/// All files of the page with their sizes, largest first.
pub(crate) fn sizes(dist: &Path) -> Result<Vec<FileSize>> {
    let mut sizes = Vec::new();
    for path in files::all_below(dist)? {
        if matches!(extension(&path), "br" | "gz") {
            continue;
        }
        let plain_bytes = length(&path)?;
        sizes.push(FileSize {
            name: path.strip_prefix(dist).unwrap_or(&path).display().to_string(),
            plain_bytes,
            brotli_bytes: if is_compressible(&path) {
                length(&with_suffix(&path, "br"))?
            } else {
                plain_bytes
            },
        });
    }
    sizes.sort_by(|a, b| b.brotli_bytes.cmp(&a.brotli_bytes).then_with(|| a.name.cmp(&b.name)));
    Ok(sizes)
}

fn brotli(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer =
        brotli::CompressorWriter::new(&mut out, BROTLI_BUFFER_BYTES, BROTLI_QUALITY, BROTLI_WINDOW_BITS);
    writer.write_all(plain)?;
    writer.flush()?;
    drop(writer);
    Ok(out)
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(plain)?;
    writer.finish()
}

fn is_compressible(path: &Path) -> bool {
    COMPRESSIBLE.contains(&extension(path))
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or("")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| Failure::io("writing", path, &error))
}

fn length(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).map_err(|error| Failure::io("measuring", path, &error))?.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn both_encodings_give_the_file_back() {
        let folder = std::env::temp_dir().join(format!("sluice-xtask-compress-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a test folder can be created");
        let text = "the same words again and again, ".repeat(400);
        fs::write(folder.join("app.js"), &text).expect("writable");
        fs::write(folder.join("icon.png"), "not compressible").expect("writable");
        assert_eq!(compress(&folder).expect("compresses"), 1);
        assert!(!folder.join("icon.png.br").exists());

        let mut plain = String::new();
        brotli::Decompressor::new(&*fs::read(folder.join("app.js.br")).expect("written"), 4096)
            .read_to_string(&mut plain)
            .expect("valid brotli");
        assert_eq!(plain, text);

        plain.clear();
        flate2::read::GzDecoder::new(&*fs::read(folder.join("app.js.gz")).expect("written"))
            .read_to_string(&mut plain)
            .expect("valid gzip");
        assert_eq!(plain, text);

        let sizes = sizes(&folder).expect("measurable");
        assert_eq!(sizes.len(), 2);
        assert_eq!((sizes[1].name.as_str(), sizes[1].brotli_bytes), ("icon.png", 16));
        assert_eq!(sizes[0].plain_bytes, text.len() as u64);
        assert!(sizes[0].brotli_bytes < sizes[0].plain_bytes / 20);
        fs::remove_dir_all(folder).expect("removable");
    }
}
