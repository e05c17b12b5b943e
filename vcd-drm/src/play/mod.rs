//! Playing a card: between the logic, which is pure, and whatever it is plugged into.
//!
//! ```text
//!   Machine: registers, memory, driver's memory, interrupt <----> Player <----> vgpu_card::Card
//!     | shim::Card, in the kernel's PCI tree                        |
//!     | LocalMachine, in this process                               '--> screen::Publisher
//! ```
//!
//! - [`machine`]: what a card needs around it
//! - [`local`]: that, without a kernel
//! - [`kernel`]: that, by the kernel module
//! - [`player`]: one turn after the other
//! - [`threads`]: who draws
//! - [`counts`]: what the player has done

pub mod counts;
pub mod kernel;
pub mod local;
pub mod machine;
pub mod player;
pub mod threads;

pub use self::counts::Counts;
pub use self::kernel::KernelMachine;
pub use self::local::LocalMachine;
pub use self::machine::{DriverMemory, Interrupt, Machine, Parts, RegisterFile};
pub use self::player::{Listener, Player};
pub use self::threads::Threads;
