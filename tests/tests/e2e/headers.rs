//! What is sent beside every response's body.

use sluice_tests::deadline::must;
use sluice_tests::http::{self, Answer};
use sluice_tests::lab::Lab;
use sluice_tests::server::Server;

/// Most bytes of headers of a response that is data.
const DATA_BYTES: usize = 250;
/// Most bytes of headers of the page, which name the ports of all labs once a transport.
const PAGE_BYTES: usize = 1_700;

/// Bytes of all header lines: `name: value` and a line break.
fn header_bytes(answer: &Answer) -> usize {
    answer.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_is_sent_with_the_page_and_with_nothing_that_is_data() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let at = server.target.http;
    let paths = [
        "/api/info".to_owned(),
        format!("/api/labs/{}", lab.view.id),
        "/healthz".to_owned(),
        "/none".to_owned(),
    ];
    for host in [at.to_string(), format!("localhost:{}", at.port())] {
        let host = [("host", host.as_str())];
        for path in &paths {
            let answer = must("asking", http::get(at, path, &host).await);
            assert_eq!(answer.header("content-security-policy"), "", "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            let bytes = header_bytes(&answer);
            assert!(bytes <= DATA_BYTES, "{path}: {bytes} bytes: {:?}", answer.headers);
        }
        let page = must("asking", http::get(at, "/", &host).await);
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        let bytes = header_bytes(&page);
        assert!(bytes <= PAGE_BYTES, "{bytes} bytes: {:?}", page.headers);
    }
    server.stop().await;
}
