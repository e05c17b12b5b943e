//! The server as viewers find it: a client of our own that understands what it is sent, and others that
//! do not behave.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flate2::{Decompress, FlushDecompress};

use super::session::{DESKTOP_SIZE, LONGEST};
use super::*;
use crate::screen::{Publisher, Rect, Screen, Size};
use crate::sink::Sink;

const LIMIT: Duration = Duration::from_secs(60);

/// A viewer with 32 bits of colour.
struct Client {
    socket: TcpStream,
    size: (u32, u32),
    pixels: Vec<u32>,
    stream: Decompress,
    resized: bool,
}

impl Client {
    fn connect(server: &Server, encoding: i32) -> Self {
        let mut client = Self::shake_hands(server);
        let encodings = [encoding, DESKTOP_SIZE].map(i32::to_be_bytes).concat();
        client.say(&[&[2, 0, 0, 2][..], &encodings].concat());
        client
    }

    fn shake_hands(server: &Server) -> Self {
        let socket = TcpStream::connect(server.address()).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let stream = Decompress::new(true);
        let mut client = Self { socket, size: (0, 0), pixels: Vec::new(), stream, resized: false };
        assert_eq!(&client.hear::<12>(), b"RFB 003.008\n");
        client.say(b"RFB 003.008\n");
        assert_eq!(client.hear::<2>(), [1, 1]);
        client.say(&[1]);
        assert_eq!(client.hear::<4>(), [0; 4]);
        client.say(&[1]);
        let head = client.hear::<24>();
        let name = client.take(u32::from_be_bytes(head[20..].try_into().unwrap()) as usize);
        assert_eq!(name, b"vcd");
        let side = |at: usize| u32::from(u16::from_be_bytes([head[at], head[at + 1]]));
        client.set_size(side(0), side(2));
        client
    }

    fn set_size(&mut self, width: u32, height: u32) {
        self.size = (width, height);
        self.pixels = vec![0xdead_beef; (width * height) as usize];
    }

    fn say(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.socket.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn hear<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().unwrap()
    }

    fn ask(&mut self, whole: bool) {
        let (width, height) = self.size;
        let sides = [0, 0, width, height].map(|side| (side as u16).to_be_bytes()).concat();
        self.say(&[&[3, u8::from(!whole)][..], &sides].concat());
    }

    /// Asks for what is new, and applies it.
    fn update(&mut self, whole: bool) {
        self.ask(whole);
        let head = self.hear::<4>();
        assert_eq!(head[..2], [0, 0]);
        for _ in 0..u16::from_be_bytes([head[2], head[3]]) {
            let head = self.hear::<12>();
            let [x, y, width, height] =
                [0, 2, 4, 6].map(|at| u32::from(u16::from_be_bytes([head[at], head[at + 1]])));
            let rect = Rect { x, y, width, height };
            match i32::from_be_bytes(head[8..].try_into().unwrap()) {
                0 => {
                    let bytes = self.take(rect.pixels() * 4);
                    let pixels = bytes.as_chunks::<4>().0.iter();
                    self.put(rect, &pixels.map(|b| u32::from_le_bytes(*b)).collect::<Vec<_>>());
                }
                16 => self.zrle(rect),
                DESKTOP_SIZE => {
                    self.set_size(width, height);
                    self.resized = true;
                }
                other => panic!("encoding {other}"),
            }
        }
    }

    fn put(&mut self, rect: Rect, pixels: &[u32]) {
        for (row, pixels) in pixels.chunks(rect.width as usize).enumerate() {
            let at = (rect.y as usize + row) * self.size.0 as usize + rect.x as usize;
            self.pixels[at..at + pixels.len()].copy_from_slice(pixels);
        }
    }

    fn zrle(&mut self, rect: Rect) {
        let length = u32::from_be_bytes(self.hear::<4>()) as usize;
        let bytes = self.take(length);
        let mut plain = Vec::with_capacity(rect.pixels() * 4 + 4096);
        let flush = FlushDecompress::Sync;
        self.stream.decompress_vec(&bytes, &mut plain, flush).unwrap();
        let mut plain = plain.into_iter();
        let mut byte = || plain.next().expect("more data");
        for y in (rect.y..rect.bottom()).step_by(64) {
            for x in (rect.x..rect.right()).step_by(64) {
                let tile = Rect { x, y, width: 64, height: 64 }.intersect(rect);
                let colors = usize::from(byte());
                let mut color = || u32::from_le_bytes([byte(), byte(), byte(), 0]);
                let palette: Vec<u32> = (0..colors).map(|_| color()).collect();
                let pixels = match colors {
                    0 => (0..tile.pixels()).map(|_| color()).collect(),
                    1 => vec![palette[0]; tile.pixels()],
                    _ => {
                        let bits = [1, 2, 4][usize::from(colors > 2) + usize::from(colors > 4)];
                        let mut pixels = Vec::new();
                        for _ in 0..tile.height {
                            let bytes = (tile.width as usize * bits).div_ceil(8);
                            let row: Vec<u8> = (0..bytes).map(|_| byte()).collect();
                            for at in 0..tile.width as usize {
                                let shift = 8 - bits - at * bits % 8;
                                let index = row[at * bits / 8] >> shift & ((1 << bits) - 1);
                                pixels.push(palette[usize::from(index)]);
                            }
                        }
                        pixels
                    }
                };
                self.put(tile, &pixels);
            }
        }
        assert_eq!(plain.next(), None, "nothing is left over");
    }
}

