//! The modules, and what the kernel shows of cards.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::{Said, soon, tool, wait_until};
use vcd_drm::shim::{Card, CardConfig};

/// A file that the lab was given: a module or a program.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(&std::env::var_os("VGPU_LAB").unwrap_or_default()).join(name)
}

/// A number of rounds: a few, or with VGPU_LONG many, or that part of many, but no fewer than a few.
pub(crate) fn rounds(short: u32, long: u32) -> u32 {
    let Ok(part) = std::env::var("VGPU_LONG") else { return short };
    let part: f64 = part.parse().expect("VGPU_LONG: a number, 1 for all of it");
    short.max((f64::from(long) * part) as u32) // saturates
}

/// Loaded modules, unloaded when dropped. Their order is that of loading.
pub(crate) struct Modules(Vec<&'static str>);

impl Modules {
    /// The shim alone.
    pub(crate) fn shim() -> Self {
        let mut modules = Self(Vec::new());
        modules.load("vgpu", &[]);
        modules
    }

    /// The shim and the test driver.
    pub(crate) fn with_driver(options: &[&str]) -> Self {
        let mut modules = Self::shim();
        modules.load("testcard", options);
        modules
    }

    pub(crate) fn load(&mut self, name: &'static str, options: &[&str]) {
        let file = file(&format!("{name}.ko")).display().to_string();
        tool("insmod", &[&[&*file], options].concat());
        self.0.push(name);
    }

    /// Unloads one, which must work.
    pub(crate) fn unload(&mut self, name: &str) {
        unload(name);
        self.0.retain(|loaded| *loaded != name);
    }
}

impl Drop for Modules {
    fn drop(&mut self) {
        for name in self.0.drain(..).rev() {
            if std::thread::panicking() {
                // The test has failed, and something may hold it.
                let _ = Said::of(std::process::Command::new("rmmod").arg(name));
            } else {
                unload(name);
            }
        }
    }
}

/// A card that is being removed holds the module a little longer than its daemon lives.
fn unload(name: &str) {
    wait_until(&format!("the end of what uses {name}"), soon(), || {
        let count = fs::read_to_string(format!("/sys/module/{name}/refcnt")).unwrap();
        count.trim() == "0"
    });
    tool("rmmod", &[name]);
}

/// A card with the test card's ids and nobody who plays it.
pub(crate) fn config() -> CardConfig {
    CardConfig {
        vendor: 0x1234,
        device: 0x7e57,
        subsystem_vendor: 0x1234,
        subsystem_device: 1,
        revision: 1,
        register_bytes: 0x4000,
        framebuffer_bytes: 4 << 20,
        name: "test".into(),
        ..CardConfig::default()
    }
}

/// Plugs a card in and waits until it is.
#[track_caller]
pub(crate) fn plug(card: &Card) {
    card.plug().unwrap();
    wait_until("a card that is plugged in", soon(), || {
        let status = card.status().unwrap();
        assert!(!status.plug_failed(), "it cannot be plugged in; see the kernel's log");
        status.plugged()
    });
}

/// A card's folder in sysfs.
pub(crate) fn sysfs(address: &str) -> PathBuf {
    Path::new("/sys/bus/pci/devices").join(address)
}

/// The driver that a card is bound to.
pub(crate) fn driver_of(address: &str) -> Option<String> {
    let link = fs::read_link(sysfs(address).join("driver")).ok()?;
    Some(link.file_name()?.to_string_lossy().into_owned())
}

/// The node by which programs open a card's driver. The kernel says that a driver is bound before it has
/// looked at the card, and that it has a device before there is a node.
pub(crate) fn node_of(address: &str) -> Option<String> {
    let name = fs::read_dir(sysfs(address).join("misc")).ok()?.flatten().next()?.file_name();
    let node = format!("/dev/{}", name.to_string_lossy());
    Path::new(&node).exists().then_some(node)
}

/// PCI devices that are cards of ours, by their domain, which no real one has.
pub(crate) fn cards() -> Vec<String> {
    let entries = fs::read_dir("/sys/bus/pci/devices").unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.len() > "0000:00:00.0".len()).collect()
}

/// Waits until no card is left.
#[track_caller]
pub(crate) fn wait_no_card() {
    wait_until("no card on any bus", soon(), || cards().is_empty());
}

/// The whole of /proc/iomem; addresses are there for root.
pub(crate) fn iomem() -> String {
    fs::read_to_string("/proc/iomem").unwrap()
}

/// Kilobytes of /proc/meminfo, by name.
pub(crate) fn meminfo(name: &str) -> i64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// setpci's answer, or nothing when it writes.
#[track_caller]
pub(crate) fn setpci(address: &str, what: &str) -> String {
    tool("setpci", &["-s", address, what]).trim().to_owned()
}
