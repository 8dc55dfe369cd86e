//! The servers behind a network.

use std::net::SocketAddr;

/// Where UDP goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstreams {
    /// The backends, by their numbers; without a balancer everything goes to the first.
    backends: Vec<SocketAddr>,
    /// A server that does not let its connections migrate.
    still: Option<SocketAddr>,
}

impl From<SocketAddr> for Upstreams {
    /// One server alone.
    fn from(server: SocketAddr) -> Self {
        Self { backends: vec![server], still: None }
    }
}

impl Upstreams {
    /// Several backends on this machine, all of one address family, and a server that does not let its connections
    /// migrate.
    pub const fn balanced(backends: Vec<SocketAddr>, still: SocketAddr) -> Self {
        Self { backends, still: Some(still) }
    }

    /// The only server, if there is one alone.
    pub(crate) fn only(&self) -> Option<SocketAddr> {
        match (self.backends.as_slice(), self.still) {
            ([only], None) => Some(*only),
            _ => None,
        }
    }

    /// The server whose connections stay where they are.
    pub(crate) const fn still(&self) -> Option<SocketAddr> {
        self.still
    }

    /// The backend of that number.
    pub(crate) fn backend(&self, number: u8) -> Option<SocketAddr> {
        self.backends.get(usize::from(number)).copied()
    }

    /// The number of the backend at `address`.
    pub(crate) fn number_of(&self, address: SocketAddr) -> Option<u8> {
        let found = self.backends.iter().position(|backend| *backend == address)?;
        u8::try_from(found).ok()
    }

    /// Whether one of them is at `address`, as a socket tells it.
    pub(crate) fn is_any(&self, address: SocketAddr) -> bool {
        let is_it = |known: &SocketAddr| {
            (known.ip().to_canonical(), known.port()) == (address.ip().to_canonical(), address.port())
        };
        self.backends.iter().chain(&self.still).any(is_it)
    }

    /// Any of them, for its address family.
    pub(crate) fn first(&self) -> Option<SocketAddr> {
        self.backends.first().copied().or(self.still)
    }
}
