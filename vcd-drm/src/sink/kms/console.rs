//! The text console: in graphics mode it does not draw, so that it does not draw over the picture.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustix::ioctl::{IntegerSetter, Opcode, ioctl};

use super::Error;

/// KDSETMODE of linux/kd.h, and its two values.
const SET_MODE: Opcode = 0x4b3a;
const TEXT: usize = 0;
const GRAPHICS: usize = 1;

/// A console.
#[derive(Debug)]
pub struct Console {
    path: PathBuf,
    tty: File,
}

impl Console {
    /// Opens one, mostly `/dev/tty0`: the one that is shown.
    ///
    /// # Errors
    /// It is not there, or not ours to use.
    pub fn open(path: PathBuf) -> Result<Self, Error> {
        let tty = OpenOptions::new().read(true).write(true).open(&path);
        match tty {
            Ok(tty) => Ok(Self { path, tty }),
            Err(cause) => Err(Error::Console { path, cause }),
        }
    }

    /// It makes way for a picture.
    ///
    /// # Errors
    /// It is no console, or not ours to change.
    pub fn graphics(&self) -> Result<(), Error> {
        self.set(GRAPHICS)
    }

    /// It comes back.
    ///
    /// # Errors
    /// As [`Console::graphics`].
    pub fn text(&self) -> Result<(), Error> {
        self.set(TEXT)
    }

    fn set(&self, mode: usize) -> Result<(), Error> {
        set_mode(&self.tty, mode).map_err(|cause| Error::Console { path: self.path.clone(), cause })
    }
}

fn set_mode(tty: &File, mode: usize) -> io::Result<()> {
    // SAFETY: KDSETMODE takes an integer, and neither reads nor writes memory of ours.
    #[allow(unsafe_code)]
    let done = unsafe { ioctl(tty, IntegerSetter::<SET_MODE>::new_usize(mode)) };
    Ok(done?)
}

/// Brings a console back, whoever has taken it away: for a unit's ExecStopPost, and the supervisor.
///
/// # Errors
/// It is no console, or not ours to change.
pub fn restore(path: &Path) -> Result<(), Error> {
    Console::open(path.to_owned())?.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_console_is_told() {
        let said = restore(Path::new("/dev/null")).unwrap_err().to_string();
        assert!(said.starts_with("cannot use the console /dev/null: "), "{said}");
        assert!(restore(Path::new("/no/such/tty")).is_err());
    }
}
