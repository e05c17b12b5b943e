//! One table of the file: typed getters that complain with the place.

use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Report, printable};
use super::limits::Limit;
use super::suggest::closest;

/// A value and where in the text it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) at: Range<usize>,
}

/// A table: its name as in messages, where its header stands, what is in it.
pub(super) struct Table<'t> {
    report: &'t Report<'t>,
    name: String,
    at: Range<usize>,
    entries: Option<&'t DeTable<'t>>,
    /// Keys that a slip of the finger was taken for: not to be called missing as well.
    slips: Vec<String>,
    /// Not a table at all, and already complained about.
    broken: bool,
}

impl<'t> Table<'t> {
    /// The table at `key` of the file, empty if it is not there; keys not in `known` are refused.
    pub(super) fn open(
        report: &'t Report<'t>,
        root: &'t DeTable<'t>,
        key: &str,
        known: &[&str],
    ) -> Self {
        let (name, slips) = (key.to_owned(), Vec::new());
        let mut table = Self { report, name, at: 0..0, entries: None, slips, broken: false };
        if let Some((header, value)) = root.get_key_value(key) {
            table.at = header.span();
            match value.get_ref() {
                DeValue::Table(entries) => table.entries = Some(entries),
                other => {
                    table.broken = true;
                    report.add(
                        value.span(),
                        key,
                        format!(
                            "{} is {} where a table belongs; write [{key}] on a line of its own",
                            table.shown(value),
                            article(other.type_str())
                        ),
                    );
                }
            }
        }
        table.refuse_unknown(known);
        table
    }

    /// An element of an array of tables.
    pub(super) fn element(
        &self,
        key: &str,
        index: usize,
        value: &'t Spanned<DeValue<'t>>,
        known: &[&str],
    ) -> Option<Self> {
        let name = format!("{}.{key}[{index}]", self.name);
        let DeValue::Table(entries) = value.get_ref() else {
            let kind = article(value.get_ref().type_str());
            let wants = known.join(", ");
            let message =
                format!("is {kind} where a table belongs; write one with the keys {wants}");
            self.report.add(value.span(), &name, format!("{} {message}", self.shown(value)));
            return None;
        };
        let mut table = Self {
            report: self.report,
            name,
            at: value.span(),
            entries: Some(entries),
            slips: Vec::new(),
            broken: false,
        };
        table.refuse_unknown(known);
        Some(table)
    }

    fn refuse_unknown(&mut self, known: &[&str]) {
        for (key, _) in self.entries.into_iter().flatten() {
            let word: &str = key.get_ref();
            if known.contains(&word) {
                continue;
            }
            let hint = match closest(word, known) {
                Some(near) => {
                    self.slips.push(near.to_owned());
                    format!("did you mean {near}? Known")
                }
                None => "known".to_owned(),
            };
            let message = format!("unknown key; {hint} here: {}", known.join(", "));
            let name = format!("{}.{}", self.name, printable(word));
            self.report.add(key.span(), &name, message);
        }
    }

    /// Whether the file has this table at all.
    pub(super) fn is_present(&self) -> bool {
        self.entries.is_some()
    }

