//! Walking folders in a stable order.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// All files below `folder` that `enter` lets the walk reach, sorted; a folder that is absent has none.
pub(crate) fn below(folder: &Path, enter: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if folder.is_dir() {
        collect(folder, enter, &mut found)?;
    }
    found.sort();
    Ok(found)
}

/// All files below `folder`, sorted.
pub(crate) fn all_below(folder: &Path) -> Result<Vec<PathBuf>> {
    below(folder, &|_| true)
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Failure::io("reading", path, &error))
}

/// Reads a whole text file.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Failure::io("reading", path, &error))
}

fn collect(folder: &Path, enter: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::io("listing", folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| Failure::io("listing", folder, &error))?.path();
        if path.is_dir() {
            if enter(&path) {
                collect(&path, enter, found)?;
            }
        } else {
            found.push(path);
        }
    }
    Ok(())
}
