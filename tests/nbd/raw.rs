//! A client of our own, which may do what no good client does.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// Longer than any answer takes on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const READ: u16 = 0;
pub(crate) const WRITE: u16 = 1;
pub(crate) const DISC: u16 = 2;
pub(crate) const FLUSH: u16 = 3;
pub(crate) const TRIM: u16 = 4;
pub(crate) const WRITE_ZEROES: u16 = 6;

pub(crate) const FUA: u16 = 1;

const OPTION: &[u8] = b"IHAVEOPT";

/// Host and port of `nbd://HOST:PORT/NAME`.
pub(crate) fn address(uri: &Path) -> String {
    let rest = uri.to_str().unwrap().strip_prefix("nbd://").expect("an NBD URI");
    rest.split('/').next().unwrap().to_owned()
}

/// A connection that has said nothing yet; the greeting has been taken.
pub(crate) fn connect(uri: &Path) -> TcpStream {
    let mut socket = TcpStream::connect(address(uri)).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket.set_nodelay(true).unwrap();
    let mut greeting = [0; 18];
    socket.read_exact(&mut greeting).expect("a greeting");
    assert_eq!(&greeting[..16], b"NBDMAGICIHAVEOPT");
    socket
}

/// Whether the other side has hung up, having said nothing more.
pub(crate) fn is_hung_up(socket: &mut TcpStream) -> bool {
    match socket.read(&mut [0; 1]) {
        Ok(count) => count == 0,
        // What we sent was not read.
        Err(e) => e.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// One that has the disk. Replies are simple.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    /// Size of the disk.
    pub(crate) bytes: u64,
    /// What it can do.
    pub(crate) flags: u16,
}

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) cookie: u64,
    pub(crate) error: u32,
}

impl Client {
    /// As an old client does, by EXPORT_NAME.
    pub(crate) fn new(uri: &Path) -> Self {
        let mut socket = connect(uri);
        socket
            .write_all(&[&3_u32.to_be_bytes()[..], OPTION, &[0, 0, 0, 1, 0, 0, 0, 0]].concat())
            .unwrap();
        let mut about = [0; 10];
        socket.read_exact(&mut about).expect("the export");
        let bytes = u64::from_be_bytes(about[..8].try_into().unwrap());
        let flags = u16::from_be_bytes(about[8..].try_into().unwrap());
        Self { socket, bytes, flags }
    }

    /// The bytes of a request, and of its data.
    pub(crate) fn request(
        command: u16,
        flags: u16,
        cookie: u64,
        (offset, len): (u64, u32),
        data: &[u8],
    ) -> Vec<u8> {
        let head = [
            &0x2560_9513_u32.to_be_bytes()[..],
            &flags.to_be_bytes(),
            &command.to_be_bytes(),
            &cookie.to_be_bytes(),
            &offset.to_be_bytes(),
            &len.to_be_bytes(),
        ];
        [&head.concat(), data].concat()
    }

    /// Sends a request.
    pub(crate) fn ask(&mut self, command: u16, cookie: u64, place: (u64, u32), data: &[u8]) {
        self.send(&Self::request(command, 0, cookie, place, data));
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("a server that reads");
    }

    /// Takes the head of a simple reply.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut head = [0; 16];
        self.socket.read_exact(&mut head).expect("an answer");
        assert_eq!(head[..4], 0x6744_6698_u32.to_be_bytes(), "{head:?}");
        Answer {
            error: u32::from_be_bytes(head[4..8].try_into().unwrap()),
            cookie: u64::from_be_bytes(head[8..].try_into().unwrap()),
        }
    }

    pub(crate) fn data(&mut self, len: usize) -> Vec<u8> {
        let mut data = vec![0; len];
        self.socket.read_exact(&mut data).expect("data");
        data
    }

    /// Asks and takes the answer: the error's number, 0 for none.
    pub(crate) fn error(
        &mut self,
        command: u16,
        flags: u16,
        place: (u64, u32),
        data: &[u8],
    ) -> u32 {
        self.send(&Self::request(command, flags, 77, place, data));
        let answer = self.answer();
        assert_eq!(answer.cookie, 77);
        if command == READ && answer.error == 0 {
            self.data(place.1 as usize);
        }
        answer.error
    }

    pub(crate) fn read(&mut self, offset: u64, len: u32) -> Vec<u8> {
        self.ask(READ, 5, (offset, len), &[]);
        assert_eq!(self.answer(), Answer { cookie: 5, error: 0 });
        self.data(len as usize)
    }

    pub(crate) fn write(&mut self, offset: u64, data: &[u8]) {
        let len = u32::try_from(data.len()).unwrap();
        assert_eq!(self.error(WRITE, 0, (offset, len), data), 0);
    }

    pub(crate) fn flush(&mut self) {
        assert_eq!(self.error(FLUSH, 0, (0, 0), &[]), 0);
    }

    /// Says good-bye and sees that it is heard.
    pub(crate) fn disconnect(mut self) {
        self.ask(DISC, 0, (0, 0), &[]);
        assert!(is_hung_up(&mut self.socket));
    }
}
