//! What is in the program of the patch: files for the tree, the semantic patch, kernel options.

/// A file that the tree gets.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// Within the tree.
    pub file: &'static str,
    /// Its content.
    pub text: &'static str,
}

/// The files that the tree gets.
pub const PIECES: &[Piece] = &[
    Piece { file: "drivers/lguest/lgbench.c", text: include_str!("../../lguest/kernel/lgbench.c") },
    Piece {
        file: "drivers/lguest/lgbench_device.c",
        text: include_str!("../../lguest/kernel/lgbench_device.c"),
    },
    Piece {
        file: "drivers/lguest/lgbench_device.h",
        text: include_str!("../../lguest/kernel/lgbench_device.h"),
    },
    Piece { file: "drivers/lguest/lgbench.h", text: include_str!("../../lguest/kernel/lgbench.h") },
    Piece {
        file: "drivers/lguest/lgbench_abi.h",
        text: include_str!("../../lguest/kernel/lgbench_abi.h"),
    },
    Piece {
        file: "drivers/lguest/lgbench_compat.h",
        text: include_str!("../../lguest/kernel/lgbench_compat.h"),
    },
];

/// The semantic patch.
pub const COCCI: &str = include_str!("../../lguest/lgbench.cocci");

/// Options for the kernel.
pub const CONFIG: &str = include_str!("../../lguest/lguest.config");
