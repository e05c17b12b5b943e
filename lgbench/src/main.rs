//! The `lgbench` command.
fn main() {}
