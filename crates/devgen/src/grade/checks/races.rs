//! What an interrupt finds at the worst moment.

use std::time::Duration;

use super::work::{drawing, spot, spot_color};
use crate::grade::bench::{Bench, OTHER_CPU, OWN_CPU, Setup};
use crate::grade::kernel::patience;
use crate::grade::program::{Program, soon};
use crate::grade::sheet::{Sheet, Stop};

/// Rounds of what is held.
const ROUNDS: u32 = 4;
/// Tries for them: on a busy machine a moment may be missed.
const TRIES: u32 = 12;

/// How long a wait may be, milliseconds.
fn long_ms() -> u128 {
    patience(Duration::from_secs(3)).as_millis()
}

/// When it was too long.
fn too_long() -> Duration {
    patience(Duration::from_millis(1500))
}

/// A program's call is held at its first write to a register; then there is a vertical blank, whose
/// interrupt has the handler look at the queue.
pub(super) fn queueing(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut bench = Bench::driven(setup)?;
    let mut program = drawing(&mut bench, OTHER_CPU)?;
    let mut waiter = bench.open(OWN_CPU)?;
    let (fine, said) = disturbed(&mut bench, &mut program, &mut waiter)?;
    sheet.say(fine, said);
    if bench.has_messages() {
        // Interrupts come to where the program is now, and the card is played elsewhere.
        let mut program = bench.open(OWN_CPU)?;
        bench.sit_on(OTHER_CPU)?;
        let (fine, said) = disturbed(&mut bench, &mut program, &mut waiter)?;
        sheet.say(fine, said);
    } else {
        sheet.say(fine, "the pin's interrupts come to one processor only: as before");
    }
    Ok(())
}

fn disturbed(
    bench: &mut Bench,
    program: &mut Program,
    waiter: &mut Program,
) -> Result<(bool, String), Stop> {
    let (mut held, mut round) = (0, 0);
    while held < ROUNDS && round < TRIES {
        round += 1;
        let color = 0x01_0203 * (round + 1);
        spot(program, bench, color)?;
        waiter.tell("blank 10000")?;
        bench.until("vertical blanks are not enabled", soon(), |bench| {
            bench.bit("int_enable", "vblank").then_some(())
        })?;
        // All is seen and acknowledged: the next write is the program's.
        bench.play(Duration::from_millis(5))?;
        bench.arm()?;
        bench.expect_held();
        program.tell("held")?;
        let caught = bench.wait_held();
        bench.blank()?;
        bench.let_go();
        held += u32::from(caught);
        let number = program.answer(bench, "SUBMIT", soon())?.fine("SUBMIT")?.value;
        waiter.answer(bench, "WAIT_VBLANK", soon())?.fine("WAIT_VBLANK")?;
        let answer = program.ask(bench, &format!("wait {number} {}", long_ms()))?;
        let drawn = spot_color(bench);
        let what = format!(
            "round {round}: an interrupt while SUBMIT was at its first write to a register; then"
        );
        if answer.error != 0 {
            let done = if drawn == color { "though the card has carried it out" } else { "" };
            return Ok((false, format!("{what} WAIT: {} {done}", answer.error_text())));
        }
        if answer.time > too_long() || drawn != color {
            let ms = answer.time.as_millis();
            return Ok((false, format!("{what} WAIT took {ms} ms, the colour is {drawn:#08x}")));
        }
    }
    let seen = format!("{held} of {round} calls were disturbed at their first write to a register");
    Ok(match held {
        0 => (true, "the program's call writes to no register: there is nothing to disturb".into()),
        _ => (true, seen),
    })
}