fn start() -> (Publisher, Screen, Server) {
    let (publisher, screen) = Screen::new().unwrap();
    let server = Server::start(&Settings::at("127.0.0.1:0".parse().unwrap()), &screen).unwrap();
    (publisher, screen, server)
}

/// Draws tiles of one, two, few and many colours.
fn draw(publisher: &mut Publisher, round: u32) {
    let Some(size) = publisher.size() else { return };
    publisher.publish_with(&[size.bounds()], |rect, pixels| {
        for (y, row) in (rect.y..).zip(pixels.chunks_exact_mut(rect.width as usize)) {
            for (x, pixel) in (rect.x..).zip(row) {
                *pixel = match (x / 64 + y / 64 + round) % 5 {
                    0 => 0x0010_2030 + round,
                    1 => (x + round) % 2 * 0xff_ffff,
                    2 => (x + y) % 4 * 0x10_1010,
                    3 => (x * y) % 15 * 0x01_0204,
                    _ => x * 0x1_0000 + y * 0x100 + round,
                } & 0xff_ffff;
            }
        }
    });
}

fn is_up_to_date(client: &Client, screen: &Screen) -> bool {
    let (_, canvas) = screen.snapshot();
    let size = canvas.size();
    client.size == (size.width(), size.height()) && client.pixels == canvas.pixels()
}

#[test]
fn viewers_have_the_picture_in_every_encoding() {
    for encoding in [0, 16] {
        let (mut publisher, screen, server) = start();
        publisher.set_mode(Size::new(300, 200));
        draw(&mut publisher, 0);
        let mut client = Client::connect(&server, encoding);
        client.update(true);
        assert!(is_up_to_date(&client, &screen), "encoding {encoding}");
        for round in 1..6 {
            draw(&mut publisher, round);
            client.update(false);
            assert!(is_up_to_date(&client, &screen), "encoding {encoding}, round {round}");
        }
        // Another mode: first its size, then its picture.
        publisher.set_mode(Size::new(130, 310));
        draw(&mut publisher, 9);
        client.update(false);
        assert!(client.resized);
        client.update(true);
        assert!(is_up_to_date(&client, &screen));
        publisher.set_mode(None);
        client.update(false);
        assert!(is_up_to_date(&client, &screen) && client.pixels.iter().all(|p| *p == 0));
    }
}

/// An answer to a request for all of the picture has all of it, in however many rectangles.
#[test]
fn large_pictures_come_whole() {
    let (mut publisher, screen, server) = start();
    publisher.set_mode(Size::new(1300, 900));
    draw(&mut publisher, 4);
    for encoding in [0, 16] {
        let mut client = Client::connect(&server, encoding);
        client.update(true);
        assert!(is_up_to_date(&client, &screen));
    }
}

#[test]
fn a_viewer_that_cannot_be_resized_sees_what_fits() {
    let (mut publisher, screen, server) = start();
    publisher.set_mode(Size::new(100, 100));
    let mut client = Client::shake_hands(&server);
    client.update(true);
    publisher.set_mode(Size::new(50, 200));
    draw(&mut publisher, 3);
    client.update(true);
    assert_eq!(client.size, (100, 100));
    let (_, canvas) = screen.snapshot();
    for (y, row) in client.pixels.chunks(100).enumerate() {
        assert_eq!(row[..50], canvas.pixels()[y * 50..][..50]);
        assert!(row[50..].iter().all(|pixel| *pixel == 0));
    }
}

