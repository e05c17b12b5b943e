//! Other names: each word of a name becomes another one of the same meaning, the same everywhere.
//!
//! So names that belong together still look so, docs can be told by their words, and no two names
//! become one: no word is used for two.

use std::collections::{BTreeMap, BTreeSet};

use super::chance::Chance;
use super::words::{PREFIXES, THESAURUS, is_free};
use crate::emit::c_names;
use crate::model::Card;

const PASS: &str = "rename";

/// What follows the prefix in the register that names the card.
const CARD_ID: &str = "card_id";

/// Renames everything, docs included. Without a `prefix`, one is drawn.
pub fn rename(card: &Card, seed: u32, prefix: Option<&str>) -> Card {
    let mut words = Words { seed, chosen: BTreeMap::new() };
    let mut renamed = card.clone();
    renamed.prefix = match prefix {
        None => self::prefix(&card.prefix, seed),
        Some(prefix) => prefix.to_owned(),
    };
    for feature in &mut renamed.features {
        feature.name = words.name(&feature.name);
    }
    for register in renamed.blocks.iter_mut().flat_map(|block| &mut block.registers) {
        register.name = words.name(&register.name);
        // A register without parts has a field that nobody sees.
        if register.is_plain() {
            continue;
        }
        for field in &mut register.fields {
            field.name = words.name(&field.name);
            field.values.iter_mut().for_each(|value| value.name = words.name(&value.name));
        }
    }
    renamed.commands.iter_mut().for_each(|command| command.name = words.name(&command.name));
    let names = Names::between(card, &renamed);
    retell(&mut renamed, &names);
    identify(&mut renamed);
    renamed
}

fn prefix(old: &str, seed: u32) -> String {
    let others: Vec<&&str> = PREFIXES.iter().filter(|one| **one != old).collect();
    Chance::of(seed, PASS, "prefix")
        .pick(&others)
        .map_or_else(|| old.to_owned(), |one| (**one).into())
}

/// Docs say the new names.
fn retell(card: &mut Card, names: &Names) {
    let tell = |docs: &mut String| *docs = names.text(docs);
    tell(&mut card.docs);
    card.features.iter_mut().for_each(|one| tell(&mut one.docs));
    card.commands.iter_mut().for_each(|one| tell(&mut one.docs));
    for block in &mut card.blocks {
        tell(&mut block.docs);
        for register in &mut block.registers {
            tell(&mut register.docs);
            for field in &mut register.fields {
                tell(&mut field.docs);
                field.values.iter_mut().for_each(|value| tell(&mut value.docs));
            }
        }
    }
}

/// The register that says what card it is has the prefix's letters in it.
fn identify(card: &mut Card) {
    let mut letters = card.prefix.bytes().chain([b'1']);
    let word = std::array::from_fn(|_| letters.next().unwrap_or(0));
    let registers = card.blocks.iter_mut().flat_map(|block| &mut block.registers);
    for register in registers.filter(|one| one.id == CARD_ID) {
        register.reset = u32::from_le_bytes(word);
    }
}

/// The words that were chosen so far.
struct Words {
    seed: u32,
    chosen: BTreeMap<String, String>,
}

impl Words {
    fn name(&mut self, name: &str) -> String {
        let words: Vec<String> = name.split('_').map(|word| self.word(word)).collect();
        words.join("_")
    }

    fn word(&mut self, word: &str) -> String {
        let key = word.to_ascii_lowercase();
        if let Some(known) = self.chosen.get(&key) {
            return known.clone();
        }
        let mut chance = Chance::of(self.seed, PASS, &key);
        let listed = THESAURUS.iter().find(|(known, _)| *known == key);
        let other = listed.and_then(|(_, others)| chance.pick(others).copied());
        let other = match other {
            Some(other) => other.to_owned(),
            None => self.coined(&key, &mut chance),
        };
        self.chosen.insert(key, other.clone());
        other
    }

    /// For a word that nobody has thought of: letters that look like an abbreviation.
    fn coined(&self, word: &str, chance: &mut Chance) -> String {
        const CONSONANTS: &[u8] = b"BCDFGKLMNPRSTVXZ";
        const VOWELS: &[u8] = b"AEIOU";
        for _ in 0..1000 {
            let parts = [CONSONANTS, VOWELS, CONSONANTS, CONSONANTS];
            let letters = parts.iter().filter_map(|part| chance.pick(part));
            let other: String = letters.map(|letter| char::from(*letter)).collect();
            let taken = self.chosen.values().any(|known| *known == other);
            if !taken && is_free(&other) && !other.eq_ignore_ascii_case(word) {
                return other;
            }
        }
        format!("X{}", word.to_ascii_uppercase())
    }
}

