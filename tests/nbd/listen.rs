//! Where it listens, and why it cannot.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;

use e2e::{Disk, Lab, Said, need, send_signal, tool};

use crate::clients::{serve, uri};
use crate::raw::{Client, address};

const NULL: [&str; 9] =
    ["add", "vpt", "quick.toml", "--back", "null", "--size", "1M", "--front", "nbd"];

fn add(lab: &Lab, listen: &str) -> Said {
    Said::of(lab.ublk().args(NULL).args(["--listen", listen, "--json"]))
}

#[test]
fn loopback_unless_told_otherwise() {
    let lab = Lab::new();
    // A number whose port nobody has; somebody may take it just before the daemon.
    let free = |id: &u16| TcpListener::bind(("127.0.0.1", 10809 + id)).is_ok();
    let try_one = |id: u16| {
        let said = Said::of(lab.ublk().args(NULL).args(["-n", &id.to_string(), "--json"]));
        let taken = said.err.contains("in use");
        (!taken).then_some((id, said))
    };
    let (id, said) = (9000..9100).filter(free).find_map(try_one).expect("a free port");
    let disk = Disk::of(&lab, &said.ok());
    assert_eq!(uri(&disk), format!("nbd://127.0.0.1:{}/vpt{id}", 10809 + id));
    assert_eq!(disk.about["front"], "nbd");
    assert!(disk.about["notes"].to_string().contains("every user of this machine can connect"));
    Client::new(&disk.path).disconnect();
    disk.del();
    let disk = Disk::of(&lab, &add(&lab, "0.0.0.0:0").ok());
    let notes = disk.about["notes"].to_string();
    assert!(notes.contains("0.0.0.0") && notes.contains("no encryption"), "{notes}");
    disk.del();
}

#[test]
fn ipv6() {
    let lab = Lab::new();
    if TcpListener::bind("[::1]:0").is_err() {
        e2e::skip!("no IPv6 loopback here");
    }
    let disk = Disk::of(&lab, &add(&lab, "[::1]:0").ok());
    assert!(uri(&disk).starts_with("nbd://[::1]:"), "{}", uri(&disk));
    Client::new(&disk.path).disconnect();
    disk.del();
    // A name with two addresses, one port.
    let disk = Disk::of(&lab, &add(&lab, "localhost:0").ok());
    Client::new(&disk.path).disconnect();
    disk.del();
}

#[test]
fn a_unix_socket_is_for_who_may_use_the_image() {
    need!(Libnbd);
    let lab = Lab::new();
    let image = lab.image("lab.img", 1 << 20);
    fs::set_permissions(&image, fs::Permissions::from_mode(0o664)).unwrap();
    // Relative to where the command stands, which is not where the daemon does.
    let said = lab
        .ublk()
        .args(["add", "vpt", "quick.toml", "--image", "lab.img", "--json"])
        .args(["--front", "nbd", "--listen", "./a socket"])
        .output()
        .unwrap();
    let disk = Disk::of(&lab, &String::from_utf8(said.stdout).unwrap());
    let socket = lab.file("a socket");
    assert!(uri(&disk).ends_with("/a%20socket"), "{}", uri(&disk));
    let (of_socket, of_image) = (fs::metadata(&socket).unwrap(), fs::metadata(&image).unwrap());
    assert_eq!(of_socket.mode() & 0o777, 0o660);
    assert_eq!((of_socket.uid(), of_socket.gid()), (of_image.uid(), of_image.gid()));
    assert_eq!(tool("nbdinfo", &["--size", uri(&disk)]).trim(), (1 << 20).to_string());
    disk.del();
    assert!(!socket.exists());
}

#[test]
fn a_dead_daemons_socket_is_cleared_away() {
    let lab = Lab::new();
    let socket = lab.file("s");
    let disk = Disk::of(&lab, &add(&lab, "./s").ok());
    send_signal(disk.pid, "KILL");
    disk.wait_gone();
    assert!(socket.exists());
    let said = lab.run(&["list"]);
    said.says(&["died; cleared away; removed", "/s"]);
    assert!(!socket.exists());
    lab.assert_nothing_left();
    // Somebody else's, by now, is not.
    let disk = Disk::of(&lab, &add(&lab, "./s").ok());
    send_signal(disk.pid, "KILL");
    disk.wait_gone();
    fs::remove_file(&socket).unwrap();
    let other = UnixListener::bind(&socket).unwrap();
    lab.run(&["list"]).says(&["died; cleared away"]);
    assert!(socket.exists());
    // And a dead one that nobody has cleared away is no obstacle.
    add(&lab, "./s").refused(&["--listen", "/s", "in use by another program"]);
    drop(other);
    Disk::of(&lab, &add(&lab, "./s").ok()).del();
    assert!(!socket.exists());
}

#[test]
fn why_not_in_one_line() {
    let lab = Lab::new();
    let disk = serve(&lab, &["--back", "null", "--size", "1M"]);
    let taken = address(&disk.path);
    add(&lab, &taken).refused(&["--listen", &taken, "in use", "another port"]);
    add(&lab, "192.0.2.1:0").refused(&["192.0.2.1:0", "an address of this machine"]);
    add(&lab, "no-such-host.invalid:0").refused(&["no-such-host.invalid:0", "no such host"]);
    add(&lab, "10809").refused(&["10809", "HOST:PORT"]);
    add(&lab, "/no/such/folder/s").refused(&["/no/such/folder/s", "No such file"]);
    fs::write(lab.file("precious"), "data").unwrap();
    add(&lab, "./precious").refused(&["precious", "no socket"]);
    let long = format!("./{}", "x".repeat(200));
    add(&lab, &long).refused(&["too long for a socket"]);
    Said::of(lab.ublk().args(NULL).args(["-q", "2"])).refused(&["--queues 2", "leave it out"]);
    Said::of(lab.ublk().args(NULL).arg("--loop")).refused(&["--loop", "nbd"]);
    disk.del();
    assert_eq!(fs::read(lab.file("precious")).unwrap(), b"data");
    lab.assert_nothing_left();
}

#[test]
fn a_privileged_port_without_the_right() {
    need!(Root);
    let lab = Lab::new();
    let limit = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if limit.is_ok_and(|limit| limit.trim() == "0") {
        e2e::skip!("no port is privileged here");
    }
    let without = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"];
    let said = Said::of(lab.ublk_under(&without).args(NULL).args(["--listen", "127.0.0.1:809"]));
    said.refused(&["--listen 127.0.0.1:809", "below 1024"]);
    lab.assert_nothing_left();
}

#[test]
fn two_disks_at_once() {
    let lab = Lab::new();
    let one = serve(&lab, &["--back", "mem", "--size", "1M"]);
    let two = serve(&lab, &["--back", "mem", "--size", "2M"]);
    let (mut first, mut second) = (Client::new(&one.path), Client::new(&two.path));
    assert_eq!((first.bytes, second.bytes), (1 << 20, 2 << 20));
    first.write(0, &[1; 512]);
    second.write(0, &[2; 512]);
    assert!(first.read(0, 512) == [1; 512] && second.read(0, 512) == [2; 512]);
    first.disconnect();
    one.del();
    assert!(second.read(0, 512) == [2; 512]);
    second.disconnect();
    two.del();
}
