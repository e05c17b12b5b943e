//! The test card's registers are those of its header, which the driver is made with.

#![allow(clippy::unwrap_used)] // in a test that is what shall happen

#[allow(dead_code, reason = "the program uses all of it")]
#[path = "../examples/testcard/registers.rs"]
mod registers;

use registers::*;

const HEADER: &str = include_str!("../../vgpu-kmod/testdrv/testcard_regs.h");

fn defined(name: &str) -> &'static str {
    let line = HEADER.lines().find(|line| line.split_whitespace().nth(1) == Some(name));
    let text = line.unwrap_or_else(|| panic!("no {name}")).split_once(name).unwrap().1;
    text.split("/*").next().unwrap().trim()
}

#[test]
fn numbers_are_the_header_s() {
    let number = |name: &str| match defined(name).strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).unwrap(),
        None => defined(name).parse().unwrap(),
    };
    let offsets = [
        ("TC_ID", ID),
        ("TC_VERSION", VERSION),
        ("TC_SCRATCH", SCRATCH),
        ("TC_MIRROR", MIRROR),
        ("TC_COMMAND", COMMAND),
        ("TC_RESULT", RESULT),
        ("TC_VALUE", VALUE),
        ("TC_COMMANDS", COMMANDS),
        ("TC_INT_ENABLE", INT_ENABLE),
        ("TC_INT_RAISED", INT_RAISED),
        ("TC_INT_SEEN", INT_SEEN),
        ("TC_INT_STAMP_LO", INT_STAMP_LO),
        ("TC_INT_STAMP_HI", INT_STAMP_HI),
        ("TC_RING_LO", RING_LO),
        ("TC_RING_HI", RING_HI),
        ("TC_RING_ENTRIES", RING_ENTRIES),
        ("TC_PRODUCER", PRODUCER),
        ("TC_CONSUMER", CONSUMER),
        ("TC_FENCE", FENCE),
        ("TC_RING_ERROR", RING_ERROR),
        ("TC_HAMMERS", HAMMERS),
    ];
    for (name, value) in offsets {
        assert_eq!(number(name), value as u64, "{name}");
    }
    let values = [
        ("TC_VENDOR", u32::from(VENDOR)),
        ("TC_DEVICE", DEVICE.into()),
        ("TC_SUBSYSTEM", SUBSYSTEM.into()),
        ("TC_REGS_SIZE", BYTES),
        ("TC_ID_VALUE", ID_VALUE),
        ("TC_VERSION_VALUE", VERSION_VALUE),
        ("TC_CMD_NOP", CMD_NOP),
        ("TC_CMD_INTERRUPT", CMD_INTERRUPT),
        ("TC_CMD_SUM", CMD_SUM),
        ("TC_CMD_RESET_RING", CMD_RESET_RING),
        ("TC_OK", OK),
        ("TC_E_COMMAND", E_COMMAND),
        ("TC_E_RANGE", E_RANGE),
        ("TC_RING_E_ENTRY", RING_E_ENTRY),
        ("TC_RING_E_DMA", RING_E_DMA),
        ("TC_RING_E_RING", RING_E_RING),
        ("TC_ENTRY_INTERRUPT", ENTRY_INTERRUPT),
        ("TC_OP_FENCE", OP_FENCE),
        ("TC_OP_TO_FB", OP_TO_FB),
        ("TC_OP_FROM_FB", OP_FROM_FB),
        ("TC_OP_FILL", OP_FILL),
        ("TC_OP_COPY", OP_COPY),
    ];
    for (name, value) in values {
        assert_eq!(number(name), value.into(), "{name}");
    }
}

#[test]
fn rows_of_registers_are_the_header_s() {
    assert_eq!(defined("TC_ARG(n)"), "(0x024 + 4 * (n))");
    assert_eq!(defined("TC_HAMMER(n)"), "(0x1000 + 0x1000 * ((n) / 16) + 4 * ((n) % 16))");
    assert_eq!(defined("TC_ECHO(n)"), "(0x3000 + 4 * (n))");
    assert_eq!(defined("TC_SEEN(n)"), "(0x3100 + 4 * (n))");
    assert_eq!(ARG, [0, 1, 2, 3].map(|n| 0x024 + 4 * n));
    assert_eq!([hammer(0), hammer(15), hammer(16)], [0x1000, 0x103c, 0x2000]);
    assert_eq!([echo(0), echo(31), seen(0), seen(31)], [0x3000, 0x307c, 0x3100, 0x317c]);
    assert_eq!(ENTRY_BYTES, 32, "as ring.c asserts of struct tc_entry");
}
