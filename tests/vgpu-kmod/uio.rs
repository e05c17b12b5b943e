//! uio_pci_generic, a driver of the kernel's own: it needs a pin that follows the rules.

use std::fs::{self, File};
use std::io::Read;
use std::sync::mpsc::channel;
use std::time::Duration;

use e2e::{need, soon, tool, wait_until};
use vcd_drm::shim::{Card, CardConfig};

use crate::shim::{Modules, config, driver_of, plug, setpci, wait_no_card};

const DRIVER: &str = "/sys/bus/pci/drivers/uio_pci_generic";

#[test]
fn uio_binds_and_gets_interrupts() {
    need!(Lab, Root);
    tool("modprobe", &["uio_pci_generic"]);
    let modules = Modules::shim();
    let card = Card::create(&CardConfig { device: 0x5123, ..config() }).unwrap();
    plug(&card);
    let address = card.address().to_string();
    fs::write(format!("{DRIVER}/new_id"), "1234 5123").unwrap();
    wait_until("uio_pci_generic", soon(), || driver_of(&address).is_some());
    assert_eq!(driver_of(&address).as_deref(), Some("uio_pci_generic"));

    let mut node = File::open("/dev/uio0").unwrap();
    let (sender, counts) = channel();
    let reader = std::thread::spawn(move || {
        let mut count = [0; 4];
        while node.read_exact(&mut count).is_ok() && sender.send(u32::from_ne_bytes(count)).is_ok()
        {
        }
    });
    let unmask = || setpci(&address, "COMMAND=0000:0400");
    unmask();
    card.set_pin(true).unwrap();
    assert_eq!(counts.recv_timeout(soon()), Ok(1));
    // The driver has masked it; the pin is still up, so that unmasking brings the next.
    let masked = u16::from_str_radix(&setpci(&address, "COMMAND"), 16).unwrap();
    assert_ne!(masked & 0x0400, 0);
    unmask();
    assert_eq!(counts.recv_timeout(soon()), Ok(2));
    card.set_pin(false).unwrap();
    unmask();
    assert!(counts.recv_timeout(Duration::from_millis(300)).is_err(), "the pin is down");

    drop(card);
    wait_no_card();
    // A read of a device that is gone ends.
    drop(counts);
    reader.join().unwrap();
    fs::write(format!("{DRIVER}/remove_id"), "1234 5123").unwrap();
    drop(modules);
}
