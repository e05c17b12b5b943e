//! One connection's side of the vhost-user protocol: features, memory, rings.

use std::fs::File;
use std::io;
use std::sync::Arc;

use rustix::fs::OFlags;
use vhost::VhostUserMemoryRegionBase;
use vhost::vhost_user::message::{
    VhostTransferStateDirection, VhostTransferStatePhase, VhostUserConfigFlags, VhostUserInflight,
    VhostUserLog, VhostUserMemoryRegion, VhostUserProtocolFeatures, VhostUserShMemConfig,
    VhostUserSharedMsg, VhostUserSingleMemoryRegion, VhostUserVirtioFeatures,
    VhostUserVringAddrFlags, VhostUserVringState,
};
use vhost::vhost_user::{Error, GpuBackend, Result, VhostUserBackendReqHandlerMut};
use virtio_bindings::virtio_ring::VIRTIO_RING_F_EVENT_IDX;
use virtio_queue::{Queue, QueueT};

use super::blk::Limits;
use super::inflight::{self, Inflight};
use super::memory::Memory;
use super::ring::{Ring, Start};
use super::worker::Shared;

/// Longest ring.
pub(super) const LONGEST_RING: u16 = 1024;
const PROTOCOL: VhostUserProtocolFeatures = VhostUserProtocolFeatures::MQ
    .union(VhostUserProtocolFeatures::CONFIG)
    .union(VhostUserProtocolFeatures::REPLY_ACK)
    .union(VhostUserProtocolFeatures::INFLIGHT_SHMFD);

/// See the module.
pub(super) struct Session {
    shared: Arc<Shared>,
    features: u64,
    memory: Option<Memory>,
    inflight: Option<Inflight>,
    queues: Vec<Setup>,
}

/// What was said about one queue so far.
#[derive(Default)]
struct Setup {
    size: u16,
    base: u16,
    addresses: Option<Addresses>,
    call: Option<File>,
    enabled: bool,
    /// The ring, once it has been started.
    ring: Option<Arc<Ring>>,
}

/// Where a ring is, by the other side's addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Addresses {
    descriptors: u64,
    available: u64,
    used: u64,
}

fn fault(why: impl Into<String>) -> Error {
    Error::ReqHandlerError(io::Error::other(why.into()))
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let queues = (0..shared.config.queues).map(|_| Setup::default()).collect();
        Self { shared, features: 0, memory: None, inflight: None, queues }
    }

    /// Whether a guest's driver is at work.
    pub(super) fn has_rings(&self) -> bool {
        self.queues.iter().any(|queue| queue.ring.is_some())
    }

    /// The connection is gone: nothing of the guest's is touched any more.
    pub(super) fn close(&mut self) {
        for (queue, mailbox) in self.queues.iter_mut().zip(&self.shared.queues) {
            if let Some(ring) = queue.ring.take() {
                ring.close();
                mailbox.put(None);
            }
        }
    }

    fn offered(&self) -> u64 {
        self.shared.config.features() | VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits()
    }

    fn queue(&mut self, index: u32) -> Result<&mut Setup> {
        self.queues.get_mut(index as usize).ok_or(Error::InvalidParam)
    }

    fn start(&mut self, index: u32, kick: File) -> Result<()> {
        let memory = self.memory.as_ref().ok_or_else(|| fault("a ring before the memory"))?;
        let setup = self.queues.get(index as usize).ok_or(Error::InvalidParam)?;
        let addresses = setup.addresses.ok_or_else(|| fault("a ring without addresses"))?;
        let queue = ring_at(memory, setup, addresses, self.features)
            .map_err(|why| fault(format!("queue {index}: {why}")))?;
        let used = queue.0;
        let mut queue = queue.1;
        let mut log = None;
        if let (Some(inflight), Ok(number)) = (&self.inflight, u16::try_from(index)) {
            log = inflight.queue(number, setup.size);
        }
        let mut again = Vec::new();
        if let Some((taken, next)) = log.as_mut().and_then(|log| log.recover(used)) {
            queue.set_next_avail(next);
            again = taken;
        }
        if !again.is_empty() {
            tracing::info!("queue {index}: {} requests are done again", again.len());
        }
        let ring = Arc::new(Ring::new(Start {
            index,
            queue,
            mem: memory.mapped.clone(),
            log,
            again,
            kick,
            call: setup.call.as_ref().map(File::try_clone).transpose().map_err(own)?,
            enabled: setup.enabled,
            limits: Limits { config: self.shared.config, features: self.features },
        }));
        self.queue(index)?.ring = Some(ring.clone());
        if let Some(mailbox) = self.shared.queues.get(index as usize) {
            mailbox.put(Some(ring));
        }
        Ok(())
    }

    fn wake(&self, index: u32) {
        if let Some(mailbox) = self.shared.queues.get(index as usize) {
            mailbox.wake();
        }
    }
}

