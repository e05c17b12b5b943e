//! Random reads over vhost-user-blk, without a guest: `vhost-load SOCKET DEPTH SECONDS [BLOCK]`. Prints
//! requests per second as one JSON object.

use std::path::Path;
use std::time::{Duration, Instant};

use e2e::vhost::{Ask, Driver, IN, OK, Options};

/// The clock is read once for so many requests.
const ROUND: u64 = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(iops) => println!("{{\"iops\": {iops:.1}}}"),
        Err(why) => {
            eprintln!("vhost-load: {why}");
            std::process::exit(1);
        }
    }
}

fn run(arguments: &[String]) -> Result<f64, String> {
    let [socket, depth, seconds, ..] = arguments else {
        return Err("give SOCKET DEPTH SECONDS".into());
    };
    let number = |text: &String| text.parse::<u64>().map_err(|e| format!("{text}: {e}"));
    let depth = number(depth)?.clamp(1, 40) as u16;
    let time = Duration::from_secs(number(seconds)?);
    let block = arguments.get(3).map(number).transpose()?.unwrap_or(4096) as u32;
    let mut driver = Driver::connect(Path::new(socket), Options::default())
        .map_err(|e| format!("{socket}: {e}"))?;
    let config = driver.config(8).map_err(|e| e.to_string())?;
    let sectors = u64::from_le_bytes(config.try_into().map_err(|_| "no capacity")?);
    let blocks = sectors * 512 / u64::from(block);
    let mut state = 1u64;
    let mut ask = || {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        let sector = (state >> 16) % blocks * u64::from(block / 512);
        Ask { kind: IN, sector, out: &[], room: block }
    };
    let ring = driver.ring();
    let mut since = ring.next;
    for slot in 0..depth {
        ring.prepare(slot, ask());
    }
    ring.notify(since);
    let begun = Instant::now();
    let mut done = 0u64;
    loop {
        if !ring.wait(Duration::from_secs(30)) {
            return Err("no answer for 30 s".into());
        }
        since = ring.next;
        while let Some((slot, _)) = ring.reap() {
            if ring.status(slot) != OK {
                return Err("a read failed".into());
            }
            done += 1;
            ring.prepare(slot, ask());
        }
        ring.notify(since);
        if done % ROUND < u64::from(depth) && begun.elapsed() >= time {
            return Ok(done as f64 / begun.elapsed().as_secs_f64());
        }
    }
}
