//! What the guests run: benchmarks without an operating system under them.
//!
//! | module | what |
//! | --- | --- |
//! | [`abi`] | memory layout, control page and log records: all that host and payload agree on |
//! | [`clock`] | the time stamp counter |
//! | [`host`] | leaving the guest: by port I/O in a virtual machine, by system call in a process |
//! | [`log`] | recording events, in memory only |
//! | [`sys`] | system calls |
//! | [`wire`] | what a guest that runs Linux tells its host |
//! | [`run`] | picks the payload that the control page names |
//! | [`stream`], [`stress`], [`pages`], [`dhrystone`], [`cfd`], [`gap`], [`factorial`], [`idle`], [`probe`] | the payloads |
//!
//! `lgbench/image` links this crate's source into one flat image that begins at [`abi::IMAGE`]; virtual
//! machines and processes run the very same machine code at the same addresses. `lgbench/guest` links it
//! into the first program of guests that run Linux. As a library of the
//! workspace it gives the host the layout, and lets the payloads' logic be tested where tests run.
#![cfg_attr(not(test), no_std)]

pub mod abi;
pub mod cfd;
pub mod clock;
pub mod dhrystone;
pub mod factorial;
pub mod gap;
pub mod host;
pub mod idle;
pub mod log;
pub mod pages;
pub mod probe;
pub mod run;
pub mod stream;
pub mod stress;
pub mod sys;
pub mod wire;
