//! Draws triangles with the card's rasteriser or with its peer, for tests and benchmarks:
//!
//! ```text
//! raster-load renderer                                 what the peer is
//! raster-load picture < SCENE > PIXELS                 a scene, drawn by the peer
//! raster-load peer HEIGHT COUNT                        seconds for so many triangles of a height
//! raster-load vertices HEIGHT COUNT ISA THREADS        the same, ours
//! raster-load trapezoids HEIGHT COUNT ISA THREADS      the same, set up already
//! raster-load flat HEIGHT COUNT ISA THREADS            the same, each of one colour
//! raster-load clear HEIGHT COUNT ISA THREADS           as many pixels, by clearing the whole picture
//! ```
//!
//! ISA is scalar, avx2, avx512, or best for the widest there is. A measurement is one JSON object: seconds by the clock, and
//! those that the process had a processor, which do not count what other programs took meanwhile. The
//! peer has as many threads beside its first as LP_NUM_THREADS says.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use e2e::raster::{Llvmpipe, Scene, equilateral, registers};
use vgpu_card::raster::{Band, Isa, Rect, State, Surface, Triangle, Vertex};

/// The picture of the benchmark of 1997.
const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
/// Triangles there are; they are drawn again and again.
const DISTINCT: usize = 50_000;
/// Triangles in one call.
const BATCH: usize = 400;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let Err(why) = run(&arguments) {
        eprintln!("raster-load: {why}");
        std::process::exit(1);
    }
}

fn run(arguments: &[&str]) -> Result<(), String> {
    match arguments {
        ["renderer"] => println!("{}", Llvmpipe::new(16, 16)?.renderer()),
        ["picture"] => picture().map_err(|error| error.to_string())??,
        ["peer", height, count] => {
            let (height, count) = (number(height)? as u32, number(count)?);
            let scene = equilateral(height, count.min(DISTINCT), WIDTH, HEIGHT);
            let peer = Llvmpipe::new(WIDTH, HEIGHT)?;
            peer.load(&scene.triangles);
            let seconds = again(count, scene.triangles.len(), |part| peer.draw(part));
            told(seconds, &peer.renderer());
        }
        [what, height, count, isa, threads] => {
            let isa = Isa::available()
                .find(|here| here.name() == *isa)
                .or_else(|| (*isa == "best").then(Isa::best))
                .ok_or_else(|| format!("this processor has no {isa}"))?;
            let scene = equilateral(number(height)? as u32, DISTINCT, WIDTH, HEIGHT);
            let seconds = ours(what, &scene, number(count)?, isa, number(threads)?)?;
            told(seconds, isa.name());
        }
        _ => return Err("see the source for its arguments".into()),
    }
    Ok(())
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

/// What drawing took.
#[derive(Clone, Copy, Default)]
struct Spent {
    clock: Duration,
    processor: Duration,
}

fn told(spent: Spent, by: &str) {
    let told = serde_json::json!({
        "seconds": spent.clock.as_secs_f64(),
        "processor": spent.processor.as_secs_f64(),
        "by": by,
    });
    println!("{told}");
}

/// Processor time of this process so far.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn picture() -> std::io::Result<Result<(), String>> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    let Some(scene) = Scene::from_bytes(&bytes) else { return Ok(Err("that is no scene".into())) };
    let peer = match Llvmpipe::new(scene.width, scene.height) {
        Ok(peer) => peer,
        Err(why) => return Ok(Err(why)),
    };
    peer.load(&scene.triangles);
    peer.draw(0..scene.triangles.len());
    let bytes: Vec<u8> = peer.pixels().into_iter().flat_map(u32::to_le_bytes).collect();
    std::io::stdout().write_all(&bytes).map(Ok)
}

/// The time of so many triangles in parts of `distinct`, after some of them for warming up.
fn again(count: usize, distinct: usize, mut draw: impl FnMut(std::ops::Range<usize>)) -> Spent {
    draw(0..distinct.min(2000));
    let (begun, before) = (Instant::now(), processor_time());
    let mut left = count;
    while left > 0 {
        let part = left.min(distinct);
        draw(0..part);
        left -= part;
    }
    Spent { clock: begun.elapsed(), processor: processor_time() - before }
}

/// In pixels.
fn area([a, b, c]: &Triangle) -> f64 {
    let side = |from: i32, to: i32| f64::from(to - from) / 16.0;
    (side(a.x, b.x) * side(a.y, c.y) - side(a.x, c.x) * side(a.y, b.y)).abs() / 2.0
}

fn ours(
    what: &str,
    scene: &Scene,
    count: usize,
    isa: Isa,
    threads: usize,
) -> Result<Spent, String> {
    let mut pixels = vec![0; (WIDTH * HEIGHT) as usize];
    let mut surface =
        Surface::new(&mut pixels, WIDTH, HEIGHT, WIDTH).map_err(|error| error.to_string())?;
    let state = State { isa, ..State::default() };
    let trapezoids: Vec<_> = scene.triangles.iter().flat_map(registers).collect();
    let flat: Vec<_> =
        scene.triangles.iter().map(|t| t.map(|v| Vertex { color: 7, ..v })).collect();
    // The pixels of a triangle, as a part of the picture's.
    let share = area(&scene.triangles[0]) / f64::from(WIDTH * HEIGHT);
    let draw = |bands: &mut [Band<'_>], part: std::ops::Range<usize>| {
        for band in bands {
            match what {
                "vertices" => band.triangles(&state, &scene.triangles[part.clone()]),
                "trapezoids" => band.trapezoids(&state, &trapezoids[part.start * 2..part.end * 2]),
                "flat" => band.triangles(&state, &flat[part.clone()]),
                _ => {
                    let until = |n: usize| (n as f64 * share) as usize;
                    let times = until(part.end) - until(part.start);
                    band.fill(&state, &vec![Rect::EVERYTHING; times], 7)
                }
            };
        }
    };
    let batches = |bands: &mut [Band<'_>]| {
        again(count, scene.triangles.len(), |part| {
            for start in part.clone().step_by(BATCH) {
                draw(bands, start..(start + BATCH).min(part.end));
            }
        })
    };
    match (what, threads) {
        ("vertices" | "trapezoids" | "flat" | "clear", 1) => Ok(batches(&mut [surface.band()])),
        ("vertices" | "trapezoids" | "flat" | "clear", 2..=64) => {
            let mut shares: Vec<Vec<Band<'_>>> = (0..threads).map(|_| Vec::new()).collect();
            // One band for each: every band that a triangle meets sets it up again.
            for (share, band) in
                shares.iter_mut().zip(surface.bands(HEIGHT.div_ceil(threads as u32)))
            {
                share.push(band);
            }
            let times: Vec<Spent> = std::thread::scope(|scope| {
                let batches = &batches;
                let running: Vec<_> =
                    shares.iter_mut().map(|share| scope.spawn(move || batches(share))).collect();
                running.into_iter().filter_map(|thread| thread.join().ok()).collect()
            });
            times
                .into_iter()
                .max_by_key(|spent| spent.clock)
                .ok_or_else(|| "no thread has ended".into())
        }
        _ => Err(format!("there is no {what} with {threads} threads")),
    }
}
