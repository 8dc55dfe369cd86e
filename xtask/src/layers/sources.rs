//! Source files stay short, and every crate is named where newcomers look.

use std::path::Path;

use super::edges::Member;
use crate::failure::Result;
use crate::files;
use crate::workspace::Workspace;

/// A file beyond this has more than one concern.
const LINE_LIMIT: usize = 600;
const SKIPPED_FOLDERS: [&str; 4] = [".git", "dist", "node_modules", "target"];

/// The number of Rust files in the repository, and a breach for each that is too long.
pub(crate) fn too_long(workspace: &Workspace) -> Result<(usize, Vec<String>)> {
    let all = files::below(workspace.root(), &is_searched)?;
    let mut count = 0;
    let mut breaches = Vec::new();
    for path in all.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        count += 1;
        let lines = files::read_text(path)?.lines().count();
        if lines > LINE_LIMIT {
            breaches.push(format!("{}: {lines} lines, more than {LINE_LIMIT}; split it", path.display()));
        }
    }
    Ok((count, breaches))
}

/// A breach for each crate that ARCHITECTURE.md does not name by its folder.
pub(crate) fn undocumented(workspace: &Workspace, members: &[Member]) -> Result<Vec<String>> {
    let architecture = files::read_text(&workspace.root().join("ARCHITECTURE.md"))?;
    let folders =
        members.iter().map(|member| member.folder.strip_prefix(workspace.root()).unwrap_or(&member.folder));
    Ok(folders
        .filter(|folder| !names_folder(&architecture, folder))
        .map(|folder| format!("ARCHITECTURE.md does not name {}/", folder.display()))
        .collect())
}

fn is_searched(folder: &Path) -> bool {
    folder.file_name().and_then(|name| name.to_str()).is_none_or(|name| !SKIPPED_FOLDERS.contains(&name))
}

/// Whether `text` holds `folder/`, not as the end of another name.
fn names_folder(text: &str, folder: &Path) -> bool {
    let name = format!("{}/", folder.display());
    text.match_indices(&name).any(|(at, _)| {
        text[..at]
            .chars()
            .next_back()
            .is_none_or(|before| !before.is_alphanumeric() && !"-_/".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_only_by_its_own_name() {
        assert!(names_folder("- `server/`: the server", Path::new("server")));
        assert!(names_folder("shared/  the words", Path::new("shared")));
        assert!(!names_folder("the webserver/ folder and emulator/tests/", Path::new("server")));
        assert!(!names_folder("emulator/tests/", Path::new("tests")));
    }

    #[test]
    fn built_and_foreign_folders_are_not_searched() {
        assert!(is_searched(Path::new("/house/server")));
        assert!(!is_searched(Path::new("/house/target")));
    }
}