/// A failure of this machine's, not of the other side's.
fn own(e: io::Error) -> Error {
    Error::ReqHandlerError(e)
}

/// The ring as it lies in memory, and its used index.
fn ring_at(
    memory: &Memory,
    setup: &Setup,
    addresses: Addresses,
    features: u64,
) -> std::result::Result<(u16, Queue), String> {
    let at = |theirs, what| {
        memory.guest_address(theirs).ok_or_else(|| format!("{what} is not in the guest's memory"))
    };
    let tell = |e: virtio_queue::Error| e.to_string();
    let mem = memory.mapped.as_ref();
    let mut queue = Queue::new(LONGEST_RING).map_err(tell)?;
    queue.try_set_size(setup.size).map_err(tell)?;
    queue
        .try_set_desc_table_address(at(addresses.descriptors, "the descriptor table")?)
        .map_err(tell)?;
    queue
        .try_set_avail_ring_address(at(addresses.available, "the available ring")?)
        .map_err(tell)?;
    queue.try_set_used_ring_address(at(addresses.used, "the used ring")?).map_err(tell)?;
    queue.set_event_idx(features & (1 << VIRTIO_RING_F_EVENT_IDX) != 0);
    queue.set_ready(true);
    if !queue.is_valid(mem) {
        return Err("the ring is not in the guest's memory".into());
    }
    let used = queue.used_idx(mem, std::sync::atomic::Ordering::Acquire).map_err(tell)?.0;
    queue.set_next_used(used);
    queue.set_next_avail(setup.base);
    Ok((used, queue))
}

/// Reading and writing it must never stop us, whatever it is.
fn nonblocking(file: File) -> Result<File> {
    let flags = rustix::fs::fcntl_getfl(&file).map_err(io::Error::from).map_err(own)?;
    rustix::fs::fcntl_setfl(&file, flags | OFlags::NONBLOCK)
        .map_err(io::Error::from)
        .map_err(own)?;
    Ok(file)
}

impl VhostUserBackendReqHandlerMut for Session {
    fn set_owner(&mut self) -> Result<()> {
        Ok(())
    }

    fn reset_owner(&mut self) -> Result<()> {
        self.close();
        Ok(())
    }

    fn reset_device(&mut self) -> Result<()> {
        self.close();
        Ok(())
    }

    fn get_features(&mut self) -> Result<u64> {
        Ok(self.offered())
    }

    fn set_features(&mut self, features: u64) -> Result<()> {
        if features & !self.offered() != 0 {
            return Err(Error::InvalidParam);
        }
        self.features = features;
        // Without the protocol's own features there is no message that enables a ring.
        if features & VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits() == 0 {
            self.queues.iter_mut().for_each(|queue| queue.enabled = true);
        }
        Ok(())
    }

    fn set_mem_table(
        &mut self,
        regions: &[VhostUserMemoryRegion],
        files: Vec<File>,
        _postcopy_listening: Option<bool>,
    ) -> Result<Option<Vec<VhostUserMemoryRegionBase>>> {
        let memory = Memory::map(regions, files).map_err(fault)?;
        for ring in self.queues.iter().filter_map(|queue| queue.ring.as_ref()) {
            ring.set_memory(memory.mapped.clone());
        }
        self.memory = Some(memory);
        Ok(None)
    }

    fn set_vring_num(&mut self, index: u32, num: u32) -> Result<()> {
        let size = u16::try_from(num).map_err(|_| Error::InvalidParam)?;
        if size > LONGEST_RING || !size.is_power_of_two() {
            return Err(Error::InvalidParam);
        }
        self.queue(index)?.size = size;
        Ok(())
    }

    fn set_vring_addr(
        &mut self,
        index: u32,
        _flags: VhostUserVringAddrFlags,
        descriptors: u64,
        used: u64,
        available: u64,
        _log: u64,
    ) -> Result<()> {
        let addresses = Some(Addresses { descriptors, available, used });
        let queue = self.queue(index)?;
        if queue.ring.is_some() && queue.addresses != addresses {
            return Err(Error::InvalidOperation("a ring that runs cannot be moved"));
        }
        queue.addresses = addresses;
        Ok(())
    }

    fn set_vring_base(&mut self, index: u32, base: u32) -> Result<()> {
        let base = u16::try_from(base).map_err(|_| Error::InvalidParam)?;
        self.queue(index)?.base = base;
        Ok(())
    }

    /// The ring's end: everything taken is given back first.
    fn get_vring_base(&mut self, index: u32) -> Result<VhostUserVringState> {
        let shared = self.shared.clone();
        let queue = self.queue(index)?;
        queue.call = None;
        if let Some(ring) = queue.ring.take() {
            queue.base = ring.stop(|| shared.is_closing());
            if let Some(mailbox) = shared.queues.get(index as usize) {
                mailbox.put(None);
            }
        }
        Ok(VhostUserVringState::new(index, u32::from(queue.base)))
    }