/// Whether a character is part of a name.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// New names for old ones: of a card and what became of it.
#[derive(Clone, Debug, Default)]
pub struct Names {
    prefix: (String, String),
    words: BTreeMap<String, String>,
    /// Names of what was not chosen.
    gone: BTreeSet<String>,
}

impl Names {
    /// What became of each name. Both cards have the same ids.
    pub fn between(old: &Card, new: &Card) -> Self {
        let mut words = BTreeMap::new();
        let mut add = |old: &str, new: &str| {
            words.insert(old.to_owned(), new.to_owned());
            if old.contains('_') {
                words.insert(old.to_ascii_lowercase(), new.to_ascii_lowercase());
            }
        };
        for one in &old.features {
            if let Some(other) = new.feature(&one.id) {
                add(&one.name, &other.name);
            }
        }
        for one in &old.commands {
            if let Some(other) = new.command(&one.id) {
                add(&one.name, &other.name);
            }
        }
        for one in old.registers() {
            let Some(other) = new.register(&one.id) else { continue };
            add(&one.name, &other.name);
            for field in one.fields.iter().filter(|_| !one.is_plain()) {
                let Some(changed) = other.field(&field.id) else { continue };
                add(&field.name, &changed.name);
                for value in &field.values {
                    if let Some(changed) = changed.value(&value.id) {
                        add(&value.name, &changed.name);
                    }
                }
            }
        }
        // Both lists come from the same ids in the same order.
        let macros = c_names(old).into_iter().zip(c_names(new));
        words.extend(macros.map(|((old, ..), (new, ..))| (old, new)));
        let prefix = (old.prefix.clone(), new.prefix.clone());
        Self { prefix, words, gone: BTreeSet::new() }
    }

    /// The same, knowing what a card could have had.
    #[must_use]
    pub fn of_all(mut self, template: &Card) -> Self {
        let all = Self::between(template, template);
        let gone = all.words.into_keys().filter(|word| !self.words.contains_key(word));
        self.gone = gone.filter(|word| word.len() > 3).collect();
        self
    }

    /// The first name in a text of something that the card does not have, and its line.
    pub fn gone_in<'t>(&self, text: &'t str) -> Option<(usize, &'t str)> {
        (1..).zip(text.lines()).find_map(|(number, line)| {
            let words = line.split(|c: char| !is_word(c));
            Some((number, words.into_iter().find(|word| self.gone.contains(*word))?))
        })
    }

    /// The first old name that is still in a text and its line: of several words, or with the prefix.
    pub fn left_in<'t>(&self, text: &'t str) -> Option<(usize, &'t str)> {
        let new: BTreeSet<&str> = self.words.values().map(String::as_str).collect();
        (1..).zip(text.lines()).find_map(|(number, line)| {
            let mut words = line.split(|c: char| !is_word(c)).filter(|word| word.contains('_'));
            let old = |word: &&str| {
                // Also where there are several of them.
                let word = &word.trim_end_matches('s');
                let known = self.words.get(*word).is_some_and(|new| new != word);
                (known || self.gone.contains(*word)) && !new.contains(word)
            };
            Some((number, words.find(old)?))
        })
    }

    /// A text in which every old name is the new one. Names of one letter or two are left alone: in docs
    /// they are more often something else.
    pub fn text(&self, text: &str) -> String {
        let mut told = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_word) {
            told.push_str(&rest[..start]);
            let behind = &rest[start..];
            let end = behind.find(|c| !is_word(c)).unwrap_or(behind.len());
            let (word, after) = behind.split_at(end);
            // The anchor of a register's heading is its name in small letters.
            let whole = told.ends_with("registers.md#") && after.starts_with(')');
            let anchor = whole.then(|| self.words.get(&word.to_ascii_uppercase()));
            match anchor.flatten() {
                Some(heading) => told.push_str(&heading.to_ascii_lowercase()),
                None => told.push_str(&self.word(word)),
            }
            rest = after;
        }
        told.push_str(rest);
        told
    }

    fn word(&self, word: &str) -> String {
        if let Some(new) = self.words.get(word).filter(|_| word.len() > 2) {
            return new.clone();
        }
        let (old, new) = &self.prefix;
        let small = (old.to_ascii_lowercase(), new.to_ascii_lowercase());
        for (old, new) in [(old, new), (&small.0, &small.1)] {
            // BGC, BGC1, BGC_X, bgc0, bgcN; not bgcolor.
            if let Some(rest) = word.strip_prefix(old.as_str()).filter(|_| !old.is_empty())
                && (rest.is_empty() || rest.starts_with(|c: char| !c.is_ascii_lowercase()))
            {
                return format!("{new}{rest}");
            }
        }
        word.to_owned()
    }
}
