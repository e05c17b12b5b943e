//! The server as pages find it, and others who are no pages.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use super::*;
use crate::screen::{Publisher, Screen, Size};
use crate::sink::Sink;

const LIMIT: Duration = Duration::from_secs(60);

/// What a page does, without a browser.
struct Page {
    socket: WebSocket<TcpStream>,
    state: u8,
    width: usize,
    pixels: Vec<u32>,
    /// The frame to acknowledge.
    frame: Option<u32>,
    /// Whether the last one was compressed.
    compressed: bool,
}

impl Page {
    fn open(server: &Server, query: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let address = server.address();
        let mut request = format!("ws://{address}/screen{query}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        match tungstenite::client(request, socket) {
            Ok((socket, _)) => Ok(Self {
                socket,
                state: 9,
                width: 0,
                pixels: Vec::new(),
                frame: None,
                compressed: false,
            }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(refused))) => {
                Err(refused.status().as_u16())
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    fn acknowledge(&mut self) {
        if let Some(frame) = self.frame.take() {
            self.say(&format!("ack {frame}"));
        }
    }

    /// Takes a message, and applies it.
    fn take(&mut self) -> u8 {
        let bytes = loop {
            if let Message::Binary(bytes) = self.socket.read().unwrap() {
                break bytes;
            }
        };
        let word = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        if bytes[0] == 1 {
            self.state = bytes[1];
            let (width, height) = (word(&bytes, 4).into(), usize::from(word(&bytes, 6)));
            if self.pixels.len() != width * height || self.width != width {
                self.width = width;
                self.pixels = vec![0xdead_beef; width * height];
            }
            return 1;
        }
        let mut rest = Vec::new();
        self.compressed = bytes[1] == 1;
        if self.compressed {
            flate2::read::ZlibDecoder::new(&bytes[8..]).read_to_end(&mut rest).unwrap();
        } else {
            rest.extend_from_slice(&bytes[8..]);
        }
        let count = usize::from(word(&bytes, 2));
        let (rects, mut pixels) = rest.split_at(count * 8);
        for rect in rects.chunks(8) {
            let [x, y, width, height] = [0, 2, 4, 6].map(|at| usize::from(word(rect, at)));
            for row in y..y + height {
                let (line, more) = pixels.split_at(width * 4);
                let pixel = |b: &[u8; 4]| u32::from_be_bytes(*b) >> 8;
                let line = line.as_chunks::<4>().0.iter().map(pixel);
                self.pixels[row * self.width + x..][..width]
                    .copy_from_slice(&line.collect::<Vec<_>>());
                pixels = more;
            }
        }
        assert!(pixels.is_empty());
        self.frame = Some(u32::from_be_bytes(bytes[4..8].try_into().unwrap()));
        2
    }

    /// Takes what comes until it has the picture.
    fn follow(&mut self, screen: &Screen) {
        let end = Instant::now() + LIMIT;
        while self.pixels != screen.snapshot().1.pixels() {
            assert!(Instant::now() < end);
            self.acknowledge();
            self.take();
        }
    }
}

fn start(token: Option<&str>) -> (Publisher, Screen, Server) {
    let (publisher, screen) = Screen::new().unwrap();
    let mut settings = Settings::at("127.0.0.1:0".parse().unwrap());
    settings.token = token.map(|token| Secret::new(token).unwrap());
    let server = Server::start(&settings, &screen).unwrap();
    (publisher, screen, server)
}

fn fill(publisher: &mut Publisher, color: u32) {
    let bounds = publisher.size().unwrap().bounds();
    publisher.publish_with(&[bounds], |rect, pixels| {
        let lines = pixels.chunks_mut(rect.width as usize);
        lines.zip(rect.y..).for_each(|(line, y)| line.fill(color + y));
    });
}

#[test]
fn pages_have_the_picture() {
    let (mut publisher, screen, server) = start(None);
    let mut pages = [(); 2].map(|()| Page::open(&server, "", &[]).unwrap());
    for page in &mut pages {
        page.follow(&screen);
        assert_eq!(page.state, 0, "nothing yet");
    }
    publisher.set_mode(Size::new(100, 90));
    for color in [1000, 2000, 3000] {
        fill(&mut publisher, color);
        pages.iter_mut().for_each(|page| page.follow(&screen));
    }
    assert_eq!((pages[0].state, pages[0].width), (2, 100));
    publisher.set_blank(true);
    for page in &mut pages {
        page.follow(&screen);
        assert_eq!(page.state, 1);
    }
    assert_eq!(server.report().viewers, 2);
}

/// One that does not acknowledge gets nothing more, and then everything at once.
#[test]
fn a_slow_page_gets_fewer_frames() {
    let (mut publisher, screen, server) = start(None);
    publisher.set_mode(Size::new(64, 64));
    let mut page = Page::open(&server, "", &[]).unwrap();
    page.follow(&screen);
    let mut other = Page::open(&server, "", &[]).unwrap();
    for color in 1..20 {
        fill(&mut publisher, color * 100);
        other.follow(&screen);
    }
    let frames = server.report().frames;
    assert!(frames > 19, "the other has got all");
    page.acknowledge();
    assert_eq!(page.take(), 2);
    assert_eq!(page.pixels, screen.snapshot().1.pixels(), "nineteen frames are one");
}

#[test]
fn a_page_that_talks_nonsense_is_cut_off() {
    let (mut publisher, screen, server) = start(None);
    publisher.set_mode(Size::new(64, 64));
    for said in [
        Message::text("hello"),
        Message::text("ack 77"),
        Message::binary(vec![1, 2, 3]),
        Message::text("ack 000000000000000000000000000000000000000000000000000000000000000000001"),
    ] {
        let mut page = Page::open(&server, "", &[]).unwrap();
        page.follow(&screen);
        page.socket.send(said).unwrap();
        while page.socket.read().is_ok() {}
    }
    let mut garbage = TcpStream::connect(server.address()).unwrap();
    garbage.write_all(&[0xff; 1000]).unwrap();
    let mut heard = Vec::new();
    let _ = garbage.read_to_end(&mut heard); // reset, as it has not read all
    let mut page = Page::open(&server, "", &[]).unwrap();
    fill(&mut publisher, 5);
    page.follow(&screen);
}

/// Also while somebody takes nothing, and somebody has said only half of a request.
#[test]
fn the_end_waits_for_nobody() {
    let (mut publisher, screen, server) = start(None);
    publisher.set_mode(Size::new(2000, 2000));
    let mut page = Page::open(&server, "", &[]).unwrap();
    fill(&mut publisher, 5);
    assert_eq!(page.take(), 1);
    let mut half = TcpStream::connect(server.address()).unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    let mut idle = TcpStream::connect(server.address()).unwrap();
    idle.write_all(b"GET /vcd.js HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut some = [0; 100];
    idle.read_exact(&mut some).unwrap();
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    drop(screen);
}

#[test]
fn only_who_may_look_gets_in() {
    let (_publisher, _screen, server) = start(None);
    let origin = format!("http://{}", server.address());
    assert!(Page::open(&server, "", &[("origin", &origin)]).is_ok());
    let refused = |headers: &[(&'static str, &str)]| Page::open(&server, "", headers).err();
    assert_eq!(refused(&[("origin", "http://evil.example")]), Some(403));
    assert_eq!(refused(&[("host", "evil.example"), ("origin", "http://evil.example")]), Some(403));

    let (_publisher, _screen, server) = start(Some("sesame-1"));
    assert!(server.place().ends_with("/?token=sesame-1"));
    assert!(Page::open(&server, "?token=sesame-1", &[]).is_ok());
    assert_eq!(Page::open(&server, "", &[]).err(), Some(403));
    assert_eq!(Page::open(&server, "?token=sesame-2", &[]).err(), Some(403));
}

fn get(server: &Server, path: &str) -> String {
    let mut socket = TcpStream::connect(server.address()).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_page_is_whole_and_uses_nothing_from_elsewhere() {
    let (_publisher, _screen, server) = start(None);
    for (path, kind) in [("/", "text/html"), ("/vcd.js", "javascript"), ("/vcd.css", "text/css")] {
        let answer = get(&server, path);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(kind) && head.contains("content-security-policy: default-src 'none'")
        );
        assert!(!body.contains("http://") && !body.contains("https://"), "{path}");
    }
    assert!(get(&server, "/other").starts_with("HTTP/1.1 404"));
    let (_publisher, _screen, server) = start(Some("sesame-1"));
    let refused = get(&server, "/");
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("?token="), "{refused}");
    assert!(get(&server, "/?token=sesame-1").contains("<canvas"));
}

/// What is far away gets it compressed; here it is only slow.
#[test]
fn a_slow_way_gets_smaller_frames() {
    let (mut publisher, screen, server) = start(None);
    publisher.set_mode(Size::new(300, 300));
    let mut page = Page::open(&server, "", &[]).unwrap();
    page.follow(&screen);
    // Not to wait for something: a network takes its time.
    std::thread::sleep(Duration::from_millis(200));
    page.acknowledge();
    fill(&mut publisher, 1000);
    page.follow(&screen);
    assert!(page.compressed);
}
