//! The connection, and the memory in which the rings are.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::fs::{MemfdFlags, memfd_create};
use vhost::vhost_user::message::{
    VhostUserConfigFlags, VhostUserHeaderFlag, VhostUserInflight, VhostUserProtocolFeatures,
    VhostUserVirtioFeatures,
};
use vhost::vhost_user::{Frontend, VhostUserFrontend};
use vhost::{VhostBackend, VhostUserMemoryRegionInfo, VringConfigData};
use vm_memory::{FileOffset, GuestAddress, GuestMemoryBackend, GuestMemoryMmap};

use super::Ring;

const EVENT_IDX: u64 = 1 << 29;

/// How to drive.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Rings.
    pub queues: u16,
    /// Descriptors of each.
    pub size: u16,
    /// Features not to take.
    pub without: u64,
    /// Keep what is in flight, if the device can.
    pub inflight: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { queues: 1, size: 128, without: 0, inflight: true }
    }
}

/// See the module.
pub struct Driver {
    frontend: Frontend,
    options: Options,
    mem: GuestMemoryMmap,
    file: File,
    /// What is kept for the device.
    pub inflight: Option<(VhostUserInflight, File)>,
    /// What both sides can do.
    pub features: u64,
    /// What the device offers.
    pub offered: u64,
    /// The queues.
    pub rings: Vec<Ring>,
}

fn told(e: impl std::fmt::Display) -> io::Error {
    io::Error::other(e.to_string())
}

impl Driver {
    /// Connects, and starts the rings.
    ///
    /// # Errors
    /// Whatever the device refuses.
    pub fn connect(path: &Path, options: Options) -> io::Result<Self> {
        let each = Ring::bytes(options.size).next_multiple_of(0x1000);
        let bytes = each * u64::from(options.queues);
        let file = File::from(memfd_create("guest", MemfdFlags::CLOEXEC)?);
        file.set_len(bytes)?;
        let range = (GuestAddress(0), bytes as usize, Some(FileOffset::new(file.try_clone()?, 0)));
        let mem = GuestMemoryMmap::from_ranges_with_files([range]).map_err(told)?;
        let frontend = Frontend::from_stream(UnixStream::connect(path)?, u64::from(options.queues));
        let mut driver = Self {
            frontend,
            options,
            mem,
            file,
            inflight: None,
            features: 0,
            offered: 0,
            rings: Vec::new(),
        };
        driver.negotiate()?;
        let event_idx = driver.features & EVENT_IDX != 0;
        driver.rings = (0..u64::from(options.queues))
            .map(|i| Ring::new(driver.mem.clone(), i * each, options.size, event_idx))
            .collect();
        driver.start()?;
        Ok(driver)
    }

    /// Connects again, with memory, rings and requests as they are: what QEMU does when its daemon was
    /// replaced.
    ///
    /// # Errors
    /// Whatever the device refuses.
    pub fn reconnect(&mut self, path: &Path) -> io::Result<()> {
        let queues = u64::from(self.options.queues);
        self.frontend = Frontend::from_stream(UnixStream::connect(path)?, queues);
        self.negotiate()?;
        self.start()
    }

    fn negotiate(&mut self) -> io::Result<()> {
        let f = &mut self.frontend;
        f.set_owner().map_err(told)?;
        self.offered = f.get_features().map_err(told)?;
        self.features = self.offered & !self.options.without;
        let protocol = f.get_protocol_features().map_err(told)?;
        let wanted = VhostUserProtocolFeatures::MQ
            | VhostUserProtocolFeatures::CONFIG
            | VhostUserProtocolFeatures::REPLY_ACK
            | VhostUserProtocolFeatures::INFLIGHT_SHMFD;
        f.set_protocol_features(protocol & wanted).map_err(told)?;
        if protocol.contains(VhostUserProtocolFeatures::REPLY_ACK) {
            f.set_hdr_flags(VhostUserHeaderFlag::NEED_REPLY);
        }
        f.set_features(self.features).map_err(told)?;
        if self.options.inflight && protocol.contains(VhostUserProtocolFeatures::INFLIGHT_SHMFD) {
            if self.inflight.is_none() {
                let wanted = VhostUserInflight::new(0, 0, self.options.queues, self.options.size);
                self.inflight = Some(f.get_inflight_fd(&wanted).map_err(told)?);
            }
            if let Some((about, file)) = &self.inflight {
                f.set_inflight_fd(about, file.as_raw_fd()).map_err(told)?;
            }
        }
        Ok(())
    }

    /// Where the memory is in this process, which is how the device is told of addresses.
    fn ours(&self, at: u64) -> u64 {
        self.mem.get_host_address(GuestAddress(at)).expect("inside") as u64
    }

    /// Gives the memory and starts every ring where its used ring is.
    ///
    /// # Errors
    /// Whatever the device refuses.
    pub fn start(&mut self) -> io::Result<()> {
        let region = VhostUserMemoryRegionInfo {
            guest_phys_addr: 0,
            memory_size: self.file.metadata()?.len(),
            userspace_addr: self.ours(0),
            mmap_offset: 0,
            mmap_handle: self.file.as_raw_fd(),
        };
        self.frontend.set_mem_table(&[region]).map_err(told)?;
        for index in 0..self.rings.len() {
            let base = self.rings[index].used();
            self.start_ring(index, base)?;
        }
        Ok(())
    }

    /// Starts one ring.
    ///
    /// # Errors
    /// Whatever the device refuses.
    pub fn start_ring(&mut self, index: usize, base: u16) -> io::Result<()> {
        let ring = &self.rings[index];
        let [desc, available, used] = ring.parts();
        let f = &self.frontend;
        f.set_vring_num(index, ring.size).map_err(told)?;
        f.set_vring_base(index, base).map_err(told)?;
        let config = VringConfigData {
            queue_max_size: ring.size,
            queue_size: ring.size,
            flags: 0,
            desc_table_addr: self.ours(desc),
            used_ring_addr: self.ours(used),
            avail_ring_addr: self.ours(available),
            log_addr: None,
        };
        f.set_vring_addr(index, &config).map_err(told)?;
        f.set_vring_call(index, &ring.call).map_err(told)?;
        f.set_vring_kick(index, &ring.kick).map_err(told)?;
        if self.features & VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits() != 0 {
            self.frontend.set_vring_enable(index, true).map_err(told)?;
        }
        Ok(())
    }

    /// Stops one ring; returns where the device would go on.
    ///
    /// # Errors
    /// Whatever the device refuses.
    pub fn stop_ring(&mut self, index: usize) -> io::Result<u32> {
        self.frontend.get_vring_base(index).map_err(told)
    }

    /// Enables or disables a ring.
    ///
    /// # Errors
    /// Whatever the device refuses.
    pub fn enable(&mut self, index: usize, enable: bool) -> io::Result<()> {
        self.frontend.set_vring_enable(index, enable).map_err(told)
    }

    /// How many queues the device has.
    ///
    /// # Errors
    /// Whatever the device refuses.
    pub fn queues(&mut self) -> io::Result<u64> {
        self.frontend.get_queue_num().map_err(told)
    }

    /// The configuration space.
    ///
    /// # Errors
    /// Whatever the device refuses.
    pub fn config(&mut self, bytes: u32) -> io::Result<Vec<u8>> {
        let flags = VhostUserConfigFlags::empty();
        let buf = vec![0; bytes as usize];
        Ok(self.frontend.get_config(0, bytes, flags, &buf).map_err(told)?.1)
    }

    /// The first ring.
    pub fn ring(&mut self) -> &mut Ring {
        &mut self.rings[0]
    }
}
