//! Fingerprints of file contents, by which a second run knows that nothing changed.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use crate::failure::Result;
use crate::files;

/// Fingerprint of the names and contents of `paths` (files, or folders with all below them), relative to `root`.
///
/// A path that does not exist counts as absent, so that its creation changes the fingerprint.
pub(crate) fn of(root: &Path, paths: &[&str], salt: &str) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    salt.hash(&mut hasher);
    for path in paths {
        let path = root.join(path);
        let found: Vec<PathBuf> = if path.is_file() { vec![path] } else { files::all_below(&path)? };
        found.len().hash(&mut hasher);
        for file in found {
            file.strip_prefix(root).unwrap_or(&file).hash(&mut hasher);
            files::read(&file)?.hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Fingerprint of `text`.
pub(crate) fn of_text(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A folder of its own for each test, emptied first.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sluice-xtask-{}-{name}", std::process::id()));
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("an old test folder can be removed");
        }
        fs::create_dir_all(folder.join("src")).expect("a test folder can be created");
        folder
    }

    #[test]
    fn a_fingerprint_follows_contents_names_and_salt() {
        let root = folder("contents");
        fs::write(root.join("src/a.rs"), "one").expect("writable");
        let first = of(&root, &["src", "Trunk.toml"], "1").expect("readable");
        assert_eq!(of(&root, &["src", "Trunk.toml"], "1").expect("readable"), first);
        assert_ne!(of(&root, &["src", "Trunk.toml"], "2").expect("readable"), first);

        fs::write(root.join("src/a.rs"), "two").expect("writable");
        assert_ne!(of(&root, &["src", "Trunk.toml"], "1").expect("readable"), first);

        fs::write(root.join("src/a.rs"), "one").expect("writable");
        assert_eq!(of(&root, &["src", "Trunk.toml"], "1").expect("readable"), first);
        fs::rename(root.join("src/a.rs"), root.join("src/b.rs")).expect("renamable");
        assert_ne!(of(&root, &["src", "Trunk.toml"], "1").expect("readable"), first);
        fs::remove_dir_all(root).expect("removable");
    }

    #[test]
    fn creating_an_absent_file_changes_the_fingerprint() {
        let root = folder("absent");
        let first = of(&root, &["Trunk.toml"], "").expect("readable");
        fs::write(root.join("Trunk.toml"), "").expect("writable");
        assert_ne!(of(&root, &["Trunk.toml"], "").expect("readable"), first);
        fs::remove_dir_all(root).expect("removable");
    }
}
