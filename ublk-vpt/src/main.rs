//! The `ublk` command.

fn main() {}
