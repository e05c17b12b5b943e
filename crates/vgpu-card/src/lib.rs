//! A graphics card that is played by a program.
//!
//! Pure: no clock, no file, no socket, no thread. Register values and the driver's memory come in as
//! arguments, what is to be done comes out as [`Action`]s; who owns threads splits the picture into
//! bands and draws them side by side.
//!
//! ```text
//!   register pages --scan--> Card --actions--> Write, Raise, Lower, Damage, Mode, Fault
//!   driver's memory --feed--> |
//!      ^                      |--draw--> Painter --raster--> the card's memory
//!      '------- fetch --------'                                    |
//!   time --tick-->  vertical blanks              Display --render--'--> the screen's pixels
//! ```
//!
//! The logic speaks of registers by ids only. A [`Layout`] binds these to one description's offsets,
//! bits, codes and tags, so the same program plays every card that has the ids.
//!
//! ```
//! use vgpu_card::{Action, Card, Layout, Memory, regs};
//!
//! # let text = include_str!("../../../configs/cards/base.toml");
//! let description = regmap::parse("base.toml", text)?;
//! let mut card = Card::new(Layout::bind(&description)?);
//! let mut memory = vec![0; card.memory_words()];
//! let mut registers = vec![0; description.register_bytes as usize / 4];
//! // What the program that plays the card does over and over: look, then do what is wanted.
//! let mut turn = |registers: &mut Vec<u32>| {
//!     card.scan(u32::MAX, |offset| registers[offset as usize / 4], &mut Memory(&mut memory));
//!     for action in card.actions() {
//!         if let Action::Write { offset, value } = action {
//!             registers[offset as usize / 4] = value;
//!         }
//!     }
//! };
//! turn(&mut registers);
//! assert_eq!(registers[regs::LAYOUT_HASH.offset as usize / 4], regs::LAYOUT_HASH_VALUE);
//! // What a driver does: fill a rectangle of 4 by 2 pixels.
//! registers[regs::WINDOW_STRIDE.offset as usize / 4] = 640;
//! registers[regs::COLOR.offset as usize / 4] = 0x00ff_8000;
//! registers[regs::RECT_SIZE.offset as usize / 4] =
//!     regs::rect_size::WIDTH.put(4) | regs::rect_size::HEIGHT.put(2);
//! registers[regs::DRAW.offset as usize / 4] = regs::draw::PRIMITIVE_FILL;
//! turn(&mut registers);
//! assert_eq!(registers[regs::DRAW.offset as usize / 4], 0, "it is done");
//! assert_eq!(memory[640..645], [0xff_8000, 0xff_8000, 0xff_8000, 0xff_8000, 0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | duty |
//! | --- | --- |
//! | `card` | the card as a whole: errors, interrupts, modes, time |
//! | `scan` | looking at registers, and doing what they ask for |
//! | `work`, `decode` | which memory to read next; the command stream in it |
//! | `draw`, [`paint`] | from values to primitives; who draws them |
//! | `interrupts` | counts, acknowledgements, and the line |
//! | [`display`] | from memory to the screen: palette, cursor, blanking |
//! | [`layout`] | ids bound to a description |
//! | `bank` | values by id |
//! | [`raster`] | from primitives to pixels |
//! | [`ids`] | every register, field and value by its id; generated |
//! | [`regs`] | offsets, bits and codes of the base card, for who drives it; generated |

pub mod action;
pub mod display;
#[rustfmt::skip]
pub mod ids;
pub mod layout;
pub mod paint;
pub mod raster;
#[rustfmt::skip]
pub mod regs;

mod bank;
mod card;
mod decode;
mod draw;
mod interrupts;
mod scan;
mod work;

pub use action::{Action, Fault, Fetch};
pub use card::Card;
pub use display::{Display, Mode};
pub use layout::{BindError, Layout};
pub use paint::{Memory, Painter, Shapes, Window, Work};

#[cfg(test)]
mod tests;
