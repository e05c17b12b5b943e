pub mod fit;
mod knee;
pub mod options;
pub mod plan;
mod target;