    /// The ring's start.
    fn set_vring_kick(&mut self, index: u8, fd: Option<File>) -> Result<()> {
        let index = u32::from(index);
        let kick = fd.ok_or(Error::InvalidOperation("a ring without a kick is not supported"))?;
        let kick = nonblocking(kick)?;
        match &self.queue(index)?.ring {
            Some(ring) => ring.set_kick(kick),
            None => return self.start(index, kick),
        }
        self.wake(index);
        Ok(())
    }

    fn set_vring_call(&mut self, index: u8, fd: Option<File>) -> Result<()> {
        let call = fd.map(nonblocking).transpose()?;
        let queue = self.queue(u32::from(index))?;
        if let Some(ring) = &queue.ring {
            ring.set_call(call.as_ref().map(File::try_clone).transpose().map_err(own)?);
        }
        queue.call = call;
        Ok(())
    }

    fn set_vring_err(&mut self, _index: u8, _fd: Option<File>) -> Result<()> {
        Ok(())
    }

    fn get_protocol_features(&mut self) -> Result<VhostUserProtocolFeatures> {
        Ok(PROTOCOL)
    }

    fn set_protocol_features(&mut self, features: u64) -> Result<()> {
        if features & !PROTOCOL.bits() != 0 {
            return Err(Error::InvalidParam);
        }
        Ok(())
    }

    fn get_queue_num(&mut self) -> Result<u64> {
        Ok(u64::from(self.shared.config.queues))
    }

    fn set_vring_enable(&mut self, index: u32, enable: bool) -> Result<()> {
        let queue = self.queue(index)?;
        queue.enabled = enable;
        if let Some(ring) = &queue.ring {
            ring.set_enabled(enable);
        }
        self.wake(index);
        Ok(())
    }

    fn get_config(
        &mut self,
        offset: u32,
        size: u32,
        _flags: VhostUserConfigFlags,
    ) -> Result<Vec<u8>> {
        Ok(self.shared.config.read(offset as usize, size as usize))
    }

    fn set_config(&mut self, _: u32, _: &[u8], _: VhostUserConfigFlags) -> Result<()> {
        Err(Error::InvalidOperation("nothing in the configuration space can be changed"))
    }

    fn set_gpu_socket(&mut self, _: GpuBackend) -> Result<()> {
        Err(Error::InvalidOperation("this is a disk"))
    }

    fn get_shared_object(&mut self, _: VhostUserSharedMsg) -> Result<File> {
        Err(Error::InvalidOperation("no shared objects"))
    }

    fn get_inflight_fd(&mut self, wanted: &VhostUserInflight) -> Result<(VhostUserInflight, File)> {
        let (queues, size) = (wanted.num_queues, wanted.queue_size);
        let sensible =
            (1..=self.shared.config.queues).contains(&queues) && (1..=LONGEST_RING).contains(&size);
        if !sensible {
            return Err(Error::InvalidParam);
        }
        let (file, bytes) = inflight::create(queues, size).map_err(own)?;
        Ok((VhostUserInflight::new(bytes, 0, queues, size), file))
    }

    fn set_inflight_fd(&mut self, kept: &VhostUserInflight, file: File) -> Result<()> {
        let (bytes, offset) = (kept.mmap_size, kept.mmap_offset);
        let (queues, size) = (kept.num_queues, kept.queue_size);
        let inflight = Inflight::map(file, offset, bytes, queues, size)
            .map_err(|why| fault(format!("requests in flight: {why}")))?;
        self.inflight = Some(inflight);
        Ok(())
    }

    fn get_max_mem_slots(&mut self) -> Result<u64> {
        Err(Error::InvalidOperation("memory comes as one table"))
    }

    fn add_mem_region(
        &mut self,
        _: &VhostUserSingleMemoryRegion,
        _: File,
        _: Option<bool>,
    ) -> Result<Option<VhostUserMemoryRegionBase>> {
        Err(Error::InvalidOperation("memory comes as one table"))
    }

    fn remove_mem_region(&mut self, _: &VhostUserSingleMemoryRegion) -> Result<()> {
        Err(Error::InvalidOperation("memory comes as one table"))
    }

    fn set_device_state_fd(
        &mut self,
        _: VhostTransferStateDirection,
        _: VhostTransferStatePhase,
        _: File,
    ) -> Result<Option<File>> {
        Err(Error::InvalidOperation("the device has no state to move"))
    }

    fn check_device_state(&mut self) -> Result<()> {
        Err(Error::InvalidOperation("the device has no state to move"))
    }

    fn get_shmem_config(&mut self) -> Result<VhostUserShMemConfig> {
        Err(Error::InvalidOperation("no shared memory regions"))
    }

    fn set_log_base(&mut self, _: &VhostUserLog, _: File) -> Result<()> {
        Err(Error::InvalidOperation("no log of written memory"))
    }
}
