//! The thread that serves pages and viewers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::access::{Asked, Denied};
use super::listener::{Limited, Peer};
use super::{Settings, message, page, viewer};
use crate::screen::Screen;
use crate::sink::counts::Counts;
use crate::sink::listen::{is_loopback, listen};
use crate::sink::{Error, Report, Secret, Sink};

/// Viewers at one time.
const MOST_VIEWERS: u64 = 32;
/// Threads that compress frames.
const COMPRESSORS: usize = 2;

/// What all tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) screen: Screen,
    pub(super) counts: Arc<Counts>,
    token: Option<Secret>,
}

/// The server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    token: Option<Secret>,
    counts: Arc<Counts>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens, and serves the page.
    ///
    /// # Errors
    /// It may not or cannot listen there; no thread.
    pub fn start(settings: &Settings, screen: &Screen) -> Result<Self, Error> {
        let Settings { address, token } = settings.clone();
        let listener = listen("browser", address, token.is_some(), "a token")?;
        let failed = Error::start("browser");
        let address = listener.local_addr().map_err(&failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(COMPRESSORS)
            .thread_name("browser-zlib")
            .build()
            .map_err(&failed)?;
        let listener = {
            let _inside = runtime.enter();
            Limited::new(TcpListener::from_std(listener).map_err(&failed)?)
        };
        let (end, ending) = oneshot::channel();
        let counts = Arc::new(Counts::default());
        let shared = Arc::new(Shared {
            screen: screen.clone(),
            counts: Arc::clone(&counts),
            token: token.clone(),
        });
        let thread = std::thread::Builder::new().name("browser".into());
        let thread = thread.spawn(move || {
            let counts = Arc::clone(&shared.counts);
            runtime.block_on(async {
                let app = router(shared).into_make_service_with_connect_info::<Peer>();
                tokio::select! {
                    served = axum::serve(listener, app) => if let Err(error) = served {
                        counts.set_broken(Some(format!("the web server broke off: {error}")));
                    },
                    _ = ending => {} // or nobody is there any more who could say so
                }
            });
            // With the runtime go all connections, whatever they are waiting for.
        });
        let end = Some(end);
        Ok(Self { address, token, counts, end, thread: Some(thread.map_err(&failed)?) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Sink for Server {
    fn kind(&self) -> &'static str {
        "browser"
    }

    fn place(&self) -> String {
        match &self.token {
            Some(token) => format!("http://{}/?token={}", self.address, token.text()),
            None => format!("http://{}/", self.address),
        }
    }

    fn report(&self) -> Report {
        self.counts.report()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic was reported by its own message
        }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let guarded = Router::new()
        .route("/", get(async || page::index()))
        .route("/screen", get(open))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&shared), guard));
    // The same for everybody, and nothing that has to be kept from anybody.
    Router::new()
        .route("/vcd.js", get(async || page::script()))
        .route("/vcd.css", get(async || page::style()))
        .merge(guarded)
        .with_state(shared)
}

/// Lets nobody in who may not look.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match allowed(&shared, request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(denied) => {
            page::with_headers((StatusCode::FORBIDDEN, format!("{denied}\n")).into_response())
        }
    }
}

fn allowed(shared: &Shared, uri: &Uri, headers: &HeaderMap) -> Result<(), Denied> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let query = uri.query();
    let asked = Asked { host: text(header::HOST), origin: text(header::ORIGIN), query };
    if uri.path() == "/" {
        asked.page(shared.token.as_ref())
    } else {
        asked.picture(shared.token.as_ref())
    }
}

/// Begins to show a page the picture.
async fn open(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(admitted) = shared.counts.admit(MOST_VIEWERS) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many viewers\n").into_response();
    };
    let far = !is_loopback(peer.address);
    let upgrade = upgrade
        .max_message_size(message::LONGEST)
        .max_frame_size(message::LONGEST)
        // A frame goes to the socket as it is: no second copy of it waits anywhere.
        .write_buffer_size(0);
    upgrade.on_upgrade(async move |socket| {
        peer.is_viewing();
        let number = admitted.number;
        tracing::info!("browser: viewer {number} from {}", peer.address);
        match viewer::serve(socket, &shared, far).await {
            Ok(()) => tracing::info!("browser: viewer {number} has gone"),
            Err(why) => tracing::info!("browser: viewer {number} is disconnected: {why}"),
        }
        drop(admitted);
    })
}
