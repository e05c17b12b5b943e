//! What the end-to-end tests share: the real program, and skipping with a reason.
//!
//! ```ignore
//! #[test]
//! fn serves_an_image() {
//!     e2e::need!(Fuse, Loop);
//!     let lab = e2e::Lab::new();
//!     let disk = lab.add(&["--image", "lab.img", "--size", "16M", "--loop"]);
//!     ...
//! }
//! ```

pub mod display;
mod fio;
pub mod guest;
mod lab;
mod program;
pub mod raster;
mod resource;
mod said;
mod scrape;
mod system;
mod ublk;
pub mod vhost;
pub mod writer;

pub use fio::{Fio, Job};
pub use lab::{Disk, Lab, has_ended, is_stopped};
pub use program::{binary, named_or_built, run, ublk};
pub use resource::{Resource, required, skipped};
pub use said::{Running, Said};
pub use scrape::scrape;
pub use system::{loops_under, mounts_under, pattern, send_signal, soon, tool, wait_until};
pub use ublk::{Aligned, PATIENT, assert_no_ublk_device, direct, ublk_devices};

/// Returns from the test, printing `SKIP: its-name: reason`; the runner counts it as skipped.
///
/// `skip!(Fuse, "no {}", path)` says which resource is missing: where UBLK_VPT_REQUIRE names it,
/// the test fails instead. `skip!("reason")` is for what no machine can be required to have.
#[macro_export]
macro_rules! skip {
    ($resource:ident, $($reason:tt)+) => {{
        $crate::skipped($crate::test_name!(), Some($crate::Resource::$resource), &format!($($reason)+));
        return;
    }};
    ($($reason:tt)+) => {{
        $crate::skipped($crate::test_name!(), None, &format!($($reason)+));
        return;
    }};
}

/// Skips the test unless the machine has every [`Resource`] named: `need!(Fuse, Loop)`.
#[macro_export]
macro_rules! need {
    ($($resource:ident),+ $(,)?) => {$(
        if let Some(why) = $crate::Resource::$resource.missing() {
            $crate::skip!($resource, "{why}");
        }
    )+};
}

/// The full name of the function this stands in.
#[macro_export]
macro_rules! test_name {
    () => {{
        fn here() {}
        std::any::type_name_of_val(&here)
            .trim_end_matches("::here")
            .trim_end_matches("::{{closure}}")
    }};
}
