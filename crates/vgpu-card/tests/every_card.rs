//! One program plays all cards: with registers elsewhere, fields in another order, other codes, tags and
//! names, the same script draws the same picture.

mod lab;
mod support;

use lab::{Lab, base};
use proptest::prelude::*;
use regmap::model::{Access, Field, Register};
use regmap::{Report, validate};
use support::Rng;
use vgpu_card::ids::{
    Cmd, DrawPrimitive, Fld, LogicOpOp, ModeControlAction, ModeFormatFormat, Named, Reg,
};

/// Another card of the same ids.
fn other(seed: u64) -> regmap::Card {
    let mut rng = Rng(seed);
    let mut card = base();
    let single = |one: &&mut Register| one.count == 1;
    let registers = |card: &mut regmap::Card| -> Vec<(u32, Option<u32>)> {
        card.registers().filter(|one| one.count == 1).map(|one| (one.offset, one.tag)).collect()
    };
    let mut offsets: Vec<u32> =
        registers(&mut card).into_iter().map(|(offset, _)| offset).collect();
    let mut tags: Vec<u32> = registers(&mut card).into_iter().filter_map(|(_, tag)| tag).collect();
    tags.extend(card.commands.iter().map(|one| one.tag));
    shuffle(&mut offsets, &mut rng);
    shuffle(&mut tags, &mut rng);
    let all = card.blocks.iter_mut().flat_map(|block| &mut block.registers);
    for register in all.filter(single) {
        register.offset = offsets.pop().expect("one for each");
        register.tag = register.tag.and_then(|_| tags.pop());
    }
    for command in &mut card.commands {
        command.tag = tags.pop().expect("one for each");
        command.name = format!("DO_{}", command.name);
    }
    let mut changed: Vec<(String, Vec<Field>)> = Vec::new();
    for register in card.blocks.iter_mut().flat_map(|block| &mut block.registers) {
        register.name = format!("N{}_{}", rng.within(0, 100), register.name);
        if register.fields_of.is_none() && !register.is_plain() {
            rearrange(register, &mut rng);
            changed.push((register.id.clone(), register.fields.clone()));
        }
    }
    for register in card.blocks.iter_mut().flat_map(|block| &mut block.registers) {
        if let Some(of) = &register.fields_of {
            let fields = changed.iter().find(|(id, _)| *id == of.id);
            register.fields = fields.expect("it has fields").1.clone();
        }
    }
    card
}

fn shuffle<T>(all: &mut [T], rng: &mut Rng) {
    for at in (1..all.len()).rev() {
        all.swap(at, rng.within(0, at as i64 + 1) as usize);
    }
}

/// Fields in another order, and other codes for their values.
fn rearrange(register: &mut Register, rng: &mut Rng) {
    let before = register.fields.clone();
    let reset: Vec<i64> = before.iter().map(|field| field.extract(register.reset)).collect();
    let mut order: Vec<usize> = (0..before.len()).collect();
    shuffle(&mut order, rng);
    let free = 32 - before.iter().map(|field| field.width).sum::<u32>();
    let mut shift = rng.within(0, i64::from(free) + 1) as u32;
    let mut word = 0;
    for index in order {
        let field = &mut register.fields[index];
        field.shift = shift;
        shift += field.width;
        field.name = format!("F_{}", field.name);
        let most = field.range().1 as u32;
        let by = rng.next() as u32 % most;
        // In a command 0 is no value.
        let least = u32::from(register.access == Access::Command);
        let code = |value: u32| (value - least + by) % (most - least + 1) + least;
        let named = field.values.iter().any(|value| i64::from(value.value) == reset[index]);
        field.values.iter_mut().for_each(|value| value.value = code(value.value));
        let reset = if named { code(reset[index] as u32).into() } else { reset[index] };
        word = field.insert(word, reset).expect("it has fitted before");
    }
    register.reset = word;
}

