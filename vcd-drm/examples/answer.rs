//! The smallest card: one register that the driver writes, and one that answers with its complement.
//!
//! As root, with the module loaded: `answer`, then in another terminal
//! `setpci -s ADDRESS COMMAND=2`, and write to its `resource0`.

use anyhow::Result;
use vcd_drm::shim::{Card, CardConfig, Events};

/// Written by the driver.
const QUESTION: usize = 0x00;
/// Written by the card.
const ANSWER: usize = 0x04;

fn main() -> Result<()> {
    let config = CardConfig {
        vendor: 0x1234,
        device: 0x0a45,
        name: "answer".into(),
        msi_vectors: 0,
        pin: false,
        ..CardConfig::default()
    };
    let card = Card::create(&config)?;
    card.registers().write(ANSWER, !0);
    card.plug()?;
    println!("card {}", card.address());
    let mut before = 0;
    loop {
        card.arm(Events::NONE)?;
        let question = card.registers().read(QUESTION);
        if question != before {
            card.registers().write(ANSWER, !question);
            println!("{question:#010x} -> {:#010x}", !question);
            before = question;
        }
        card.wait(None)?;
    }
}
