//! A conversation without a socket and a disk, for tests and for fuzzing: what a client that says
//! certain bytes would be told, and what the disk would be asked.

use super::export::{Command, Export, Judgement};
use super::handshake::{Handshake, Turn, greeting};
use super::wire::request::Request;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// What the server said before the client had the disk.
    pub said: Vec<u8>,
    /// Whether replies may have structure; `None`: the client never had the disk.
    pub structured: Option<bool>,
    /// What became of each request, in the order in which they were made.
    pub judged: Vec<(Request, Judgement)>,
    /// Bytes that were taken, the data of writes included.
    pub taken: usize,
}

impl Rehearsal {
    /// What the disk would have been asked.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.judged.iter().filter_map(|(_, judgement)| match judgement {
            Judgement::Do(command) => Some(command),
            _ => None,
        })
    }
}

/// Holds the conversation with a client that says `bytes`, whatever it is told, and then is silent.
pub fn rehearse(export: &Export, bytes: &[u8]) -> Rehearsal {
    let mut done = Rehearsal { said: greeting().to_vec(), ..Rehearsal::default() };
    let mut handshake = Handshake::new(export);
    let structured = loop {
        let (taken, turn) = handshake.step(&bytes[done.taken..], &mut done.said);
        done.taken += taken;
        match turn {
            Turn::Next => {}
            Turn::Serve { structured } => break structured,
            Turn::More | Turn::End(_) => return done,
        }
    };
    done.structured = Some(structured);
    while let Some(request) = Request::parse(&bytes[done.taken..]) {
        done.taken += Request::BYTES;
        let judgement = export.judge(&request, structured);
        done.judged.push((request, judgement));
        let data = match judgement {
            Judgement::Do(Command { op: vpt_model::Op::Write { .. }, len, .. }) => len as usize,
            Judgement::Do(_) => 0,
            Judgement::Refuse { dropped, .. } => dropped as usize,
            Judgement::End | Judgement::Cut(_) => break,
        };
        if bytes.len() - done.taken < data {
            // Cut in the middle of its data: no request at all.
            done.judged.pop();
            done.taken = bytes.len();
            break;
        }
        done.taken += data;
    }
    done
}
