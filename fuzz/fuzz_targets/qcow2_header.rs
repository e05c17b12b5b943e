//! Any bytes as a qcow2 image: an error, or a disk that can be read and written with errors, never a
//! panic and never without end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ublk_vpt::back::qcow2::CallDisk;

fuzz_target!(|bytes: &[u8]| {
    let Ok(disk) = CallDisk::of_bytes(bytes) else { return };
    let size = disk.size_bytes();
    let mut block = [0; 4096];
    // What they say does not matter, only that they say something.
    for offset in [0, 512, size / 2 / 512 * 512, size.saturating_sub(4096)] {
        let _ = disk.read_at(&mut block, offset);
    }
    for offset in [0, size / 2 / 512 * 512] {
        let _ = disk.write_at(&block[..1024], offset);
    }
    let _ = disk.flush();
    let _ = disk.read_at(&mut block, 0);
});
