//! Features and commands.

use super::table::Table;
use crate::model::{Command, Feature, TAGS};

pub(super) const FEATURE_KEYS: &[&str] =
    &["id", "name", "bit", "docs", "requires", "conflicts", "default"];

pub(super) const COMMAND_KEYS: &[&str] = &["id", "name", "tag", "docs", "feature"];

pub(super) fn feature(table: &Table<'_>) -> Option<Feature> {
    let id = table.id();
    let bit = table.number("bit", 0, 31);
    let (docs, requires) = (table.docs(), table.references("requires"));
    let conflicts = table.references("conflicts");
    let id = id?;
    let (name, default) = (table.name_for(&id), table.flag_or("default", true));
    let place = table.place();
    Some(Feature { name, id, bit: bit?, docs, requires, conflicts, default, place })
}

pub(super) fn command(table: &Table<'_>) -> Option<Command> {
    let id = table.id();
    let tag = table.number("tag", 0, TAGS - 1);
    let (docs, feature) = (table.docs(), table.reference("feature"));
    let id = id?;
    Some(Command { name: table.name_for(&id), id, tag: tag?, feature, docs, place: table.place() })
}
