//! What the crates without IO must not reach: a runtime, a browser, a clock, ambient randomness.

use super::edges::Member;
use crate::failure::Result;
use crate::files;
use crate::process;
use crate::workspace::Workspace;

/// Crates whose time and randomness are arguments.
const PURE: [&str; 6] =
    ["sluice-shared", "sluice-link", "sluice-tcp", "sluice-balancer", "sluice-text", "sluice-bridge"];
/// Crates by which a runtime, a browser, a clock or ambient randomness would come in.
const FORBIDDEN_CRATES: [&str; 15] = [
    "async-std",
    "chrono",
    "coarsetime",
    "getrandom",
    "instant",
    "js-sys",
    "mio",
    "quanta",
    "socket2",
    "time",
    "tokio",
    "wasm-bindgen",
    "web-sys",
    "web-time",
    "wtransport",
];
/// Words of the standard library, or of rand, by which they would come in without a crate.
const FORBIDDEN_WORDS: [&str; 6] =
    ["Instant::now", "SystemTime", "thread_rng", "rand::rng(", "RandomState", "std::net::Tcp"];

/// Every breach in the dependency trees (without tests) and in the sources of the pure crates that exist.
pub(crate) fn breaches(workspace: &Workspace, members: &[Member]) -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    for member in members.iter().filter(|member| PURE.contains(&member.name.as_str())) {
        let mut tree = process::cargo(workspace);
        tree.args([
            "tree",
            "--package",
            &member.name,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]);
        tree.args(["--target", "all"]);
        let tree = process::output(&mut tree, "cargo tree")?;
        breaches.extend(
            forbidden_crates(&tree).into_iter().map(|name| format!("{} must not reach {name}", member.name)),
        );
        for path in files::all_below(&member.folder.join("src"))? {
            for (line, word) in forbidden_words(&files::read_text(&path)?) {
                breaches.push(format!(
                    "{}:{line}: {word} in a crate whose time and seed are arguments",
                    path.display()
                ));
            }
        }
    }
    Ok(breaches)
}

/// Forbidden crates in the output of `cargo tree --prefix none --format {p}`, each once.
fn forbidden_crates(tree: &str) -> Vec<&str> {
    let mut found: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| FORBIDDEN_CRATES.contains(name))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Forbidden words outside comments, with their line numbers from 1.
fn forbidden_words(source: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let code = line.split("//").next().unwrap_or("");
        found.extend(
            FORBIDDEN_WORDS.iter().filter(|word| code.contains(**word)).map(|word| (index + 1, *word)),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_crate_is_found_once_by_its_whole_name() {
        let tree =
            "sluice-shared v0.1.0 (/house/shared)\ntokio v1.50.0\ntokio-util v0.7.0\ntokio v1.50.0 (*)\n";
        assert_eq!(forbidden_crates(tree), ["tokio"]);
    }

    #[test]
    fn a_clock_in_code_is_found_and_a_comment_is_not() {
        let source = "// never Instant::now here\nlet now = Instant::now();\n";
        assert_eq!(forbidden_words(source), [(2, "Instant::now")]);
    }
}