/// A picture with a little of everything.
fn script(lab: &mut Lab) {
    let size = lab.fields([(Fld::ModeSizeWidth, 640), (Fld::ModeSizeHeight, 480)]);
    lab.write(Reg::ModeSize, size);
    lab.write(Reg::ModeStride, lab.field(Fld::ModeStridePixels, 640));
    lab.write(Reg::ModeFormat, lab.code(ModeFormatFormat::Xrgb8888));
    lab.write(Reg::ModeControl, lab.code(ModeControlAction::Enter));
    lab.write(Reg::IntEnable, lab.field(Fld::IntEnableSync, 1));
    lab.scan();
    let mut rng = Rng(7);
    let mut stream = Vec::new();
    let mut add = |pair: [u32; 2]| stream.extend(pair);
    add(lab.pair(Reg::WindowStride, 0, lab.field(Fld::WindowStridePixels, 640)));
    let min = lab.fields([(Fld::ScissorMinX, 5), (Fld::ScissorMinY, 4)]);
    let max = lab.fields([(Fld::ScissorMaxX, 200), (Fld::ScissorMaxY, 150)]);
    add(lab.pair(Reg::ScissorMin, 0, min));
    add(lab.pair(Reg::ScissorMax, 0, max));
    for primitive in DrawPrimitive::ALL.repeat(6) {
        let coin = |rng: &mut Rng| rng.within(0, 2);
        let mode =
            [(Fld::RasterModeScissor, coin(&mut rng)), (Fld::RasterModeSmooth, coin(&mut rng))];
        add(lab.pair(Reg::RasterMode, 0, lab.fields(mode)));
        add(lab.pair(Reg::LogicOp, 0, lab.code(rng.pick(LogicOpOp::ALL))));
        let (red, green, blue) = (Fld::ColorRed, Fld::ColorGreen, Fld::ColorBlue);
        let mut level = || rng.within(0, 256);
        let color = lab.fields([(red, level()), (green, level()), (blue, level())]);
        add(lab.pair(Reg::Color, 0, color));
        let mut at = || rng.within(-20, 200);
        let position = lab.fields([(Fld::RectPositionX, at()), (Fld::RectPositionY, at())]);
        add(lab.pair(Reg::RectPosition, 0, position));
        let source = lab.fields([(Fld::CopySourceX, at()), (Fld::CopySourceY, at())]);
        add(lab.pair(Reg::CopySource, 0, source));
        let size = [(Fld::RectSizeWidth, at().max(0)), (Fld::RectSizeHeight, at().max(0))];
        add(lab.pair(Reg::RectSize, 0, lab.fields(size)));
        for n in 0..3 {
            add(lab.pair(Reg::VertexX, n, rng.within(-100, 3000) as u32));
            add(lab.pair(Reg::VertexY, n, rng.within(-100, 3000) as u32));
            let (red, green) = (Fld::VertexColorRed, Fld::VertexColorGreen);
            let color = lab.fields([(red, rng.within(0, 256)), (green, rng.within(0, 256))]);
            add(lab.pair(Reg::VertexColor, n, color));
            add(lab.pair(Reg::ColorStart, n, rng.within(0, 0xff_0000) as u32));
            add(lab.pair(Reg::ColorDx, n, rng.within(-0x8000, 0x8000) as u32));
            add(lab.pair(Reg::ColorDy, n, rng.within(-0x8000, 0x8000) as u32));
        }
        for reg in [Reg::StartXDom, Reg::StartXSub, Reg::StartY] {
            add(lab.pair(reg, 0, rng.within(0, 200 << 16) as u32));
        }
        for reg in [Reg::DxDom, Reg::DxSub] {
            add(lab.pair(reg, 0, rng.within(-0x1_8000, 0x1_8000) as u32));
        }
        add(lab.pair(Reg::RowCount, 0, lab.field(Fld::RowCountRows, 30)));
        add(lab.pair(Reg::Draw, 0, lab.code(primitive)));
    }
    add(lab.command(Cmd::Sync, 4711));
    lab.buffer(&stream);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_same_script_draws_the_same_picture(seed: u64) {
        let mut first = Lab::small();
        script(&mut first);
        prop_assert_eq!(&first.faults, &[]);
        prop_assert!(first.memory.iter().filter(|pixel| **pixel != 0).count() > 5000);
        let card = regmap::Card { framebuffer_bytes: 0x20_0000, ..other(seed) };
        let report = Report::new("other", "");
        validate::validate(&card, &report);
        prop_assert_eq!(report.finish(), Ok(()));
        let mut second = Lab::of(&card);
        script(&mut second);
        prop_assert_ne!(first.layout.hash(), second.layout.hash());
        prop_assert!(first.memory == second.memory);
        prop_assert_eq!((first.raised, first.mode, first.damage), (second.raised, second.mode, second.damage));
        prop_assert_eq!(second.read(Reg::FenceDone), 4711);
        prop_assert_eq!(second.get(Fld::IntCountBuffer), 1);
    }
}
