//! Drawing, DMA, interrupts, sleeping.

use std::time::Duration;

use crate::grade::bench::{Bench, OTHER_CPU, Setup};
use crate::grade::kernel::patience;
use crate::grade::program::{Answer, Program, soon};
use crate::grade::sheet::{Sheet, Stop};
use crate::grade::stream::{self, SIZE, Stream};

/// As the header for programs has it.
const MOST_WORDS: usize = 16_376;
/// EIO.
const IO_ERROR: i32 = 5;
/// How long the card is slow.
const SLOW: Duration = Duration::from_millis(400);
/// How many waits a driver has, to sleep in one.
const SLEEPS: u32 = 3;

/// Where small fills are, which tell whether a stream was carried out.
pub(super) const SPOT: (u32, u32) = (16, 16);

/// A program with the picture's mode set.
pub(super) fn drawing(bench: &mut Bench, cpu: usize) -> Result<Program, Stop> {
    let mut program = bench.open(cpu)?;
    let (width, height) = SIZE;
    program.ask(bench, &format!("mode {width} {height}"))?.fine("SET_MODE")?;
    Ok(program)
}

/// Gives a program a stream that fills the spot.
pub(super) fn spot(program: &mut Program, bench: &mut Bench, color: u32) -> Result<(), Stop> {
    let line = spot_words(&bench.card, color);
    program.ask(bench, &line)?;
    Ok(())
}

fn spot_words(card: &regmap::Card, color: u32) -> String {
    let mut stream = Stream::new(card);
    stream.fill(SPOT, (8, 8), color);
    format!("words{}", stream.hex())
}

/// The spot's colour.
pub(super) fn spot_color(bench: &mut Bench) -> u32 {
    bench.memory()[(SPOT.1 * SIZE.0 + SPOT.0) as usize] & 0xff_ffff
}

pub(super) fn picture(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut bench = Bench::driven(setup)?;
    let mut program = drawing(&mut bench, OTHER_CPU)?;
    sheet.say(bench.in_graphics(), format!("SET_MODE {}x{}", SIZE.0, SIZE.1));
    let (card, pixels) = (bench.card.clone(), (SIZE.0 * SIZE.1) as usize);
    let stream = Stream::picture(&card);
    let wanted = stream::drawn(&card, &stream.words, pixels)?;
    program.ask(&mut bench, &format!("words{}", stream.hex()))?;
    program.carry_out(&mut bench)?;
    let drawn = &bench.memory()[..pixels];
    let differ = drawn.iter().zip(&wanted).filter(|(drawn, wanted)| drawn != wanted).count();
    let first = drawn.iter().zip(&wanted).position(|(drawn, wanted)| drawn != wanted);
    let place = first.map(|at| (at as u32 % SIZE.0, at as u32 / SIZE.0));
    sheet.say(
        differ == 0,
        match place {
            None => format!("{pixels} pixels by {} words", stream.words.len()),
            Some((x, y)) => format!("{differ} of {pixels} pixels differ, the first at ({x}, {y})"),
        },
    );
    Ok(())
}

pub(super) fn dma(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut bench = Bench::driven(setup)?;
    let mut program = drawing(&mut bench, OTHER_CPU)?;
    let card = bench.card.clone();
    let nop = card.command("nop").map_or(0, |nop| nop.tag);
    let mut long = Stream::new(&card);
    let mut end = Stream::new(&card);
    end.fill(SPOT, (8, 8), 0x11_2233);
    while long.words.len() + end.words.len() < MOST_WORDS {
        long.words.extend([nop, 0]);
    }
    long.words.extend(&end.words);
    program.ask(&mut bench, &format!("words{}", long.hex()))?;
    program.carry_out(&mut bench)?;
    let color = spot_color(&mut bench);
    sheet.say(
        color == 0x11_2233,
        format!("{} words, of which the last draw: {color:#08x}", long.words.len()),
    );

    bench.idle = true;
    let lines: Vec<String> = (1..=6).map(|n| spot_words(&card, n * 0x0a_0a0a)).collect();
    for line in &lines {
        program.tell(line)?;
        program.tell("submit")?;
    }
    bench.play(SLOW)?;
    bench.idle = false;
    let mut numbers = Vec::new();
    for _ in &lines {
        program.answer(&mut bench, "words", soon())?;
        let answer = program.answer(&mut bench, "SUBMIT", soon())?.fine("SUBMIT")?;
        numbers.push(answer.value);
    }
    for number in numbers.iter().rev() {
        program.ask(&mut bench, &format!("wait {number} 10000"))?.fine("WAIT")?;
    }
    let (color, rising) = (spot_color(&mut bench), numbers.is_sorted_by(|a, b| a < b));
    sheet.say(
        color == 6 * 0x0a_0a0a && rising,
        format!("numbers {numbers:?}, the last colour is {color:#08x}, wanted 0x3c3c3c"),
    );

    spot(&mut program, &mut bench, 0x44_5566)?;
    let answer = program.ask(&mut bench, "fresh")?;
    match answer.error {
        0 => {
            program.ask(&mut bench, &format!("wait {} 10000", answer.value))?.fine("WAIT")?;
            let color = spot_color(&mut bench);
            sheet.say(color == 0x44_5566, format!("its colour is {color:#08x}, wanted 0x445566"));
        }
        _ => sheet.say(
            false,
            format!(
                "SUBMIT: {}; is copy_from_user() called with a spin lock held?",
                answer.error_text()
            ),
        ),
    }

    let mut taken = Vec::new();
    for words in [0, 3] {
        program.ask(&mut bench, &format!("words{}", stream::hex(&vec![nop; words])))?;
        if program.ask(&mut bench, "submit")?.error == 0 {
            taken.push(words);
        }
    }
    sheet.say(taken.is_empty(), format!("of 0 and 3 words it has taken {taken:?}"));
    Ok(())
}

