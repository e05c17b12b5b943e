//! Plays the test card, which the driver in `vgpu-kmod/testdrv` is for.
//!
//! - [`registers`]: the card's registers and commands, as `testcard_regs.h` has them
//! - [`model`]: what the card does with them
//! - [`ring`]: its command ring
//! - [`control`]: what can be asked over standard input
//!
//! Prints `card ADDRESS`, then runs until its standard input ends, if that is a pipe.

mod control;
mod model;
mod registers;
mod ring;

use anyhow::{Context, Result, bail};
use vcd_drm::shim::{Card, CardConfig, Events};

use self::control::Control;
use self::model::{TestCard, time_stamp};

/// What can be said on the command line.
struct Options {
    config: CardConfig,
    /// Look at the registers every millisecond instead of having writes trapped: for comparison.
    polling: bool,
    /// Never plug it in; `plug` on standard input does.
    unplugged: bool,
}

const USAGE: &str = "usage: testcard [--no-msi] [--no-pin] [--polling] [--unplugged] \
                     [--framebuffer BYTES] [--device ID] [--name NAME]";

fn options(mut words: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        config: CardConfig {
            vendor: registers::VENDOR,
            device: registers::DEVICE,
            subsystem_vendor: registers::VENDOR,
            subsystem_device: registers::SUBSYSTEM,
            revision: 1,
            register_bytes: registers::BYTES,
            framebuffer_bytes: 4 << 20,
            name: "testcard".into(),
            ..CardConfig::default()
        },
        polling: false,
        unplugged: false,
    };
    while let Some(word) = words.next() {
        let config = &mut options.config;
        let mut value = || words.next().with_context(|| format!("{word} wants a value; {USAGE}"));
        match &*word {
            "--no-msi" => config.msi_vectors = 0,
            "--no-pin" => config.pin = false,
            "--polling" => options.polling = true,
            "--unplugged" => options.unplugged = true,
            "--framebuffer" => config.framebuffer_bytes = value()?.parse()?,
            "--device" => config.device = u16::from_str_radix(&value()?, 16)?,
            "--name" => config.name = value()?,
            _ => bail!("{word}: {USAGE}"),
        }
    }
    Ok(options)
}

fn main() -> Result<()> {
    let options = options(std::env::args().skip(1))?;
    let card = Card::create(&options.config)?;
    let mut model = TestCard::new(&card, options.config.pin);
    if !options.unplugged {
        card.plug()?;
    }
    println!("card {}", card.address());
    let mut control = Control::new(options.polling)?;
    loop {
        if !options.polling {
            let before = time_stamp();
            let armed = card.arm(Events::NONE)?;
            model.told.armed(armed, time_stamp().wrapping_sub(before));
        }
        model.step()?;
        if !control.wait(&card, &mut model)? {
            return Ok(());
        }
    }
}