/// One that asks for everything and takes nothing; others that talk nonsense, or nothing at all.
#[test]
fn what_others_do_does_not_matter() {
    let (mut publisher, screen, server) = start();
    publisher.set_mode(Size::new(640, 480));
    let mut stalled = Client::connect(&server, 0);
    for _ in 0..1000 {
        stalled.ask(true);
    }
    let _silent = TcpStream::connect(server.address()).unwrap();
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 64], &[0xff; 10_000]] {
        let mut socket = TcpStream::connect(server.address()).unwrap();
        let _ = socket.write_all(garbage); // it may be cut off before all has gone
    }
    let mut babbling = Client::connect(&server, 16);
    let _ = babbling.socket.write_all(&[0xee; 100]);
    let mut client = Client::connect(&server, 16);
    for round in 0..5 {
        draw(&mut publisher, round);
        client.update(round == 0);
        assert!(is_up_to_date(&client, &screen));
    }
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < LIMIT / 4, "the end waits for nobody");
}

#[test]
fn a_password_is_asked_for_and_checked() {
    let (_publisher, screen) = Screen::new().unwrap();
    let mut settings = Settings::at("127.0.0.1:0".parse().unwrap());
    let password = Secret::new("sesame-1").unwrap();
    settings.password = Some(password.clone());
    let server = Server::start(&settings, &screen).unwrap();
    for right in [true, false] {
        let mut socket = TcpStream::connect(server.address()).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket.write_all(b"RFB 003.008\n\x02").unwrap();
        let mut head = [0; 14];
        socket.read_exact(&mut head).unwrap();
        assert_eq!(head[12..], [1, 2]);
        let mut challenge = [0; auth::BYTES];
        socket.read_exact(&mut challenge).unwrap();
        let mut answer = auth::answer(&password, &challenge);
        answer[15] ^= u8::from(!right);
        socket.write_all(&answer).unwrap();
        let mut result = [0; 4];
        socket.read_exact(&mut result).unwrap();
        assert_eq!(result, [0, 0, 0, u8::from(!right)]);
        if !right {
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).unwrap();
            assert!(rest.ends_with(b"wrong password"));
        }
    }
    let mut uninvited = TcpStream::connect(server.address()).unwrap();
    uninvited.write_all(b"RFB 003.008\n\x01").unwrap();
    let mut heard = Vec::new();
    uninvited.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"RFB 003.008\n\x01\x02", "nothing without the password");
}

#[test]
fn only_so_many_viewers_are_let_in() {
    let (_publisher, _screen, server) = start();
    let mut clients: Vec<_> = (0..16).map(|_| Client::connect(&server, 0)).collect();
    let mut heard = Vec::new();
    let mut refused = TcpStream::connect(server.address()).unwrap();
    refused.read_to_end(&mut heard).unwrap();
    assert!(heard.is_empty());
    clients.pop();
    let end = Instant::now() + LIMIT;
    while server.report().viewers == 16 {
        assert!(Instant::now() < end);
        std::thread::yield_now();
    }
    Client::connect(&server, 0).update(true);
}

#[test]
fn older_versions_are_spoken() {
    for (version, opening) in [
        (&b"RFB 003.003\n"[..], &[0, 0, 0, 1][..]),
        (b"RFB 003.005\n", &[0, 0, 0, 1]),
        (b"RFB 003.007\n", &[1, 1]),
        (b"RFB 003.889\n", &[1, 1]),
    ] {
        let mut out = Vec::new();
        let size = Size::new(5, 6).unwrap();
        let mut session = session::Session::new(None, [0; auth::BYTES], size, "x", &mut out);
        out.clear();
        assert_eq!(session.receive(&version[..7], &mut out), Ok(0), "not all is there");
        assert_eq!(session.receive(version, &mut out), Ok(12));
        assert_eq!(out, opening);
        let rest: &[u8] = if opening.len() == 4 { &[0] } else { &[1, 0] };
        assert_eq!(session.receive(rest, &mut out), Ok(rest.len()));
        assert!(session.is_ready() && out.ends_with(b"\0\0\0\x01x"));
    }
    for wrong in [&b"RFB 002.000\n"[..], b"RFB 003.xxx\n", b"HELO", b"RFB 003.002\n"] {
        let mut out = Vec::new();
        let size = Size::new(5, 6).unwrap();
        let mut session = session::Session::new(None, [0; auth::BYTES], size, "x", &mut out);
        assert_eq!(session.receive(wrong, &mut out), Err(session::Refusal::Version));
    }
}

mod any_input {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn is_survived(
            mut input in proptest::collection::vec(any::<u8>(), 0..400),
            portion in 1..50_usize,
            shaken in any::<bool>(),
        ) {
            if shaken {
                let mut whole = b"RFB 003.008\n\x01\x01".to_vec();
                whole.append(&mut input);
                input = whole;
            }
            assert!(rehearse(&input, portion, None) < 1 << 20);
            const { assert!(LONGEST < 64) }
        }
    }
}
