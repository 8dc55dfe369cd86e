//! How the page is served.

use sluice_tests::deadline::must;
use sluice_tests::http;
use sluice_tests::process::ServerProcess;

/// Files that the page's first answer names, with their paths.
fn linked(index: &str) -> Vec<String> {
    let quoted = index.split(['"', '\'']).skip(1).step_by(2);
    let is_file = |text: &&str| [".js", ".wasm", ".css", ".svg"].iter().any(|end| text.ends_with(end));
    let path = |text: &str| format!("/{}", text.trim_start_matches('.').trim_start_matches('/'));
    let mut files: Vec<_> = quoted.filter(is_file).map(path).collect();
    files.sort();
    files.dedup();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn hashed_files_are_kept_for_ever_and_the_index_is_asked_for_again() {
    let server = ServerProcess::start::<&str>(&[]).await;
    let index = must("asking", http::get(server.http, "/", &[]).await);
    assert_eq!(index.status, 200);
    assert!(index.header("content-type").starts_with("text/html"), "{:?}", index.headers);
    assert!(!index.header("cache-control").contains("immutable"), "{:?}", index.headers);
    assert!(index.header("cache-control").contains("no-cache"), "{:?}", index.headers);
    assert!(!index.header("content-security-policy").is_empty(), "{:?}", index.headers);
    assert_eq!(index.header("x-content-type-options"), "nosniff");

    let again = [("if-none-match", index.header("etag"))];
    assert_eq!(must("asking", http::get(server.http, "/", &again).await).status, 304);

    let files = linked(&index.text());
    let mut immutable = 0;
    for file in &files {
        let answer = must("asking", http::get(server.http, file, &[]).await);
        assert_eq!(answer.status, 200, "{file}");
        immutable += usize::from(answer.header("cache-control").contains("immutable"));
    }
    for file in files.iter().filter(|file| file.ends_with(".wasm") || file.ends_with(".css")) {
        let answer = must("asking", http::get(server.http, file, &[]).await);
        assert_eq!(answer.header("content-security-policy"), "", "{file} is data");
    }
    assert!(immutable >= 2, "{immutable} of {files:?} are kept for ever");
    let worker = must("asking", http::get(server.http, "/lane_loader.js", &[]).await);
    assert_eq!(worker.status, 200);
    assert!(worker.header("content-security-policy").contains("; connect-src "), "{:?}", worker.headers);
    let again = [("if-none-match", worker.header("etag"))];
    let unchanged = must("asking", http::get(server.http, "/lane_loader.js", &again).await);
    assert_eq!(unchanged.status, 304);
    assert_eq!(unchanged.header("content-security-policy"), worker.header("content-security-policy"));
    assert!(
        !worker.header("cache-control").contains("immutable"),
        "its name has no hash: {:?}",
        worker.headers
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_compressed_to_those_who_take_it() {
    let server = ServerProcess::start::<&str>(&[]).await;
    let index = must("asking", http::get(server.http, "/", &[]).await);
    let wasm =
        linked(&index.text()).into_iter().find(|file| file.ends_with(".wasm")).expect("the page is wasm");
    let ask = async |accepted: &str| {
        must("asking", http::get(server.http, &wasm, &[("accept-encoding", accepted)]).await)
    };
    let plain = ask("identity").await;
    assert_eq!((plain.status, plain.header("content-encoding")), (200, ""));
    assert_eq!(plain.header("content-type"), "application/wasm");
    assert!(plain.body.starts_with(b"\0asm"));
    for (accepted, expected) in [("br", "br"), ("gzip, br", "br"), ("gzip", "gzip"), ("gzip, br;q=0", "gzip")]
    {
        let answer = ask(accepted).await;
        assert_eq!(answer.header("content-encoding"), expected, "{accepted}");
        assert!(answer.body.len() * 2 < plain.body.len(), "{} of {}", answer.body.len(), plain.body.len());
        assert!(answer.header("vary").to_lowercase().contains("accept-encoding"), "{:?}", answer.headers);
    }
}
