//! Labs: one page's own piece of bad network, and what the HTTP API says of it.
//!
//! | call | says |
//! |---|---|
//! | `POST /api/labs` with a [`LinkRequest`] | a [`Lab`] |
//! | `GET /api/labs/{id}` | a [`Lab`] |
//! | `PUT /api/labs/{id}/link` with a [`LinkRequest`] | a [`Lab`] |
//! | `POST /api/labs/{id}/events` with a [`LabEvent`] | nothing |
//! | `GET /api/labs/{id}/watch` | a stream of [`LabReport`]s as server-sent events |
//! | `GET /api/labs/{id}/frames?lane=N` | a stream of [`FrameEvent`]s as server-sent events |
//! | `DELETE /api/labs/{id}` | nothing |
//!
//! A request that is not understood, or out of range, gets a [`crate::api::Problem`] that names the field and the
//! range.

mod change;
mod frames;
mod migration;
mod report;
mod request;
mod spoof;
mod tunnel;

pub use change::{Knobs, LinkChange};
pub use frames::{
    Answer, CloseRecord, FrameEvent, FrameRecord, FrameTotals, JoinedMessage, Opcode, SHOWN_BYTES,
    UpgradeRecord, WEBSOCKET_GUID,
};
pub use migration::{
    BackendReport, BalancerReport, ClientRoute, IdChange, IdFrames, LabRouting, NewAddress, NextConnection,
    PathChange, PathEnds, PathFrame, PathFrameCounts, PathFrameKind, PathState, QuicPathChange, Switch,
    SwitchReport, TcpFate, TcpPathChange,
};
pub use report::{
    AddressChange, FlowReport, HopReport, LabReport, LateWrite, Lateness, LinkReport, NetworkReport,
    OutageTime, QuicBytes, TcpPhase, TcpReport, TcpWait,
};
pub use request::{Congestion, CongestionPorts, Lab, LabEvent, LabPorts, LinkRequest, TcpStack};
pub use spoof::{OriginalFate, Spoof, SpoofPath, SpoofReport, Volume};
pub use tunnel::{Resumed, TunnelPath, TunnelReport};
