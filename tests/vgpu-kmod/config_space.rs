//! The configuration space as setpci and sysfs show it, and the register BAR through `resource0`.

use std::fs;

use e2e::need;
use vcd_drm::shim::{Card, CardConfig};

use crate::daemon::{Daemon, tcctl};
use crate::shim::{Modules, config, plug, setpci, sysfs, wait_no_card};

#[test]
fn only_what_may_be_written_is() {
    need!(Lab, Root);
    let modules = Modules::shim();
    let card = Card::create(&CardConfig { device: 0x5123, ..config() }).unwrap();
    plug(&card);
    let address = card.address().to_string();
    for (fixed, value) in [
        ("VENDOR_ID", "55aa"),
        ("DEVICE_ID", "55aa"),
        ("08.l", "55aa55aa"),
        ("HEADER_TYPE", "81"),
        ("SUBSYSTEM_ID", "55aa"),
        ("34.b", "aa"),
    ] {
        let before = setpci(&address, fixed);
        setpci(&address, &format!("{fixed}={value}"));
        assert_eq!(setpci(&address, fixed), before, "{fixed}");
    }
    assert_eq!(setpci(&address, "VENDOR_ID"), "1234");
    setpci(&address, "COMMAND=ffff");
    let command = u16::from_str_radix(&setpci(&address, "COMMAND"), 16).unwrap();
    assert_eq!(command & 0x0406, 0x0406, "memory, bus master, INTx disable: {command:#x}");
    assert_eq!(command & 0x0001, 0, "there is no I/O space: {command:#x}");
    assert!(card.status().unwrap().bus_master());
    setpci(&address, "COMMAND=0000");
    assert_eq!(setpci(&address, "COMMAND"), "0000");
    assert!(!card.status().unwrap().bus_master());
    // The size is asked for by writing ones; the place stays what it is for everybody else.
    let before = fs::read_to_string(sysfs(&address).join("resource")).unwrap();
    let base = setpci(&address, "BASE_ADDRESS_0");
    setpci(&address, "BASE_ADDRESS_0=ffffffff");
    let size = u32::from_str_radix(&setpci(&address, "BASE_ADDRESS_0"), 16).unwrap();
    assert!(size & !0xf == !0x3fff || setpci(&address, "BASE_ADDRESS_0") == base, "{size:#x}");
    setpci(&address, &format!("BASE_ADDRESS_0={base}"));
    assert_eq!(setpci(&address, "BASE_ADDRESS_0"), base);
    assert_eq!(fs::read_to_string(sysfs(&address).join("resource")).unwrap(), before);
    drop(card);
    wait_no_card();
    drop(modules);
}

/// The kernel lets nobody map it beside a driver that has requested the region.
#[test]
fn registers_can_be_written_through_sysfs() {
    need!(Lab, Root);
    let modules = Modules::shim();
    let mut daemon = Daemon::start(&[]);
    let folder = sysfs(&daemon.address);
    e2e::wait_until("the card in sysfs", e2e::soon(), || folder.join("resource0").exists());
    fs::write(folder.join("enable"), "1").unwrap();
    let resource = folder.join("resource0").display().to_string();
    tcctl("/dev/null", &["mirror", "200", &resource]).ok();
    let stats = daemon.stats();
    assert!(stats["user_writes"] >= 100, "they were not trapped: {stats:?}");
    assert_eq!(stats["kernel_writes"], 0, "{stats:?}");
    let size = fs::metadata(folder.join("resource2")).unwrap().len();
    assert_eq!(size, 4 << 20);
    daemon.end();
    wait_no_card();
    drop(modules);
}

/// The writes that a daemon is woken for, while nobody else writes.
#[test]
fn a_daemon_learns_which_page_was_written() {
    need!(Lab, Root);
    let modules = Modules::shim();
    let config = CardConfig { device: 0x5123, ..config() };
    let card = Card::create(&config).unwrap();
    plug(&card);
    let folder = sysfs(&card.address().to_string());
    fs::write(folder.join("enable"), "1").unwrap();
    let resource = fs::OpenOptions::new().read(true).write(true).open(folder.join("resource0"));
    let resource = resource.unwrap();
    let map = memmap2::MmapOptions::new().len(0x4000).map_raw(&resource).unwrap();
    for (offset, value) in [(0x10_usize, 1_u32), (0x3ffc, 2), (0x1008, 3), (0x1008, 4)] {
        card.arm(vcd_drm::shim::Events::NONE).unwrap();
        poke(&map, offset, value);
        let woken = card.wait(Some(e2e::soon())).unwrap();
        assert!(woken.events.any(vcd_drm::shim::Events::USER_WRITE), "{woken:?}");
        assert_ne!(woken.pages & 1 << (offset / 4096), 0, "{woken:?} for {offset:#x}");
        assert_eq!(card.registers().read(offset), value);
    }
    drop(map);
    drop(resource);
    drop(card);
    wait_no_card();
    drop(modules);
}

/// One store to a register, as a program does it.
fn poke(map: &memmap2::MmapRaw, offset: usize, value: u32) {
    assert!(offset + 4 <= map.len() && offset.is_multiple_of(4));
    // SAFETY: inside of the mapping and aligned, and no reference to it exists.
    #[allow(unsafe_code)]
    unsafe {
        map.as_mut_ptr().wrapping_add(offset).cast::<u32>().write_volatile(value);
    }
}
