//! TCP on the emulated network.

mod backlog;
mod end;
mod host;
mod listener;
mod stream;

pub(crate) use self::host::Tcp;
pub use self::listener::TcpListener;
pub use self::stream::TcpStream;
