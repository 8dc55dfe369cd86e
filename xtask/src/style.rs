//! One style sheet for the page: Trunk links each source file by itself, and a visitor should ask for one.

use std::fs;
use std::path::Path;

use crate::failure::{Failure, Result};
use crate::files;
use crate::fingerprint;

/// Merges and minifies the style sheets that `dist/index.html` links, in their order, and links the result in their
/// place. Returns how many there were.
pub(crate) fn merge(dist: &Path) -> Result<usize> {
    let index = dist.join("index.html");
    let html = files::read_text(&index)?;
    let (mut styles, mut sources) = (String::new(), Vec::new());
    for line in html.lines() {
        if let Some(name) = linked_style(line) {
            let path = dist.join(name);
            styles.push_str(&minified(&files::read_text(&path)?));
            sources.push(path);
        }
    }
    if sources.is_empty() {
        return Ok(0);
    }
    let name = format!("style-{}.css", fingerprint::of_text(&styles));
    write(&dist.join(&name), &styles)?;
    write(&index, &relinked(&html, &name))?;
    for path in &sources {
        fs::remove_file(path).map_err(|error| Failure::io("removing", path, &error))?;
    }
    Ok(sources.len())
}

/// Minifies the style sheets of `dist` that no page links by itself, in place.
pub(crate) fn minify_others(dist: &Path) -> Result<()> {
    for path in files::all_below(dist)? {
        if path.extension().is_some_and(|extension| extension == "css") {
            write(&path, &minified(&files::read_text(&path)?))?;
        }
    }
    Ok(())
}

/// The file name of the style sheet that a line of HTML links, as Trunk writes it.
fn linked_style(line: &str) -> Option<&str> {
    let link = line.trim().strip_prefix("<link rel=\"stylesheet\" href=\"/")?;
    link.split_once('"').map(|(name, _)| name)
}

/// `html` with one link to `name` in place of all style sheets.
fn relinked(html: &str, name: &str) -> String {
    let mut lines = Vec::new();
    let mut is_linked = false;
    for line in html.lines() {
        if linked_style(line).is_none() {
            lines.push(line.to_owned());
        } else if !is_linked {
            is_linked = true;
            lines.push(format!("    <link rel=\"stylesheet\" href=\"/{name}\">"));
        }
    }
    lines.join("\n") + "\n"
}

/// `css` without comments and without the space that only people need. What is quoted stays as it is.
fn minified(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '"' | '\'' => {
                let length = quoted_bytes(rest, next);
                out.push_str(&rest[..length]);
                length
            }
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ if next.is_ascii_whitespace() => {
                // One space is kept where it may separate words; around these it never does.
                if !out.is_empty() && !out.ends_with([' ', '{', '}', ';', ',']) {
                    out.push(' ');
                }
                1
            }
            _ => {
                if matches!(next, '{' | '}' | ';' | ',') && out.ends_with(' ') {
                    out.pop();
                }
                if next == '}' && out.ends_with(';') {
                    out.pop();
                }
                out.push(next);
                next.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    out
}

/// Bytes of the quoted string that `text` begins with, both quotes included.
fn quoted_bytes(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if character == quote && !is_escaped {
            return at + quote.len_utf8();
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    text.len()
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| Failure::io("writing", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_space_that_separates_nothing_goes() {
        let cases = [
            ("/* a */\na , b {\n  color: red;\n  margin: 0 1px;\n}\n", "a,b{color: red;margin: 0 1px}"),
            ("a  b > c:hover { width: calc(1px + 2px) }", "a b > c:hover{width: calc(1px + 2px)}"),
            ("a::after { content: \" ; } /* \\\" \"; }", "a::after{content: \" ; } /* \\\" \"}"),
            ("@media (width < 4em) {\n  a { b: c; }\n}", "@media (width < 4em){a{b: c}}"),
            ("a /* x */ b{c: '  '}", "a b{c: '  '}"),
            ("a { b: url(\"d\") /* unclosed", "a{b: url(\"d\") "),
        ];
        for (css, expected) in cases {
            assert_eq!(minified(css), expected, "{css}");
        }
    }

    #[test]
    fn linked_styles_become_one_in_their_order() {
        let folder = std::env::temp_dir().join(format!("sluice-xtask-style-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a test folder can be created");
        let html = "<head>\n    <link rel=\"icon\" href=\"/i.svg\"/>\n    <link rel=\"stylesheet\" href=\"/b-1.css\" \
                    data-integrity=\"none\"/>\n    <link rel=\"stylesheet\" href=\"/a-2.css\"/>\n</head>";
        fs::write(folder.join("index.html"), html).expect("writable");
        for (name, css) in [("b-1.css", "b { c: d; }\n"), ("a-2.css", "a { c: d; }\n"), ("lazy.css", "l { }")]
        {
            fs::write(folder.join(name), css).expect("writable");
        }
        assert_eq!(merge(&folder).expect("merges"), 2);
        minify_others(&folder).expect("minifies");
        let html = files::read_text(&folder.join("index.html")).expect("written");
        let name = html.lines().find_map(linked_style).expect("one link").to_owned();
        assert_eq!(html.lines().filter_map(linked_style).count(), 1);
        assert!(html.contains("<link rel=\"icon\" href=\"/i.svg\"/>"), "{html}");
        assert_eq!(files::read_text(&folder.join(&name)).expect("written"), "b{c: d}a{c: d}");
        assert!(!folder.join("b-1.css").exists() && !folder.join("a-2.css").exists());
        assert_eq!(files::read_text(&folder.join("lazy.css")).expect("kept"), "l{}");
        fs::remove_dir_all(folder).expect("removable");
    }
}
