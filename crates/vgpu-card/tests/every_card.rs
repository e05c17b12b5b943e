//! One program plays all cards: with registers elsewhere, fields in another order, other codes, tags and
//! names, or colours of another kind, the same script draws the same picture.

mod lab;
mod support;

use std::thread;

use lab::Lab;
use regmap::passes::{Semester, make};
use regmap::{Card, Place};
use support::Rng;
use vgpu_card::ids::{
    Cmd, DrawPrimitive, ErrorCodeCode, Fld, LogicOpOp, ModeControlAction, ModeFormatFormat, Named,
    Reg,
};

/// How many cards.
const SEEDS: u32 = 1000;

/// Memory of each, to have many.
const MEMORY: u32 = 0x20_0000;

fn template() -> Card {
    let text = include_str!("../../../configs/cards/base.toml");
    regmap::parse_template("base.toml", text).expect("the base card is sound")
}

fn semester(seed: u32, features: &[String]) -> Semester {
    let place = Place::default();
    let reference = |id: &String| regmap::model::Reference { id: id.clone(), place };
    Semester {
        id: format!("seed-{seed}"),
        title: "A card".into(),
        card: String::new(),
        seed,
        prefix: None,
        features: features.iter().map(reference).collect(),
        place,
    }
}

/// Features that can be on one card, another set for each seed.
fn features(template: &Card, seed: u32) -> Vec<String> {
    let mut rng = Rng(seed.into());
    let mut chosen: Vec<String> = Vec::new();
    let has = |chosen: &[String], id: &str| chosen.iter().any(|one| one == id);
    for feature in &template.features {
        let clash = chosen.iter().any(|one| template.exclude_each_other(one, &feature.id));
        let needs = feature.requires.iter().all(|one| has(&chosen, &one.id));
        if needs && !clash && !rng.next().is_multiple_of(3) {
            chosen.push(feature.id.clone());
        }
    }
    for group in &template.one_of {
        if !group.iter().any(|one| has(&chosen, &one.id)) {
            chosen.push(rng.pick(&group.iter().map(|one| &*one.id).collect::<Vec<_>>()).to_owned());
        }
    }
    chosen
}

/// A colour as this card has it.
fn color(lab: &Lab, channels: [Fld; 3], inks: [Fld; 4], rgb: [i32; 3]) -> u32 {
    if lab.layout.has("cmyk") {
        let [cyan, magenta, yellow] = rgb.map(|level| 255 - level);
        let [c, m, y, k] = inks;
        return lab.fields([(c, cyan), (m, magenta), (y, yellow), (k, 0)]);
    }
    let [red, green, blue] = channels;
    lab.fields([(red, rgb[0]), (green, rgb[1]), (blue, rgb[2])])
}

/// The primitives that a card has.
fn primitives(lab: &Lab) -> Vec<DrawPrimitive> {
    let has = |one: &&DrawPrimitive| lab.layout.named(lab.code(**one)) == Some(**one);
    DrawPrimitive::ALL.iter().filter(has).copied().collect()
}

