//! `lgbench lguest`: hooks put into trees with the shape of kernels, and taken out again.
//!
//! - `tree`: such a tree, and whether it is as it was
//! - `applying`: what is done where everything is as it should be
//! - `damaged`: what is said where it is not
//! - `playing`: what was made of them, built and run, where tests are the rest of a kernel
//! - `ended`: killed, without space, interrupted
//! - `places`: trees in layers, and with names that are no text

mod applying;
mod damaged;
mod ended;
mod places;
mod playing;
mod tree;
