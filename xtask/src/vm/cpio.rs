//! Writing an initramfs: a cpio archive in the "newc" form, the one the kernel unpacks.

/// An archive under construction.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    inode: u32,
}

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const LINK: u32 = 0o120_777;

impl Archive {
    /// A folder; those above it must have been added before.
    pub fn folder(&mut self, name: &str) {
        self.entry(name, FOLDER, b"");
    }

    /// An executable file.
    pub fn program(&mut self, name: &str, content: &[u8]) {
        self.entry(name, PROGRAM, content);
    }

    /// A symbolic link.
    pub fn link(&mut self, name: &str, target: &str) {
        self.entry(name, LINK, target.as_bytes());
    }

    /// The archive with its trailer.
    pub fn finish(mut self) -> Vec<u8> {
        self.inode = 0;
        self.entry("TRAILER!!!", 0, b"");
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.inode += 1;
        // inode, mode, uid, gid, links, time, size, device twice, special device twice, name, check
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let name_size = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
        let fields = [self.inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    /// Header and content each end at a multiple of four bytes.
    fn pad(&mut self) {
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_format_says() {
        let mut archive = Archive::default();
        archive.folder("bin");
        archive.program("init", b"#!/bin/sh\n");
        archive.link("bin/sh", "busybox");
        let bytes = archive.finish();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(text.starts_with("070701"));
        assert_eq!(bytes.len() % 4, 0);
        // The first entry: header of 110 bytes, "bin" and its zero, padded to 116.
        assert_eq!(&text[14..22], "000041ed");
        assert_eq!(&text[110..114], "bin\0");
        assert_eq!(&text[116..122], "070701");
        // The second: mode, size and content.
        assert_eq!(&text[130..138], "000081ed");
        assert_eq!(&text[170..178], "0000000a");
        assert!(text.contains("init\0") && text.contains("#!/bin/sh\n"));
        assert!(text.trim_end_matches('\0').ends_with("TRAILER!!!"));
    }
}
