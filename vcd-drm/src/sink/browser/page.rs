//! The page's files. They are in the program, and use nothing from elsewhere.

use axum::http::HeaderValue;
use axum::http::header::{self, HeaderName};
use axum::response::{IntoResponse, Response};

/// What goes with everything: nothing is loaded from elsewhere, no page shows this one inside of it, and
/// the address, which may have the token, is told to nobody.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// The page.
pub(super) fn index() -> Response {
    file("text/html; charset=utf-8", include_str!("page/index.html"))
}

/// Its script.
pub(super) fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("page/vcd.js"))
}

/// How it looks.
pub(super) fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("page/vcd.css"))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    with_headers(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Adds what goes with everything.
pub(super) fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
