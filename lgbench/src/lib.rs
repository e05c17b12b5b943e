//! What it costs to switch between guests, and what switching does to memory throughput.
//!
//! - [`compare`]: two files of results against each other, or one against the report's Table 1
//! - [`report`]: results as one HTML page and figures
//! - [`files`]: results from disk, pages and figures to it
//! - [`html`]: writing a page

pub mod compare;
pub mod files;
pub mod html;
pub mod report;
