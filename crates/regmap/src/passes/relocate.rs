//! Other places: offsets of registers, and tags.
//!
//! The registers of a block stay near each other: the block gets a window, and each of its registers a
//! place in there. Those that are to stay together do so in their order.

use std::cmp::Reverse;

use super::chance::Chance;
use crate::diagnostics::{Place, Report};
use crate::model::{Block, Card, Register, TAGS, WORD_BYTES};

const PASS: &str = "relocate";

/// So often chance is asked, then the first place is taken that is free.
const TRIES: u32 = 64;

/// Blocks larger than this are not given more room than they need.
const LARGE: u32 = 0x200;

/// Bytes of the smallest window.
const LEAST_WINDOW: u32 = 0x40;

/// Strides that an array of a few registers may have.
const STRIDES: [u32; 3] = [4, 8, 16];
const FEW: u32 = 8;

/// Moves everything that is not pinned.
pub fn relocate(card: &Card, seed: u32, place: Place, report: &Report<'_>) -> Card {
    let mut moved = card.clone();
    let complain = |what: &str| {
        let message = format!("there is no room for {what}; make registers in the card larger");
        report.add(place, "semester", message);
    };
    for register in moved.blocks.iter_mut().flat_map(|block| &mut block.registers) {
        if register.is_array() && register.count <= FEW && !register.pinned {
            let mut chance = Chance::of(seed, "stride", &register.id);
            register.stride = chance.pick(&STRIDES).copied().unwrap_or(WORD_BYTES);
        }
    }
    let mut space = Space::of(&moved);
    // Windows first, so that a block that grows does not push others around; the large ones before the
    // small ones, which fit in between.
    let mut order: Vec<usize> = (0..moved.blocks.len()).collect();
    order.sort_by_key(|index| Reverse(room(&moved.blocks[*index])));
    let mut windows = vec![None; moved.blocks.len()];
    for index in order {
        windows[index] = space.window(&moved.blocks[index], seed);
    }
    for (block, window) in moved.blocks.iter_mut().zip(windows) {
        let window = window.unwrap_or((0, card.register_bytes));
        for group in groups(block) {
            let Some(offset) = space.place(block, &group, window, seed) else {
                complain(&format!("the block {}", block.id));
                continue;
            };
            let mut at = offset;
            for index in group {
                let register = &mut block.registers[index];
                register.offset = at.next_multiple_of(register.align.max(WORD_BYTES));
                space.take(register);
                at = register.offset + length(register);
            }
        }
    }
    if !tags(&mut moved, seed) {
        complain("all tags");
    }
    moved
}

/// Bytes that it takes. An array has a whole stride for its last register as well: there are tools that
/// want it so.
fn length(register: &Register) -> u32 {
    if register.is_array() { register.count.saturating_mul(register.stride) } else { WORD_BYTES }
}

/// Indices of registers that move as one, the largest first.
fn groups(block: &Block) -> Vec<Vec<usize>> {
    let mut groups: Vec<(Option<&str>, Vec<usize>)> = Vec::new();
    for (index, register) in block.registers.iter().enumerate().filter(|(_, one)| !one.pinned) {
        let word = register.together.as_deref();
        match groups.iter_mut().find(|(known, _)| word.is_some() && *known == word) {
            Some((_, group)) => group.push(index),
            None => groups.push((word, vec![index])),
        }
    }
    let mut groups: Vec<Vec<usize>> = groups.into_iter().map(|(_, group)| group).collect();
    let bytes = |group: &Vec<usize>| -> u32 {
        group.iter().map(|index| length(&block.registers[*index])).sum()
    };
    groups.sort_by_key(|group| Reverse(bytes(group))); // stable
    groups
}

/// Bytes for all that moves in a block.
fn room(block: &Block) -> u32 {
    let free = block.registers.iter().filter(|one| !one.pinned);
    free.map(|one| length(one).next_multiple_of(one.align.max(WORD_BYTES))).sum()
}

/// Which words of BAR 0 are taken, and by windows.
struct Space {
    words: Vec<bool>,
    windows: Vec<(u32, u32)>,
}

impl Space {
    fn of(card: &Card) -> Self {
        let mut words = vec![false; (card.register_bytes / WORD_BYTES) as usize];
        let mut windows = Vec::new();
        for (first, last) in &card.reserved {
            windows.push((*first, last.saturating_add(1)));
            for word in first / WORD_BYTES..=last / WORD_BYTES {
                if let Some(taken) = words.get_mut(word as usize) {
                    *taken = true;
                }
            }
        }
        let mut space = Self { words, windows };
        for register in card.registers().filter(|one| one.pinned) {
            space.take(register);
            space.windows.push((register.offset, register.offset + length(register)));
        }
        space
    }

