//! The state directory: who is there, under which number, and what is to be cleaned up after whom.
//!
//! | file | what |
//! | --- | --- |
//! | `.lock` | held while numbers are given out and dead devices cleared away |
//! | `NNNN.lock` | held by a device's daemon as long as it lives: the test for life |
//! | `NNNN.json` | the [`Record`], in the shape of libublk's |
//! | `NNNN.kept` | the record while another daemon takes the device over |
//! | `NNNN.sock` | its control socket |
//! | `NNNN.log`, `NNNN.log.last` | its messages; those of the last one of this number |
//! | `NNNN/` | where it is mounted, if not elsewhere |

mod allocate;
mod directory;
mod process;
mod reap;
mod record;

pub use allocate::{Claim, ClaimError};
pub use directory::{MAX_ID, StateDir, StateError};
pub use process::process_state;
pub use reap::{Reaped, Undo};
pub use record::{Cleanup, DevInfo, LifeState, Queue, Record, RecordError, Target};
