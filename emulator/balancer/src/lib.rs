//! A layer-4 load balancer's decision, without any IO.
//!
//! A [`Balancer`] is given a client's address and a datagram, or the address of a new TCP connection, and says which
//! backend it goes to and why. It keeps no state that a decision depends on, as balancers in front of many machines do:
//! another instance beside it decides alike.
//!
//! | packet | by address | by connection ID |
//! |---|---|---|
//! | TCP connection | hash of the address | hash of the address |
//! | QUIC, long header, ID chosen by the client | hash of the address | hash of that ID |
//! | QUIC, ID made by a backend ([`ConnectionIds`]) | hash of the address | the backend that the ID names |
//! | QUIC, ID of a backend that is gone, or of no known layout | hash of the address | hash of the address, and counted |
//! | anything else | dropped | dropped |
//!
//! A client whose address changes is another client to whoever routes by address: with N backends its packets reach
//! another one than before with probability 1 − 1/N. A hash is a rendezvous: without one of the backends, only that
//! one's clients go elsewhere.
#![warn(missing_docs, clippy::cast_possible_truncation)]

mod balancer;
mod clients;
mod connection_id;
mod counters;
mod header;
mod rendezvous;

pub use balancer::{Balancer, DropReason, Verdict, Why};
pub use clients::Client;
pub use connection_id::{Cid, ConnectionIds, ServerId};
pub use counters::Counters;
