//! What it costs to switch between guests, and what switching does to memory throughput.
//!
//! ```text
//!   commands ── experiments ── session ── controller ── backend ── kvm, kvm_linux, native
//!                    |            |                         |
//!                  views     environment, tracepoints   memory, image, gate
//! ```
//!
//! - [`memory`], [`image`]: what a guest is given; the layout is `lgbench-payload`'s
//! - [`linux`]: what a guest that runs Linux is given, and what comes from it
//! - [`gate`]: whether a guest may run, and whether it is out
//! - [`backend`]: virtual machines or processes behind one trait
//! - [`lguest`]: guests that the kernel itself measures and controls
//! - [`controller`]: whose turn it is; deadlines, watchdog
//! - [`session`]: one run from start to what was recorded
//! - [`views`]: what of it is a switch
//! - [`tracepoints`]: what the kernel sees of guests
//! - [`experiments`]: the report's experiments, made of such runs
//! - [`environment`]: the machine, and what disturbs on it
//! - [`commands`]: the program
//! - [`compare`]: two files of results against each other, or one against the report's Table 1
//! - [`files`]: results from disk, pages and figures to it
//! - [`report`]: results as one HTML page and figures
//! - [`html`]: writing a page
//! - [`patch`]: patching lguest, an old hypervisor, so that it can be measured
//! - [`sys`], [`units`]: small things

pub mod backend;
pub mod commands;
pub mod compare;
pub mod controller;
pub mod environment;
pub mod experiments;
pub mod files;
pub mod gate;
pub mod html;
#[cfg(target_arch = "x86_64")]
pub mod image;
pub mod lguest;
pub mod linux;
pub mod memory;
pub mod patch;
pub mod report;
pub mod session;
pub mod sys;
pub mod tracepoints;
pub mod units;
pub mod views;