    /// All of an array, gaps included: some tools do not know arrays that are woven into each other.
    fn take(&mut self, register: &Register) {
        let first = (register.offset / WORD_BYTES) as usize;
        let words = (length(register) / WORD_BYTES) as usize;
        self.words.iter_mut().skip(first).take(words).for_each(|taken| *taken = true);
    }

    /// A window of a block's own; none is needed if all of it is pinned, and none may be left.
    fn window(&mut self, block: &Block, seed: u32) -> Option<(u32, u32)> {
        let bytes = room(block);
        let room = if bytes > LARGE { bytes } else { bytes * 2 };
        let size = room.max(LEAST_WINDOW).checked_next_power_of_two()?;
        let all = self.words.len() as u32 * WORD_BYTES;
        let count = all / size;
        let mut chance = Chance::of(seed, PASS, &format!("block {}", block.id));
        let drawn = (0..TRIES).map(|_| chance.below(count) * size).collect::<Vec<_>>();
        let every = (0..count).map(|index| index * size);
        let found = drawn.into_iter().chain(every).find(|start| {
            *start + size <= all
                && self.windows.iter().all(|(first, end)| start + size <= *first || end <= start)
        })?;
        self.windows.push((found, found + size));
        Some((found, found + size))
    }

    /// Where a group begins.
    fn place(
        &self,
        block: &Block,
        group: &[usize],
        (start, end): (u32, u32),
        seed: u32,
    ) -> Option<u32> {
        let first = block.registers.get(*group.first()?)?;
        let align = first.align.max(WORD_BYTES);
        let mut chance = Chance::of(seed, PASS, &first.id);
        let count = (end - start) / align;
        let drawn: Vec<u32> = (0..TRIES).map(|_| start + chance.below(count) * align).collect();
        let every = (0..count).map(|index| start + index * align);
        let anywhere = (0..self.words.len() as u32 * WORD_BYTES / align).map(|index| index * align);
        let limit = self.words.len() as u32 * WORD_BYTES;
        let inside = drawn.into_iter().chain(every).map(|offset| (offset, end));
        let mut all = inside.chain(anywhere.map(|offset| (offset, limit)));
        all.find(|(offset, end)| self.fits(block, group, *offset, *end)).map(|(offset, _)| offset)
    }

    fn fits(&self, block: &Block, group: &[usize], offset: u32, end: u32) -> bool {
        let mut at = offset;
        group.iter().filter_map(|index| block.registers.get(*index)).all(|register| {
            let start = at.next_multiple_of(register.align.max(WORD_BYTES));
            at = start + length(register);
            let words = (start / WORD_BYTES) as usize..(at / WORD_BYTES) as usize;
            at <= end && self.words.get(words).is_some_and(|all| !all.contains(&true))
        })
    }
}

/// Gives everything that has a tag another one; false if there are not enough.
fn tags(card: &mut Card, seed: u32) -> bool {
    let mut taken = vec![false; TAGS as usize];
    for register in card.registers().filter(|one| one.pinned) {
        let first = register.tag.unwrap_or(TAGS) as usize;
        taken.iter_mut().skip(first).take(register.count as usize).for_each(|one| *one = true);
    }
    let mut draw = |id: &str, count: u32| {
        let step = count.next_power_of_two();
        let mut chance = Chance::of(seed, "tag", id);
        let drawn: Vec<u32> = (0..TRIES).map(|_| chance.below(TAGS / step) * step).collect();
        let every = (0..TAGS / step).map(|index| index * step);
        let free = |tag: u32, taken: &[bool]| {
            taken[tag as usize..(tag + count) as usize].iter().all(|one| !one)
        };
        let tag = drawn.into_iter().chain(every).find(|tag| free(*tag, &taken))?;
        taken[tag as usize..(tag + count) as usize].fill(true);
        Some(tag)
    };
    let mut enough = true;
    let registers = card.blocks.iter_mut().flat_map(|block| &mut block.registers);
    for register in registers.filter(|one| !one.pinned && one.tag.is_some()) {
        match draw(&register.id, register.count) {
            Some(tag) => register.tag = Some(tag),
            None => enough = false,
        }
    }
    for command in &mut card.commands {
        match draw(&command.id, 1) {
            Some(tag) => command.tag = tag,
            None => enough = false,
        }
    }
    enough
}
