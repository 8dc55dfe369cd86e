//! HTTP: the page, the API, and the upgrade to WebSocket.

mod api;
mod connections;
mod frames;
mod handshakes;
mod lab;
mod labs;
mod lane;
mod origin;
mod page;
mod problem;
mod publish;
mod reports;
mod router;
mod security;
mod socket;

pub(crate) use connections::{Listening, serve};
pub(crate) use lab::{LabApi, LabSource, routes as lab_routes};
pub(crate) use lane::lane_of;
pub(crate) use origin::{Hosts, OriginRule};
pub(crate) use problem::ProblemResponse;
pub(crate) use reports::ReportStream;
#[cfg(test)]
pub(crate) use reports::ReportsEnd;
pub(crate) use router::{App, router, without_page};
pub(crate) use security::refuse_other_names;
pub(crate) use socket::Peer;