    /// Whether the key is there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.raw(key).is_some()
    }

    pub(super) fn raw(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.entries?.get(key)
    }

    /// Complains about `key` at `at`.
    pub(super) fn complain(&self, at: Range<usize>, key: &str, message: impl Into<String>) {
        self.report.add(at, &format!("{}.{key}", self.name), message);
    }

    /// Complains at the table's header that `key` is not there.
    pub(super) fn missing(&self, key: &str, remedy: &str) {
        if self.broken || self.slips.iter().any(|slip| slip == key) {
            return; // that complaint says it
        }
        self.complain(self.at.clone(), key, format!("missing; {remedy}"));
    }

    /// Complains that `key` is there, if it is.
    pub(super) fn refuse(&self, key: &str, message: &str) {
        if let Some((name, _)) = self.entries.and_then(|e| e.get_key_value(key)) {
            self.complain(name.span(), key, message);
        }
    }

    /// What the user wrote, short enough for a message.
    fn shown(&self, value: &Spanned<DeValue<'_>>) -> String {
        let source = self.report.source(value.span());
        let short: String = source.lines().next().unwrap_or("").chars().take(40).collect();
        let cut = if short.len() < source.len() { "..." } else { "" };
        format!("{}{cut}", printable(&short))
    }

    fn wrong_type<T>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        remedy: impl Into<String>,
    ) -> Option<T> {
        let kind = article(value.get_ref().type_str());
        let message = format!("{} is {kind}; {}", self.shown(value), remedy.into());
        self.complain(value.span(), key, message);
        None
    }

    /// A number inside `limit`. `None` if it is not there, or after a complaint.
    pub(super) fn number(&self, key: &str, limit: Limit) -> Option<Placed<f64>> {
        self.number_of(key, self.raw(key)?, limit)
    }

    /// As [`Self::number`], for a value that stands deeper than the table.
    pub(super) fn number_of(
        &self,
        key: &str,
        raw: &Spanned<DeValue<'_>>,
        limit: Limit,
    ) -> Option<Placed<f64>> {
        let value = match raw.get_ref() {
            DeValue::Float(float) => match float.as_str().parse::<f64>() {
                // 1e999 is large; only "inf" is meant to be infinite.
                Ok(value) if value.is_infinite() && !float.as_str().contains("inf") => {
                    f64::MAX.copysign(value)
                }
                Ok(value) => value,
                Err(_) => f64::NAN,
            },
            // Not by i64: a user who writes 10^30 must hear "too large", not "no number".
            DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix())
                .map_or(f64::MAX, |i| i as f64),
            _ => return self.wrong_type(key, raw, format!("write a number: {}", limit.must)),
        };
        if let Some(complaint) = limit.complaint(value) {
            self.complain(
                raw.span(),
                key,
                format!("{} {complaint}; {}", self.shown(raw), limit.must),
            );
            return None;
        }
        // -0.0 passes as 0 but would print and hash otherwise.
        Some(Placed { value: value + 0.0, at: raw.span() })
    }

    /// As [`Self::number`], and complains if it is not there.
    pub(super) fn need_number(&self, key: &str, limit: Limit, remedy: &str) -> Option<Placed<f64>> {
        if !self.has(key) {
            self.missing(key, remedy);
        }
        self.number(key, limit)
    }

    /// A whole number in `range`.
    pub(super) fn integer(&self, key: &str, range: RangeInclusive<u64>) -> Option<Placed<u64>> {
        let raw = self.raw(key)?;
        let must = format!("it must be a whole number, {} to {}", range.start(), range.end());
        let DeValue::Integer(integer) = raw.get_ref() else {
            return self.wrong_type(key, raw, must);
        };
        let value = u64::from_str_radix(integer.as_str(), integer.radix());
        match value {
            Ok(value) if range.contains(&value) => Some(Placed { value, at: raw.span() }),
            _ => {
                let shown = self.shown(raw);
                self.complain(raw.span(), key, format!("{shown} is out of range; {must}"));
                None
            }
        }
    }

    /// As [`Self::integer`], and complains if it is not there.
    pub(super) fn need_integer(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
        remedy: &str,
    ) -> Option<Placed<u64>> {
        if !self.has(key) {
            self.missing(key, remedy);
        }
        self.integer(key, range)
    }

    pub(super) fn text(&self, key: &str) -> Option<Placed<String>> {
        let raw = self.raw(key)?;
        match raw.get_ref() {
            DeValue::String(text) => Some(Placed { value: text.to_string(), at: raw.span() }),
            _ => self.wrong_type(key, raw, "write a text in double quotes"),
        }
    }

    pub(super) fn boolean(&self, key: &str) -> Option<bool> {
        let raw = self.raw(key)?;
        match raw.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            _ => self.wrong_type(key, raw, "write true or false, without quotes"),
        }
    }

    /// One of the named things.
    pub(super) fn choice<T: Copy>(&self, key: &str, all: &[(&str, T)]) -> Option<Placed<T>> {
        let raw = self.raw(key)?;
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let quoted: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
        let must = format!("it must be one of {}", quoted.join(", "));
        let DeValue::String(word) = raw.get_ref() else {
            return self.wrong_type(key, raw, must);
        };
        if let Some((_, value)) = all.iter().find(|(name, _)| name == word) {
            return Some(Placed { value: *value, at: raw.span() });
        }
        let hint = closest(word, &names)
            .map_or(String::new(), |near| format!("did you mean \"{near}\"? "));
        let shown = self.shown(raw);
        self.complain(raw.span(), key, format!("{shown} is not known here; {hint}{must}"));
        None
    }

    /// The elements of an array.
    pub(super) fn array(&self, key: &str, remedy: &str) -> Option<Vec<&'t Spanned<DeValue<'t>>>> {
        let raw = self.raw(key)?;
        match raw.get_ref() {
            DeValue::Array(array) => Some(array.iter().collect()),
            _ => self.wrong_type(key, raw, remedy),
        }
    }
}

/// Refuses tables and keys at the top of the file that are not in `known`.
pub(super) fn refuse_unknown_tables(report: &Report<'_>, root: &DeTable<'_>, known: &[Known]) {
    let names: Vec<&str> = known.iter().map(|(table, _)| *table).collect();
    for (key, value) in root {
        let word: &str = key.get_ref();
        if names.contains(&word) {
            continue;
        }
        let home = known.iter().find(|(_, keys)| keys.contains(&word)).map(|(table, _)| *table);
        let message = match (home, closest(word, &names)) {
            (Some(table), _) if !value.get_ref().is_table() => {
                format!("stands outside of any table; put it below [{table}]")
            }
            (_, Some(near)) => format!("unknown table; did you mean [{near}]?"),
            _ => format!("unknown table; a disk file has [{}]", names.join("], [")),
        };
        report.add(key.span(), &printable(word), message);
    }
}

/// A table's name and its keys.
pub(super) type Known = (&'static str, &'static [&'static str]);

fn article(kind: &str) -> String {
    let an = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if an { "an" } else { "a" })
}
