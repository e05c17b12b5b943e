//! A card of the kernel module `vgpu`, for the program that plays it.
//!
//! ```text
//!   driver                         kernel module              this module, in the daemon
//!   readl, writel, ioremap_wc ---> pages of BAR 0 and 2 <---- Registers, Framebuffer
//!   (a write is trapped once) ---> events               ----> Card::wait
//!                                  traps again          <---- Card::arm
//!   dma_alloc_coherent, map_* ---> table of mappings    ----> Dma: list, find, read, write, map
//!   request_irq handler       <--- MSI or pin           <---- Card::send_msi, Card::set_pin
//! ```
//!
//! - [`config`]: what card to make
//! - [`card`]: making one, plugging it in, its status
//! - [`events`]: arming and waiting, and what these tell
//! - [`memory`]: registers and framebuffer
//! - [`dma`]: the driver's memory
//! - [`interrupt`]: MSI and the interrupt pin
//! - [`error`]: what can go wrong
//! - `abi`: the calls as `vgpu-kmod/include/uapi/linux/vgpu.h` has them
//!
//! The loop of every card:
//!
//! ```no_run
//! use vcd_drm::shim::{Card, CardConfig, Events};
//!
//! # fn main() -> Result<(), vcd_drm::shim::Error> {
//! let card = Card::create(&CardConfig { vendor: 0x1234, device: 1, ..CardConfig::default() })?;
//! card.registers().write(0, 0x600d_cafe); // reset values
//! card.plug()?;
//! loop {
//!     card.arm(Events::NONE)?;
//!     // Look at the registers after arming, not before: a write is then seen here, or ends the wait.
//!     card.wait(None)?;
//! }
//! # }
//! ```

mod abi;
pub mod card;
pub mod config;
pub mod dma;
pub mod error;
pub mod events;
pub mod interrupt;
pub mod memory;

pub use self::card::{Card, Status};
pub use self::config::{CardConfig, PciAddress};
pub use self::dma::{Access, DmaAddress, DmaWindow, Kind, Mapping};
pub use self::error::{DmaRefusal, Error};
pub use self::events::{Armed, Events, Woken};
pub use self::interrupt::Delivery;
pub use self::memory::{Framebuffer, Registers};
