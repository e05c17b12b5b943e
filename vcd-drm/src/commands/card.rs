//! A card's description.

use anyhow::{Context, Result, anyhow};
use vgpu_card::Layout;

use super::cli::CardArgs;

/// The base card's, as it was when this program was built.
const BASE: &str = include_str!("../../../configs/cards/base.toml");

/// Reads and checks it.
///
/// # Errors
/// It cannot be read, or has mistakes.
pub fn layout(args: &CardArgs) -> Result<Layout> {
    let (name, text) = match &args.card {
        None => ("the base card".to_owned(), BASE.to_owned()),
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
            (name, text)
        }
    };
    let description = regmap::parse(&name, &text).map_err(|mistakes| anyhow!("{mistakes}"))?;
    Layout::bind(&description).with_context(|| name)
}