pub(super) fn interrupts(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut bench = Bench::driven(setup)?;
    let mut program = drawing(&mut bench, OTHER_CPU)?;
    spot(&mut program, &mut bench, 0x10_2030)?;
    for _ in 0..3 {
        program.carry_out(&mut bench)?;
    }
    let seen = bench.until("", patience(Duration::from_secs(2)), |bench| {
        (bench.read("int_ack") == bench.read("int_count")).then_some(())
    });
    let (count, ack) = (bench.read("int_count"), bench.read("int_ack"));
    sheet.say(seen.is_ok(), format!("counted {count:#010x}, acknowledged {ack:#010x}"));

    program.tell("blank 8000")?;
    bench.play(SLOW / 2)?;
    let early = program.try_answer();
    bench.until("vertical blanks are not enabled", soon(), |bench| {
        bench.bit("int_enable", "vblank").then_some(())
    })?;
    bench.blank()?;
    let answer = match early {
        Some(answer) => answer,
        None => program.answer(&mut bench, "WAIT_VBLANK", soon())?,
    };
    let when = if early.is_some() { "before" } else { "at" };
    sheet.say(
        early.is_none() && answer.error == 0,
        format!("it returned {when} the blank: {}", answer.error_text()),
    );
    let off = bench.until("", patience(Duration::from_secs(1)), |bench| {
        (!bench.bit("int_enable", "vblank")).then_some(())
    });
    sheet.say(off.is_ok(), format!("interrupts enabled: {:#010x}", bench.read("int_enable")));

    let used = |tag: u32| {
        let registers = bench.card.registers();
        let of_register = registers.filter_map(|one| Some((one.tag?, one.count)));
        let mut of_command = bench.card.commands.iter().map(|one| (one.tag, 1)).chain(of_register);
        of_command.any(|(first, count)| (first..first + count).contains(&tag))
    };
    let unknown = (1..regmap::model::TAGS).rev().find(|tag| !used(*tag)).unwrap_or(u32::MAX);
    program.ask(&mut bench, &format!("words{}", stream::hex(&[unknown, 0])))?;
    let number = program.ask(&mut bench, "submit")?.fine("SUBMIT")?.value;
    let ms = patience(Duration::from_secs(4)).as_millis();
    let answer = program.ask(&mut bench, &format!("wait {number} {ms}"))?;
    sheet.say(
        answer.error == IO_ERROR,
        format!("a stream with the unknown tag {unknown:#x}: {}", answer.error_text()),
    );

    spot(&mut program, &mut bench, 0x77_8899)?;
    program.carry_out(&mut bench)?;
    let color = spot_color(&mut bench);
    sheet.say(color == 0x77_8899, format!("its colour is {color:#08x}, wanted 0x778899"));
    Ok(())
}

pub(super) fn sleep(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut bench = Bench::driven(setup)?;
    let mut program = drawing(&mut bench, OTHER_CPU)?;
    spot(&mut program, &mut bench, 0x10_2030)?;
    // A machine that stands still may begin a wait late, and charge the program for its own time. Who takes
    // time of the processor does it every time.
    let mut answer = Answer::default();
    let mut slept = false;
    for _ in 0..SLEEPS {
        bench.idle = true;
        let number = program.ask(&mut bench, "submit")?.fine("SUBMIT")?.value;
        program.tell(&format!("wait {number} 20000"))?;
        bench.play(SLOW)?;
        bench.idle = false;
        answer = program.answer(&mut bench, "WAIT", soon())?.fine("WAIT")?;
        slept = answer.time >= SLOW / 2 && answer.processor < answer.time / 4;
        if slept {
            break;
        }
    }
    let (time, processor) = (answer.time.as_millis(), answer.processor.as_millis());
    sheet.say(
        slept,
        format!(
            "WAIT took {time} ms, {processor} ms of them the processor's; it slept {} times",
            answer.sleeps
        ),
    );
    Ok(())
}
