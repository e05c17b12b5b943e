//! qcow2 images and what is below them: a clone holds what was written to it, everything else is read
//! from its master.
//!
//! ```text
//!   ublk image create, clone                    ublk add --format qcow2
//!          |                                          |
//!          v                                          v
//!      create.rs                      chain.rs  opens and locks all files
//!          |                             |   \      |
//!          |                header.rs, tables.rs   gate.rs: strict checks, allow-list
//!          v                             v
//!        imago  <------------------  disk.rs  the chain as one disk
//!          |                             |
//!          v                             v
//!      storage.rs  files          backend.rs -> executor.rs  many requests on one thread
//! ```
//! imago understands clusters and tables. It opens nothing by itself: it is given open files, and a gate
//! that refuses the rest.

mod backend;
pub mod chain;
mod create;
mod disk;
mod executor;
mod gate;
pub mod header;
mod storage;
mod tables;

pub use backend::Qcow2Backend;
pub use chain::{ChainError, ChainOptions, DEEPEST_CHAIN, ImageFormat, Layer};
pub use create::{CLUSTER_BYTES, CreateError, NewImage, create};
pub use disk::CallDisk;
