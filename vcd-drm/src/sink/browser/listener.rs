//! Connections: how many there may be, and for how long.
//!
//! Whoever connects and says nothing, or not all of a request, is cut off, and so is a viewer that is
//! gone without a word. A viewer that lives answers pings.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections at one time: those of viewers, and some for loading the page.
const MOST: usize = 64;
/// How long one may live that is no viewer's.
const VISIT: Duration = Duration::from_secs(30);
/// How long a viewer's may be silent; it is pinged more often.
const SILENCE: Duration = Duration::from_secs(60);
/// After a failure to accept, for want of descriptors above all.
const PAUSE: Duration = Duration::from_millis(200);

/// Accepts connections.
#[derive(Debug)]
pub(super) struct Limited {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

impl Limited {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, room: Arc::new(Semaphore::new(MOST)) }
    }
}

impl Listener for Limited {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let accepted = self.listener.accept().await;
            let (socket, address) = match accepted {
                Ok(accepted) => accepted,
                Err(_) => {
                    sleep(PAUSE).await;
                    continue;
                }
            };
            // One too many is closed at once: it finds out, and does not wait for others to go.
            let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
                tracing::info!("browser: {address} is turned away: {MOST} connections");
                continue;
            };
            let _ = socket.set_nodelay(true); // it would only be slower
            let viewing = Arc::default();
            let patience = Box::pin(sleep(VISIT));
            return (
                Connection { socket, viewing, known: false, patience, _place: place },
                address,
            );
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    socket: TcpStream,
    viewing: Arc<AtomicBool>,
    /// Whether the patience is that with a viewer.
    known: bool,
    patience: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

/// What a request's handler knows of its connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    viewing: Arc<AtomicBool>,
}

impl Peer {
    /// It is a viewer's from now on.
    pub(super) fn is_viewing(&self) {
        self.viewing.store(true, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, Limited>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Limited>) -> Self {
        let viewing = Arc::clone(&stream.io().viewing);
        Self { address: *stream.remote_addr(), viewing }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let viewing = self.viewing.load(Ordering::Relaxed);
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        if viewing && (read.is_ready() || !self.known) {
            self.known = true;
            self.patience.as_mut().reset(Instant::now() + SILENCE);
        }
        if read.is_ready() {
            return read;
        }
        self.patience.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
