//! One table of the file: typed getters that complain with the place.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::suggest::closest;
use crate::diagnostics::{Place, Report};
use crate::model::Reference;

/// A table of the file, and how to speak of it.
pub(super) struct Table<'t> {
    report: &'t Report<'t>,
    entries: &'t DeTable<'t>,
    /// Such as `register mode_size`; empty for the file.
    item: String,
    place: Place,
    /// Keys that a slip of the finger was taken for: not to be called missing as well.
    slips: Vec<&'static str>,
}

impl<'t> Table<'t> {
    /// The whole file.
    pub(super) fn root(
        report: &'t Report<'t>,
        entries: &'t DeTable<'t>,
        known: &[&'static str],
    ) -> Self {
        Self::new(report, entries, String::new(), Place::default(), known)
    }

    fn new(
        report: &'t Report<'t>,
        entries: &'t DeTable<'t>,
        item: String,
        place: Place,
        known: &[&'static str],
    ) -> Self {
        let mut table = Self { report, entries, item, place, slips: Vec::new() };
        table.refuse_unknown(known);
        table
    }

    fn refuse_unknown(&mut self, known: &[&'static str]) {
        for (key, _) in self.entries {
            let word: &str = key.get_ref();
            if known.contains(&word) {
                continue;
            }
            let near = closest(word, known);
            self.slips.extend(near.and_then(|near| known.iter().find(|known| **known == near)));
            let hint = near.map_or(String::new(), |near| format!("did you mean {near}? "));
            let message = format!("{word} is not known here; {hint}known: {}", known.join(", "));
            self.report.add(key.span(), self.name(), message);
        }
    }

    fn name(&self) -> &str {
        if self.item.is_empty() { "card" } else { &self.item }
    }

    pub(super) fn report(&self) -> &'t Report<'t> {
        self.report
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Complains about the value of a key, or about the table when the key is not there.
    pub(super) fn complain(&self, key: &str, message: &str) {
        let value = self.entries.get(key);
        let place = value.map_or(self.place, |value| value.span().into());
        let shown = self.report.source(place).lines().next().unwrap_or_default();
        let shown: String = shown.chars().take(40).collect();
        match value {
            Some(_) => self.report.add(place, self.name(), format!("{key} = {shown} {message}")),
            None => self.report.add(place, self.name(), format!("{key} {message}")),
        }
    }

    fn missing(&self, key: &str, remedy: &str) {
        // The complaint about the slip says it.
        if !self.slips.contains(&key) {
            self.report.add(self.place, self.name(), format!("{key} is missing; {remedy}"));
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// A table of its own in this one.
    pub(super) fn table(&self, key: &str, known: &[&'static str]) -> Option<Table<'t>> {
        let (name, value) = self.entries.get_key_value(key)?;
        let DeValue::Table(entries) = value.get_ref() else {
            self.complain(key, &format!("is no table; write [{key}] on a line of its own"));
            return None;
        };
        Some(Self::new(self.report, entries, key.to_owned(), name.span().into(), known))
    }

    /// Every table of an array of tables, read; none if there is no such key.
    pub(super) fn elements<T>(
        &self,
        key: &str,
        known: &[&'static str],
        read: impl Fn(&Table<'t>) -> Option<T>,
    ) -> Vec<T> {
        let one = key.strip_suffix('s').unwrap_or(key);
        let Some(value) = self.entries.get(key) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            self.complain(key, "is no array of tables; write [{ ... }, { ... }] or [[...]]");
            return Vec::new();
        };
        let tables = array.iter().filter_map(|element| {
            let DeValue::Table(entries) = element.get_ref() else {
                let message = format!("this {one} is no table; write {{ id = \"...\", ... }}");
                self.report.add(element.span(), self.name(), message);
                return None;
            };
            let id = entries.get("id").and_then(|id| id.get_ref().as_str()).unwrap_or("?");
            let item = match self.item.split_once(' ') {
                // A field is one of a register, a value one of a field.
                Some((_, outer)) if !matches!(one, "register") => format!("{one} {outer}.{id}"),
                _ => format!("{one} {id}"),
            };
            // With the id's place, a complaint points at what has a name.
            let place = entries.get("id").map_or(element.span(), Spanned::span);
            let read = read(&Self::new(self.report, entries, item, place.into(), known));
            if read.is_none() {
                self.report.leave_out(id);
            }
            read
        });
        tables.collect()
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.entries.get(key)?.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            _ => {
                self.complain(key, "is no text; write it in double quotes");
                None
            }
        }
    }

    pub(super) fn need_text(&self, key: &str, remedy: &str) -> Option<String> {
        if !self.has(key) {
            self.missing(key, remedy);
        }
        self.text(key)
    }

    /// The key `id`.
    pub(super) fn id(&self) -> Option<String> {
        self.need_text("id", "give it one, which never changes")
    }

    /// The key `name`; without one, the id in capitals.
    pub(super) fn name_for(&self, id: &str) -> String {
        self.text("name").unwrap_or_else(|| id.to_ascii_uppercase())
    }

    /// What the manual says; trimmed, and empty when there is nothing.
    pub(super) fn docs(&self) -> String {
        self.text("docs").map(|text| text.trim().to_owned()).unwrap_or_default()
    }

    fn number_in(&self, key: &str, least: u32, most: u32) -> Option<u32> {
        let must = format!("it must be a whole number, {}", between(least, most));
        let DeValue::Integer(integer) = self.entries.get(key)?.get_ref() else {
            self.complain(key, &format!("is no whole number; {must}"));
            return None;
        };
        let value = i128::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i128::MAX);
        if (i128::from(least)..=i128::from(most)).contains(&value) {
            return u32::try_from(value).ok();
        }
        self.complain(key, &format!("is out of range; {must}"));
        None
    }

    pub(super) fn number(&self, key: &str, least: u32, most: u32) -> Option<u32> {
        if !self.has(key) {
            self.missing(key, &format!("give a whole number, {}", between(least, most)));
        }
        self.number_in(key, least, most)
    }

    pub(super) fn number_or(&self, key: &str, least: u32, most: u32, otherwise: u32) -> u32 {
        self.number_in(key, least, most).unwrap_or(otherwise)
    }

    pub(super) fn flag_or(&self, key: &str, otherwise: bool) -> bool {
        match self.entries.get(key).map(Spanned::get_ref) {
            None => otherwise,
            Some(DeValue::Boolean(value)) => *value,
            Some(_) => {
                self.complain(key, "is neither; write true or false, without quotes");
                otherwise
            }
        }
    }

    /// One of the named things.
    pub(super) fn choice<T: Copy>(&self, key: &str, all: &[(&str, T)]) -> Option<T> {
        let word = self.text(key)?;
        let chosen = all.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if chosen.is_none() {
            let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            let hint = closest(&word, &names)
                .map_or(String::new(), |near| format!("did you mean {near}? "));
            self.complain(key, &format!("is none of these; {hint}known: {}", names.join(", ")));
        }
        chosen
    }

    pub(super) fn reference(&self, key: &str) -> Option<Reference> {
        let place = self.entries.get(key)?.span().into();
        self.text(key).map(|id| Reference { id, place })
    }

    pub(super) fn references(&self, key: &str) -> Vec<Reference> {
        self.entries.get(key).map_or_else(Vec::new, |value| self.list(key, value))
    }

    /// Lists of ids in a list.
    pub(super) fn lists(&self, key: &str) -> Vec<Vec<Reference>> {
        let Some(value) = self.entries.get(key) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            self.complain(key, "is no list; write [[\"one\", \"other\"], [\"third\"]]");
            return Vec::new();
        };
        array.iter().map(|element| self.list(key, element)).collect()
    }

    /// Ranges of bytes, `"0x100:0x1ff"`.
    pub(super) fn ranges(&self, key: &str) -> Vec<(u32, u32)> {
        let number = |text: &str| {
            let text = text.trim();
            match text.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => text.parse().ok(),
            }
        };
        let ranges = self.references(key).into_iter().filter_map(|reference| {
            let bounds = reference.id.split_once(':');
            let bounds = bounds.and_then(|(first, last)| Some((number(first)?, number(last)?)));
            let bounds = bounds.filter(|(first, last)| first <= last);
            if bounds.is_none() {
                let message = "is no range; write \"first:last\", such as \"0x100:0x1ff\"";
                let shown = self.report.source(reference.place);
                self.report.add(reference.place, self.name(), format!("{shown} {message}"));
            }
            bounds
        });
        ranges.collect()
    }

    fn list(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Vec<Reference> {
        let DeValue::Array(array) = value.get_ref() else {
            let message = format!("{key} is no list; write [\"one\", \"other\"]");
            self.report.add(value.span(), self.name(), message);
            return Vec::new();
        };
        let ids = array.iter().filter_map(|element| match element.get_ref() {
            DeValue::String(id) => {
                Some(Reference { id: id.to_string(), place: element.span().into() })
            }
            _ => {
                let message = format!("{key} lists ids; write each in double quotes");
                self.report.add(element.span(), self.name(), message);
                None
            }
        });
        ids.collect()
    }
}

/// A range of numbers, as one writes it.
fn between(least: u32, most: u32) -> String {
    if most < 1000 { format!("{least} to {most}") } else { format!("{least} to {most:#x}") }
}