/// A program's call is held before it is put on a wait queue; then what it wants to wait for happens.
pub(super) fn wake(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut bench = Bench::driven(setup)?;
    let mut program = drawing(&mut bench, OTHER_CPU)?;
    spot(&mut program, &mut bench, 0x10_2030)?;
    let (mut held, mut round) = (0, 0);
    while held < ROUNDS && round < TRIES {
        round += 1;
        bench.idle = true;
        let number = program.ask(&mut bench, "submit")?.fine("SUBMIT")?.value;
        bench.expect_held();
        program.tell(&format!("heldwait {number} {}", long_ms()))?;
        if bench.wait_held() {
            bench.turn_blindly()?;
        }
        let caught = bench.let_go();
        held += u32::from(caught);
        bench.idle = false;
        let answer = program.answer(&mut bench, "WAIT", soon())?;
        if answer.error != 0 || caught && answer.time > too_long() {
            let (ms, error) = (answer.time.as_millis(), answer.error_text());
            sheet.say(
                false,
                format!(
                    "round {round}: the stream ended when WAIT had found that it had not, and was \
                     not asleep yet; WAIT took {ms} ms of {}: {error}",
                    long_ms()
                ),
            );
            return Ok(());
        }
    }
    sheet.say(
        true,
        match held {
            0 => "the program's call goes to no wait queue: there is nothing to disturb".to_owned(),
            _ => format!("{held} of {round} streams ended just before the program slept"),
        },
    );
    Ok(())
}

pub(super) fn burst(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut bench = Bench::driven(setup)?;
    let mut programs = [drawing(&mut bench, OTHER_CPU)?, bench.open(OWN_CPU)?];
    for (program, color) in programs.iter_mut().zip([0x11_1111, 0x22_2222]) {
        spot(program, &mut bench, color)?;
    }
    for (noisy, rounds) in [(false, 150), (true, 100)] {
        bench.noisy = noisy;
        for program in &mut programs {
            program.tell(&format!("burst {rounds} {}", long_ms()))?;
        }
        let mut slowest = Duration::ZERO;
        let mut wrong = Vec::new();
        for (index, program) in programs.iter_mut().enumerate() {
            let answer = program.answer(&mut bench, "SUBMIT or WAIT", 4 * soon())?;
            slowest = slowest.max(Duration::from_micros(answer.value));
            if answer.error != 0 {
                wrong.push(format!("program {index}: {}", answer.error_text()));
            }
        }
        let ms = slowest.as_millis();
        let said =
            format!("2 times {rounds} streams, the slowest took {ms} ms {}", wrong.join(", "));
        sheet.say(wrong.is_empty() && slowest < too_long(), said.trim());
    }
    Ok(())
}

pub(super) fn unload(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut bench = Bench::driven(setup)?;
    let rounds = 3;
    for round in 1..=rounds {
        bench.wait_bound()?;
        let mut program = drawing(&mut bench, OTHER_CPU)?;
        spot(&mut program, &mut bench, 0x10_2030)?;
        bench.idle = true;
        for _ in 0..2 {
            program.ask(&mut bench, "submit")?.fine("SUBMIT")?;
        }
        program.end(&mut bench)?;
        let (file, address) = (bench.unbind_file(), bench.address());
        let driver = file.with_file_name("bind");
        let driver = std::fs::canonicalize(&driver).unwrap_or(driver);
        let mut leaving = Program::start(&mut bench, None, OTHER_CPU)?;
        bench.arm()?;
        bench.expect_held();
        leaving.tell(&format!("unbind {} {address}", file.display()))?;
        // Its first write to a register, as it leaves: now the card is done with everything.
        if bench.wait_held() {
            bench.turn_blindly()?;
            bench.nudge()?;
        }
        bench.let_go();
        bench.idle = false;
        bench.noisy = true;
        leaving.answer(&mut bench, "the driver's remove()", 2 * soon())?.fine("unbind")?;
        bench.wait_unbound()?;
        for _ in 0..20 {
            bench.nudge()?;
        }
        bench.play(Duration::from_millis(50))?;
        bench.noisy = false;
        if round < rounds {
            // The kernel asks the driver again, as at the beginning.
            std::thread::scope(|scope| {
                let bind = scope.spawn(|| std::fs::write(&driver, &address));
                bench.until("the driver does not come back", soon(), |_| {
                    bind.is_finished().then_some(())
                })
            })?;
        }
    }
    sheet.say(true, format!("{rounds} times, with streams under way and interrupts all the time"));
    Ok(())
}