/// A picture with a little of everything that the cards have.
fn script(lab: &mut Lab, primitives: &[DrawPrimitive]) {
    let size = lab.fields([(Fld::ModeSizeWidth, 640), (Fld::ModeSizeHeight, 480)]);
    lab.write(Reg::ModeSize, size);
    lab.write(Reg::ModeStride, lab.field(Fld::ModeStridePixels, 640));
    lab.write(Reg::ModeFormat, lab.code(ModeFormatFormat::Xrgb8888));
    lab.write(Reg::ModeControl, lab.code(ModeControlAction::Enter));
    lab.write(Reg::IntEnable, lab.field(Fld::IntEnableSync, 1));
    lab.scan();
    let mut rng = Rng(7);
    let mut stream = Vec::new();
    let mut add = |lab: &Lab, reg: Reg, n: u32, data: u32| {
        if lab.layout.offset(reg, 0).is_some() {
            stream.extend(lab.pair(reg, n, data));
        }
    };
    add(lab, Reg::WindowStride, 0, lab.field(Fld::WindowStridePixels, 640));
    let min = lab.fields([(Fld::ScissorMinX, 5), (Fld::ScissorMinY, 4)]);
    let max = lab.fields([(Fld::ScissorMaxX, 200), (Fld::ScissorMaxY, 150)]);
    add(lab, Reg::ScissorMin, 0, min);
    add(lab, Reg::ScissorMax, 0, max);
    let cmyk = lab.layout.has("cmyk");
    for primitive in primitives.repeat(3) {
        let coin = |rng: &mut Rng| rng.within(0, 2);
        let mode =
            [(Fld::RasterModeScissor, coin(&mut rng)), (Fld::RasterModeSmooth, coin(&mut rng))];
        add(lab, Reg::RasterMode, 0, lab.fields(mode));
        add(lab, Reg::LogicOp, 0, lab.code(rng.pick(LogicOpOp::ALL)));
        let (channels, inks) = (
            [Fld::ColorRed, Fld::ColorGreen, Fld::ColorBlue],
            [Fld::ColorCyan, Fld::ColorMagenta, Fld::ColorYellow, Fld::ColorBlack],
        );
        let mut levels = || [rng.within(0, 256), rng.within(0, 256), rng.within(0, 256)];
        add(lab, Reg::Color, 0, color(lab, channels, inks, levels()));
        let mut at = || rng.within(-20, 200);
        let position = lab.fields([(Fld::RectPositionX, at()), (Fld::RectPositionY, at())]);
        add(lab, Reg::RectPosition, 0, position);
        let source = lab.fields([(Fld::CopySourceX, at()), (Fld::CopySourceY, at())]);
        add(lab, Reg::CopySource, 0, source);
        let size = [(Fld::RectSizeWidth, at().max(0)), (Fld::RectSizeHeight, at().max(0))];
        add(lab, Reg::RectSize, 0, lab.fields(size));
        for n in 0..3 {
            add(lab, Reg::VertexX, n, rng.within(-100, 3000) as u32);
            add(lab, Reg::VertexY, n, rng.within(-100, 3000) as u32);
            let channels = [Fld::VertexColorRed, Fld::VertexColorGreen, Fld::VertexColorBlue];
            let inks = [
                Fld::VertexColorCyan,
                Fld::VertexColorMagenta,
                Fld::VertexColorYellow,
                Fld::VertexColorBlack,
            ];
            let levels = [rng.within(0, 256), rng.within(0, 256), 0];
            add(lab, Reg::VertexColor, n, color(lab, channels, inks, levels));
            let ink = |white: i32, level: i32| if cmyk { white - level } else { level };
            add(lab, Reg::ColorStart, n, ink(255 << 16, rng.within(0, 0xff_0000)) as u32);
            add(lab, Reg::ColorDx, n, ink(0, rng.within(-0x8000, 0x8000)) as u32);
            add(lab, Reg::ColorDy, n, ink(0, rng.within(-0x8000, 0x8000)) as u32);
        }
        for reg in [Reg::StartXDom, Reg::StartXSub, Reg::StartY] {
            add(lab, reg, 0, rng.within(0, 200 << 16) as u32);
        }
        for reg in [Reg::DxDom, Reg::DxSub] {
            add(lab, reg, 0, rng.within(-0x1_8000, 0x1_8000) as u32);
        }
        add(lab, Reg::RowCount, 0, lab.field(Fld::RowCountRows, 30));
        add(lab, Reg::Draw, 0, lab.code(primitive));
    }
    stream.extend(lab.command(Cmd::Sync, 4711));
    if lab.layout.has("dma_single") { lab.buffer(&stream) } else { lab.ring(&stream) }
}

/// What the base card draws, of the same primitives.
fn wanted(template: &Card, primitives: &[DrawPrimitive]) -> Lab {
    let base = regmap::passes::select::default(template);
    let mut lab = Lab::of(&Card { framebuffer_bytes: MEMORY, ..base });
    script(&mut lab, primitives);
    lab
}

