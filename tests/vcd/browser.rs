//! The page in Chromium: what it draws is what was published, pixel by pixel.

use std::net::SocketAddr;

use e2e::{need, soon, wait_until};
use vcd_drm::screen::{Screen, Size};
use vcd_drm::sink::browser::{Server, Settings};
use vcd_drm::sink::{Secret, Sink};

use crate::chromium::Chromium;
use crate::picture::{dot, draw, screen, shown};

fn serve(screen: &Screen, address: SocketAddr) -> Server {
    Server::start(&Settings::at(address), screen).unwrap()
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Two pages, changes all over and in one corner, sizes, blanking, no picture.
#[test]
fn two_pages_show_the_picture() {
    need!(Chromium);
    let (mut publisher, screen) = screen(640, 480);
    let server = serve(&screen, anywhere());
    let mut chromium = Chromium::start();
    let pages = [(); 2].map(|()| chromium.open(&server.place()));
    for page in &pages {
        chromium.wait_canvas(page, &shown(&screen));
        chromium.wait_text(page, "state", "Live");
        assert_eq!(chromium.text(page, "size"), "640 × 480");
    }
    assert_eq!(server.report().viewers, 2);
    chromium.shoot(&pages[0], "page.png");
    for round in 2..5 {
        draw(&mut publisher, round);
        dot(&mut publisher, round);
        pages.iter().for_each(|page| chromium.wait_canvas(page, &shown(&screen)));
    }
    // Sizes that tiles do not divide, and larger ones than the window.
    for (width, height) in [(331, 77), (1280, 1024), (1, 1)] {
        publisher.set_mode(Size::new(width, height));
        draw(&mut publisher, width);
        for page in &pages {
            chromium.wait_canvas(page, &shown(&screen));
            assert_eq!(chromium.text(page, "size"), format!("{width} × {height}"));
        }
        chromium.shoot(&pages[0], &format!("page-{width}.png"));
    }
    publisher.set_blank(true);
    pages.iter().for_each(|page| chromium.wait_text(page, "state", "Blank"));
    publisher.set_mode(None);
    for page in &pages {
        chromium.wait_text(page, "state", "No picture");
        chromium.wait_canvas(page, &(1, 1, vec![0xff00_0000]));
    }
    chromium.shoot(&pages[0], "page-off.png");
    assert_eq!(chromium.complaints(), [""; 0]);
    // It takes everything from the daemon, and nothing from anywhere else.
    let others = "performance.getEntriesByType('resource').map((entry) => entry.name)\
                  .filter((name) => !name.startsWith(location.origin)).length";
    assert_eq!(chromium.evaluate(&pages[0], others), 0);
}

#[test]
fn a_page_comes_back_after_the_daemon() {
    need!(Chromium);
    let (mut publisher, screen) = screen(320, 200);
    let server = serve(&screen, anywhere());
    let address = server.address();
    let mut chromium = Chromium::start();
    let page = chromium.open(&server.place());
    chromium.wait_canvas(&page, &shown(&screen));
    drop(server);
    chromium.wait_text(&page, "state", "Disconnected");
    chromium.shoot(&page, "page-lost.png");
    publisher.set_mode(Size::new(400, 300));
    draw(&mut publisher, 9);
    let server = serve(&screen, address);
    chromium.wait_canvas(&page, &shown(&screen));
    chromium.wait_text(&page, "state", "Live");
    assert_eq!(server.report().viewers_ever, 1);
}

/// A page that does not draw is sent nothing, and has everything when it goes on.
#[test]
fn the_page_is_used_with_the_keyboard_alone() {
    need!(Chromium);
    let (mut publisher, screen) = screen(320, 200);
    let server = serve(&screen, anywhere());
    let mut chromium = Chromium::start();
    let page = chromium.open(&server.place());
    chromium.wait_canvas(&page, &shown(&screen));
    let order = [(); 5].map(|()| chromium.tab(&page));
    assert_eq!(order, ["scale", "pause", "save", "full", "view"]);
    chromium.press(&page, "p");
    chromium.wait_text(&page, "state", "Paused");
    let before = server.report().frames;
    let old = shown(&screen);
    for round in 2..40 {
        draw(&mut publisher, round);
        // One frame may be on its way to the page, and wait there.
        assert!(server.report().frames <= before + 1);
        assert_eq!(chromium.canvas(&page), old);
    }
    chromium.press(&page, "p");
    chromium.wait_canvas(&page, &shown(&screen));
    wait_until("a rate of frames", soon(), || {
        draw(&mut publisher, 50 + server.report().frames as u32);
        chromium.text(&page, "rate") != "0"
    });
    let named = "[...document.querySelectorAll('button, select, canvas, main')].every((element) => \
                 element.textContent.trim() || element.getAttribute('aria-label'))";
    assert_eq!(chromium.evaluate(&page, named), true);
}

/// What another page may not do, and what somebody without the token does not see.
#[test]
fn strangers_see_nothing() {
    need!(Chromium);
    let (_publisher, screen) = screen(320, 200);
    let server = serve(&screen, anywhere());
    let mut settings = Settings::at(anywhere());
    settings.token = Some(Secret::new("sesame-1").unwrap());
    let guarded = Server::start(&settings, &screen).unwrap();
    let mut chromium = Chromium::start();
    let page = chromium.open(&guarded.place());
    chromium.wait_canvas(&page, &shown(&screen));
    let refused = chromium.open(&format!("http://{}/", guarded.address()));
    wait_until("a refusal", soon(), || {
        let text = chromium.evaluate(&refused, "document.body?.innerText ?? ''");
        text.as_str().unwrap().contains("the token is missing or wrong")
    });
    // A page of another origin; its own policy does not forbid it to try.
    let stranger = chromium.open(&format!("http://localhost:{}/nowhere", server.address().port()));
    let attempt = format!(
        "new Promise((done) => {{ const socket = new WebSocket('ws://{}/screen'); \
         socket.onopen = () => done('open'); socket.onerror = () => done('refused'); }})",
        server.address()
    );
    wait_until("a page", soon(), || {
        chromium.evaluate(&stranger, "document.readyState") == "complete"
    });
    assert_eq!(chromium.evaluate(&stranger, &attempt), "refused");
    assert_eq!(server.report().viewers_ever, 0);
}
