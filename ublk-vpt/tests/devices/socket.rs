//! What a control socket takes without harm to the device.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;

use super::fixture::{Fixture, LIMIT, need_root, runs};
use super::harness::{Skipped, Test};

pub(crate) const TESTS: &[Test] = &[
    ("garbage_is_answered_and_does_no_harm", garbage_is_answered_and_does_no_harm),
    ("other_users_may_look_but_not_change", other_users_may_look_but_not_change),
];

/// Sends the bytes and returns what comes back until the end.
fn send(f: &Fixture, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(f.state("0000.sock")).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    // The daemon may hang up in the middle of it.
    let _ = stream.write_all(bytes);
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    String::from_utf8(said).unwrap()
}

fn garbage_is_answered_and_does_no_harm() -> Result<(), Skipped> {
    let f = Fixture::new();
    let pid = f.add("plain", "");
    let mode = fs::metadata(f.state("0000.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // Bytes without sense, the same in every run.
    let mut seed = 1_u64;
    let mut noise: Vec<u8> = (0..20_000)
        .map(|_| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 56) as u8
        })
        .collect();
    noise.push(b'\n');
    assert!(send(&f, &noise).starts_with(r#"{"error":"not a line of JSON"#));
    assert!(send(&f, &vec![b'{'; 1 << 20]).contains("line longer than 65536 bytes"));
    assert!(send(&f, b"{\"v\":1,\"cmd\":\"st").contains("no whole line within 5 s"));
    assert!(send(&f, b"{\"v\":2,\"cmd\":\"stop\"}\n").contains("protocol version 2"));
    assert!(send(&f, b"{\"v\":1,\"cmd\":\"explode\"}\n").contains("explode"));
    let long_set = r#"{"v":1,"cmd":"set","settings":{"k":"high"}}"#;
    assert!(send(&f, format!("{long_set}\n").as_bytes()).contains("error"));

    let crowd: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = UnixStream::connect(f.state("0000.sock")).unwrap();
            let _ = stream.write_all(b"{\"v\":1,");
            stream
        })
        .collect();
    assert!(f.ublk("stats -n 0").ok().contains("3 in flight"));
    drop(crowd);
    assert!(runs(pid));
    assert!(f.ublk("stats -n 0").ok().contains("3 in flight"));
    Ok(())
}

fn other_users_may_look_but_not_change() -> Result<(), Skipped> {
    need_root()?;
    let f = Fixture::new();
    f.add("plain", "");
    let as_nobody = |words: &str| {
        let mut command = f.command(words);
        command.uid(65534).gid(65534).current_dir("/").output()
    };
    let open = |path: std::path::PathBuf, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    open(f.path(""), 0o755);
    let Ok(denied) = as_nobody("stats -n 0") else {
        return Err(Skipped("user nobody cannot execute this program"));
    };
    let said = String::from_utf8_lossy(&denied.stderr);
    assert!(said.contains("belongs to another user"), "{denied:?}");
    // Even with the socket's mode widened, changes are refused.
    open(f.state("0000.sock"), 0o666);
    assert!(as_nobody("stats -n 0").unwrap().status.success());
    for words in ["set -n 0 k=2", "del -n 0"] {
        let refused = as_nobody(words).unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("only root and the user who started"), "{refused:?}");
    }
    f.ublk("del -n 0").ok();
    Ok(())
}
