//! HTTP/2 over TLS over TCP.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use sluice_wire::{Net, StageHandle, TcpListener, TcpStream};

use super::app::App;
use super::error::LabError;
use super::tls::SERVER_NAME;
use super::tls_stream::{Progress, TlsStream};

/// Spawns on a stage what hyper spawns.
#[derive(Clone, Debug)]
struct Tasks(StageHandle);

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.spawn(async move { drop(task.await) });
    }
}

/// Serves `app` to everybody who comes to `listener`, as long as the stage runs.
pub(super) fn serve(stage: &StageHandle, listener: TcpListener, tls: Arc<ServerConfig>, app: &App) {
    let (stage, app) = (stage.clone(), app.clone());
    stage.clone().spawn(async move {
        loop {
            let stream = listener.accept().await;
            match ServerConnection::new(Arc::clone(&tls)) {
                Ok(tls) => stage.spawn(serve_one(stage.clone(), stream, tls, app.clone())),
                Err(error) => tracing::error!(%error, "TLS settings that no connection can have"),
            }
        }
    });
}

async fn serve_one(stage: StageHandle, stream: TcpStream, tls: ServerConnection, app: App) {
    let progress = Progress::default();
    let stream = TlsStream::server(stream, tls, &stage, &progress);
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = app.answer(request.method(), request.uri().path(), !progress.is_secure());
        let mut response = Response::new(Full::new(answer.body));
        *response.status_mut() = answer.status;
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let server = hyper::server::conn::http2::Builder::new(Tasks(stage));
    // Clients go without a word, and broken networks are what is looked at here.
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::trace!(%error, "an HTTP/2 connection ended");
    }
}

/// A client's connection; it closes when the last clone is dropped.
#[derive(Clone, Debug)]
pub(super) struct Client {
    requests: SendRequest<Empty<Bytes>>,
}

/// Connects; with early data the handshake is not over when this returns. `progress` says where it stands.
pub(super) async fn connect(
    stage: &StageHandle,
    net: &Net,
    port: u16,
    tls: &Arc<ClientConfig>,
    progress: &Progress,
) -> Result<Client, LabError> {
    let stream = net.connect(port).await?;
    let tls = ClientConnection::new(Arc::clone(tls), ServerName::try_from(SERVER_NAME)?)?;
    let stream = TlsStream::client(stream, tls, stage, progress);
    let client = hyper::client::conn::http2::Builder::new(Tasks(stage.clone()));
    let (requests, connection) = client.handshake(TokioIo::new(stream)).await?;
    stage.spawn(async move {
        if let Err(error) = connection.await {
            tracing::trace!(%error, "an HTTP/2 connection ended");
        }
    });
    Ok(Client { requests })
}

impl Client {
    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(&mut self, method: Method, path: &str) -> Result<Response<Incoming>, LabError> {
        let uri = format!("https://{SERVER_NAME}{path}");
        let request = Request::builder().method(method).uri(uri).body(Empty::new())?;
        self.requests.ready().await?;
        Ok(self.requests.send_request(request).await?)
    }
}
