//! Where the parts of the project lie on disk.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// The project's folders.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// The workspace that `cargo xtask` was called in (a target folder, and so this program, may be shared by clones).
    pub(crate) fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest)
            .parent()
            .ok_or_else(|| Failure::failed("xtask lies outside a workspace"))?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The built page.
    pub(crate) fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// Cargo's target folder.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Tools installed for this project alone.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The release build of the server, with the page inside.
    pub(crate) fn server_binary(&self) -> PathBuf {
        self.binary("release")
    }

    /// The debug build of the server, which reads the page from disk.
    pub(crate) fn debug_server_binary(&self) -> PathBuf {
        self.binary("debug")
    }

    /// Reads what an earlier run noted under `name`.
    pub(crate) fn note(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.notes().join(name)).ok()
    }

    /// Notes `text` under `name` for later runs.
    pub(crate) fn set_note(&self, name: &str, text: &str) -> Result<()> {
        let folder = self.notes();
        fs::create_dir_all(&folder).map_err(|error| Failure::io("creating", &folder, &error))?;
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| Failure::io("writing", &path, &error))
    }

    /// Waits until no other run of this tool holds the lock `name`, and holds it until the file is dropped.
    pub(crate) fn lock(&self, name: &str) -> Result<File> {
        let folder = self.notes();
        fs::create_dir_all(&folder).map_err(|error| Failure::io("creating", &folder, &error))?;
        let path = folder.join(name);
        let file = File::create(&path).map_err(|error| Failure::io("creating", &path, &error))?;
        file.lock().map_err(|error| Failure::io("locking", &path, &error))?;
        Ok(file)
    }

    /// The version of `package` in `Cargo.lock`.
    pub(crate) fn locked_version(&self, package: &str) -> Result<String> {
        let path = self.root.join("Cargo.lock");
        let lock = fs::read_to_string(&path).map_err(|error| Failure::io("reading", &path, &error))?;
        version_in_lock(&lock, package)
            .map(str::to_owned)
            .ok_or_else(|| Failure::failed(format!("{} names no package `{package}`", path.display())))
    }

    fn binary(&self, profile: &str) -> PathBuf {
        self.target.join(profile).join(format!("sluice{}", env::consts::EXE_SUFFIX))
    }

    fn notes(&self) -> PathBuf {
        self.target.join("xtask")
    }
}

/// Finds the version of `package` in the text of a `Cargo.lock`.
fn version_in_lock<'lock>(lock: &'lock str, package: &str) -> Option<&'lock str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines();
    lines.find(|line| *line == name)?;
    lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"0.1.0\"\n\n\
                        [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";

    #[test]
    fn a_locked_version_is_found_by_the_whole_name() {
        assert_eq!(version_in_lock(LOCK, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(version_in_lock(LOCK, "wasm"), None);
    }
}
