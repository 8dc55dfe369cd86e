//! Which crate of the workspace may depend on which.

use std::path::PathBuf;

use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::process;
use crate::workspace::Workspace;

/// Each crate with the crates it may use; `None` means any. See ARCHITECTURE.md.
const ALLOWED: [(&str, Option<&[&str]>); 16] = [
    ("sluice-shared", Some(&[])),
    ("sluice-link", Some(&["sluice-shared"])),
    ("sluice-tcp", Some(&["sluice-link", "sluice-shared"])),
    ("sluice-capture", Some(&["sluice-tcp", "sluice-link", "sluice-shared"])),
    ("sluice-wire", Some(&["sluice-tcp", "sluice-link", "sluice-shared"])),
    (
        "sluice-relay",
        Some(&["sluice-balancer", "sluice-capture", "sluice-tcp", "sluice-link", "sluice-shared"]),
    ),
    ("sluice-balancer", Some(&["sluice-shared"])),
    (
        "sluice-server",
        Some(&[
            "sluice-balancer",
            "sluice-relay",
            "sluice-wire",
            "sluice-capture",
            "sluice-tcp",
            "sluice-link",
            "sluice-shared",
        ]),
    ),
    ("sluice-text", Some(&["sluice-shared"])),
    ("sluice-bridge", Some(&["sluice-shared"])),
    ("sluice-browser", Some(&["sluice-bridge", "sluice-text", "sluice-shared"])),
    ("sluice-lane", Some(&["sluice-browser", "sluice-bridge", "sluice-text", "sluice-shared"])),
    ("sluice-page", Some(&["sluice-browser", "sluice-bridge", "sluice-text", "sluice-shared"])),
    ("sluice-app", Some(&["sluice-lane", "sluice-page"])),
    ("sluice-tests", None),
    ("xtask", Some(&[])),
];

/// A crate of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its package name.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The packages it names as dependencies of any kind, in or outside the workspace.
    pub(crate) dependencies: Vec<String>,
}

/// All crates of the workspace, as cargo reports them.
pub(crate) fn members(workspace: &Workspace) -> Result<Vec<Member>> {
    let mut cargo = process::cargo(workspace);
    cargo.args(["metadata", "--format-version=1", "--no-deps"]);
    let text = process::output(&mut cargo, "cargo metadata")?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::failed(format!("reading cargo metadata: {error}")))?;
    parse(&metadata).ok_or_else(|| Failure::failed("cargo metadata does not have the expected form"))
}

/// Every dependency between crates of the workspace that the house does not allow.
pub(crate) fn breaches(members: &[Member]) -> Vec<String> {
    let mut breaches = Vec::new();
    for member in members {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == member.name) else {
            breaches
                .push(format!("{} has no place in the house; give it one in xtask's layers", member.name));
            continue;
        };
        let Some(allowed) = allowed else { continue };
        for dependency in &member.dependencies {
            let is_ours = members.iter().any(|other| other.name == *dependency);
            if is_ours && !allowed.contains(&dependency.as_str()) {
                breaches.push(format!("{} must not depend on {dependency}", member.name));
            }
        }
    }
    breaches
}

fn parse(metadata: &Value) -> Option<Vec<Member>> {
    let packages = metadata.get("packages")?.as_array()?;
    packages.iter().map(parse_member).collect()
}

fn parse_member(package: &Value) -> Option<Member> {
    let manifest = PathBuf::from(package.get("manifest_path")?.as_str()?);
    let dependencies = package.get("dependencies")?.as_array()?;
    Some(Member {
        name: package.get("name")?.as_str()?.to_owned(),
        folder: manifest.parent()?.to_path_buf(),
        dependencies: dependencies
            .iter()
            .map(|dependency| Some(dependency.get("name")?.as_str()?.to_owned()))
            .collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, dependencies: &[&str]) -> Member {
        Member {
            name: name.into(),
            folder: PathBuf::new(),
            dependencies: dependencies.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    #[test]
    fn the_designed_house_has_no_breach() {
        let house = [
            member("sluice-shared", &["bytes", "serde"]),
            member("sluice-server", &["sluice-shared", "tokio"]),
            member("sluice-page", &["sluice-shared", "leptos"]),
            member("sluice-tests", &["sluice-server", "sluice-shared"]),
            member("xtask", &["clap"]),
        ];
        assert_eq!(breaches(&house), Vec::<String>::new());
    }

    #[test]
    fn a_page_that_uses_the_server_is_a_breach() {
        let house = [member("sluice-server", &[]), member("sluice-page", &["sluice-server"])];
        assert_eq!(breaches(&house), ["sluice-page must not depend on sluice-server"]);
    }

    #[test]
    fn a_crate_without_a_place_is_a_breach() {
        assert_eq!(breaches(&[member("sluice-extra", &[])]).len(), 1);
    }

    #[test]
    fn cargos_metadata_is_understood() {
        let metadata = serde_json::json!({ "packages": [{
            "name": "sluice-server",
            "manifest_path": "/house/server/Cargo.toml",
            "dependencies": [{ "name": "sluice-shared", "kind": null }, { "name": "proptest", "kind": "dev" }],
        }]});
        let members = parse(&metadata).expect("complete");
        assert_eq!(members[0].folder, PathBuf::from("/house/server"));
        assert_eq!(members[0].dependencies, ["sluice-shared", "proptest"]);
        assert_eq!(parse(&serde_json::json!({})), None);
    }
}
