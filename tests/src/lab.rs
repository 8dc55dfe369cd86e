//! A lab of a running server, by its API.

use std::net::SocketAddr;

use hyper::Method;
use serde::de::DeserializeOwned;
use sluice_shared::lab::{Congestion, FrameEvent, FrameRecord, Lab as View, LabReport};
use sluice_shared::mode::Transport;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;

use crate::deadline::{in_time, must};
use crate::http::{Answer, send};
use crate::observer::Observer;
use crate::target::Target;

const JSON: (&str, &str) = ("content-type", "application/json");

/// A lab.
#[derive(Clone, Debug)]
pub struct Lab {
    server: Target,
    /// As the server showed it last.
    pub view: View,
}

impl Lab {
    /// Opens a lab with the link that `request` describes.
    ///
    /// # Panics
    /// There is none to be had.
    pub async fn open(server: &Target, request: &str) -> Self {
        let answer = call(server.http, Method::POST, "/api/labs", request).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        Self { server: server.clone(), view: must("reading the lab", answer.json()) }
    }

    /// The lab named `id`, which somebody else has opened.
    ///
    /// # Panics
    /// There is none.
    pub async fn find(server: &Target, id: &str) -> Self {
        let answer = call(server.http, Method::GET, &format!("/api/labs/{id}"), "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Self { server: server.clone(), view: must("reading the lab", answer.json()) }
    }

    /// Where the lane numbered `lane` connects.
    pub fn target(&self, lane: u16, congestion: Congestion) -> Target {
        let at = |port| SocketAddr::new(self.server.http.ip(), port);
        let ports = self.view.ports;
        Target {
            http: at(ports.websocket.port(congestion)),
            quic: ports.webtransport.map(|ports| at(ports.port(congestion))),
            certificate_hashes: self.server.certificate_hashes.clone(),
            lane: Some(lane),
        }
    }

    /// Calls a path of the lab's own, such as `/link`.
    ///
    /// # Panics
    /// There is no answer.
    pub async fn call(&self, method: Method, path: &str, body: &str) -> Answer {
        call(self.server.http, method, &format!("/api/labs/{}{path}", self.view.id), body).await
    }

    /// Changes the link.
    ///
    /// # Panics
    /// The server refuses.
    pub async fn set_link(&mut self, request: &str) {
        let answer = self.call(Method::PUT, "/link", request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.view = must("reading the lab", answer.json());
    }

    /// Lets something happen.
    ///
    /// # Panics
    /// The server refuses.
    pub async fn event(&self, event: &str) {
        let answer = self.call(Method::POST, "/events", event).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
    }

    /// Follows the lab's reports.
    ///
    /// # Panics
    /// The server refuses.
    pub async fn watch(&self) -> Reports {
        Reports { events: self.events("/watch").await }
    }

    /// Follows the frames of a lane's WebSocket.
    ///
    /// # Panics
    /// The server refuses.
    pub async fn frames(&self, lane: u16) -> Frames {
        Frames { events: self.events(&format!("/frames?lane={lane}")).await }
    }

    /// Follows the lab's reports over a WebSocket, as the page does.
    ///
    /// # Panics
    /// The server refuses.
    pub async fn observe(&self) -> Observer {
        let path = format!("/api/labs/{}/watch", self.view.id);
        must("opening the WebSocket", Observer::open(self.server.http, &path, None).await)
    }

    async fn events(&self, path: &str) -> Events {
        let mut stream = must("connecting", TcpStream::connect(self.server.http).await);
        let request =
            format!("GET /api/labs/{}{path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.view.id, self.server.http);
        must("asking for events", stream.write_all(request.as_bytes()).await);
        let mut lines = BufReader::new(stream).lines();
        let status = must("reading the status", lines.next_line().await).unwrap_or_default();
        assert!(status.contains(" 200 "), "{status}");
        Events { lines }
    }
}

/// Calls the API with a JSON body.
///
/// # Panics
/// There is no answer.
pub async fn call(server: SocketAddr, method: Method, path: &str, body: &str) -> Answer {
    let body = bytes::Bytes::copy_from_slice(body.as_bytes());
    must("calling the API", send(server, method, path, &[JSON], body).await)
}

/// A stream of server-sent events.
#[derive(Debug)]
struct Events {
    lines: Lines<BufReader<TcpStream>>,
}

impl Events {
    /// The next event; `None` when the stream has ended.
    async fn next<T: DeserializeOwned>(&mut self) -> Option<T> {
        in_time("an event", async {
            loop {
                let line = must("reading events", self.lines.next_line().await)?;
                if let Some(event) = line.strip_prefix("data: ") {
                    return Some(must("reading an event", serde_json::from_str(event)));
                }
            }
        })
        .await
    }
}

/// The stream of a lab's reports.
#[derive(Debug)]
pub struct Reports {
    events: Events,
}

impl Reports {
    /// The next report; `None` when the stream has ended.
    ///
    /// # Panics
    /// There is none for too long, or it is not understood.
    pub async fn next(&mut self) -> Option<LabReport> {
        self.events.next().await
    }

    /// Waits for a report for which `condition` holds.
    ///
    /// # Panics
    /// There is none for too long; the panic says `what` was waited for.
    pub async fn until(&mut self, what: &str, condition: impl Fn(&LabReport) -> bool) -> LabReport {
        in_time(what, async {
            loop {
                let Some(report) = self.next().await else { panic!("the reports ended before {what}") };
                if condition(&report) {
                    return report;
                }
            }
        })
        .await
    }
}

/// The frames of a lane's WebSocket.
#[derive(Debug)]
pub struct Frames {
    events: Events,
}

impl Frames {
    /// The next event; `None` when the stream has ended.
    ///
    /// # Panics
    /// There is none for too long, or it is not understood.
    pub async fn next(&mut self) -> Option<FrameEvent> {
        self.events.next().await
    }

    /// Waits for a frame for which `condition` holds.
    ///
    /// # Panics
    /// There is none for too long; the panic says `what` was waited for.
    pub async fn until(&mut self, what: &str, condition: impl Fn(&FrameRecord) -> bool) -> FrameRecord {
        in_time(what, async {
            loop {
                let Some(event) = self.next().await else { panic!("the frames ended before {what}") };
                if let Some(frame) = event.frames.into_iter().find(&condition) {
                    return frame;
                }
            }
        })
        .await
    }
}

/// The newest flow of `lane` in `report`.
pub fn flow_of(report: &LabReport, lane: u16) -> Option<&sluice_shared::lab::FlowReport> {
    report.flows.iter().rfind(|flow| flow.lane == Some(lane))
}

/// Whether `report` has a named flow of each transport.
pub fn has_both(report: &LabReport) -> bool {
    let has = |transport| report.flows.iter().any(|flow| flow.lane.is_some() && flow.transport == transport);
    has(Transport::WebSocket) && has(Transport::WebTransport)
}
