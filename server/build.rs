//! Compiles the release server anew whenever the page that it carries has changed.

use std::env;
use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    // A debug server reads the page from disk. Without this, a release server that was built before there was a page
    // would stay without one: nothing it was made of would have changed.
    if env::var("PROFILE").as_deref() == Ok("release") {
        let page = Path::new("../dist");
        fs::create_dir_all(page)?;
        println!("cargo::rerun-if-changed={}", page.display());
    }
    Ok(())
}