fn judge(template: &Card, seed: u32, features: &[String]) {
    let card = make(template, &semester(seed, features), "semester.toml", "");
    let card = card.unwrap_or_else(|errors| panic!("seed {seed}, {features:?}: {errors}"));
    let mut lab = Lab::of(&Card { framebuffer_bytes: MEMORY, ..card.clone() });
    let primitives = primitives(&lab);
    script(&mut lab, &primitives);
    let base = wanted(template, &primitives);
    let what = format!("seed {seed}, {features:?}");
    assert_eq!(lab.faults, [], "{what}");
    assert_ne!(lab.layout.hash(), base.layout.hash(), "{what}");
    assert!(lab.memory == base.memory, "another picture: {what}");
    assert_eq!((lab.mode, lab.damage), (base.mode, base.damage), "{what}");
    assert_eq!(lab.read(Reg::FenceDone), 4711, "{what}");
    assert_eq!(lab.get(Fld::IntCountSync), 1, "{what}");
}

/// Half of them with everything, the others with what chance has left them.
#[test]
fn the_same_script_draws_the_same_picture() {
    let template = template();
    let all = regmap::passes::select::default(&template).features;
    let all: Vec<String> = all.into_iter().map(|one| one.id).collect();
    let base = wanted(&template, DrawPrimitive::ALL);
    assert!(base.memory.iter().filter(|pixel| **pixel != 0).count() > 5000);
    let each = |part: u32| {
        for seed in (part..SEEDS).step_by(2) {
            match seed % 4 {
                0 | 1 => judge(&template, seed, &all),
                _ => judge(&template, seed, &features(&template, seed)),
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| each(0));
        each(1);
    });
}

/// What was not chosen is not there, and whoever asks for it is told so.
#[test]
fn features_that_are_off_are_refused() {
    let template = template();
    let few = ["cmyk", "dma_single", "intx", "rectangles"].map(str::to_owned);
    let card = make(&template, &semester(5, &few), "f", "").expect("they go together");
    assert!(card.pci.msi_vectors == 0 && card.pci.pin);
    let mut lab = Lab::of(&card);
    for absent in [Reg::RingBase, Reg::RingControl, Reg::CursorBase, Reg::Palette, Reg::StartY] {
        assert_eq!(lab.layout.offset(absent, 0), None, "{absent:?}");
    }
    assert_eq!(primitives(&lab), [DrawPrimitive::Fill, DrawPrimitive::Outline]);
    let known: Vec<u32> = card.register("draw").expect("it draws").fields[0]
        .values
        .iter()
        .map(|value| value.value)
        .collect();
    let other = (1..256).find(|code| !known.contains(code)).expect("there are two");
    let draw = lab.pair(Reg::Draw, 0, lab.field(Fld::DrawPrimitive, other));
    lab.buffer(&draw);
    assert_eq!(lab.error(), Some(ErrorCodeCode::BadDraw));
    lab.acknowledge();
    let tagged = |tag: u32| {
        let registers = card.registers().filter_map(|one| Some((one.tag?, one.count)));
        let commands = card.commands.iter().map(|one| (one.tag, 1));
        registers.chain(commands).any(|(first, count)| (first..first + count).contains(&tag))
    };
    let free = (0..0x800).find(|tag| !tagged(*tag)).expect("few are taken");
    lab.buffer(&[free, 0]);
    assert_eq!(lab.error(), Some(ErrorCodeCode::BadTag));
}

/// Black takes from each colour.
#[test]
fn inks_are_turned_into_light() {
    let template = template();
    let few = ["cmyk", "dma_single", "intx", "rectangles"].map(str::to_owned);
    let card = make(&template, &semester(6, &few), "f", "").expect("they go together");
    let mut lab = Lab::of(&card);
    let inks = [(Fld::ColorCyan, 255), (Fld::ColorMagenta, 51), (Fld::ColorYellow, 0)];
    let word = lab.fields(inks) | lab.field(Fld::ColorBlack, 85);
    lab.write(Reg::Color, word);
    lab.write(Reg::RectSize, lab.fields([(Fld::RectSizeWidth, 1), (Fld::RectSizeHeight, 1)]));
    lab.draw(DrawPrimitive::Fill);
    assert_eq!(lab.memory[0], 136 << 8 | 170);
}
