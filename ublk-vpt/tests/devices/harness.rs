//! Runs tests by name as the standard harness does, which cannot be used where the program under
//! test is the test program itself.

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A test's name and body. A body that returns a reason did not run for that reason.
pub(crate) type Test = (&'static str, fn() -> Result<(), Skipped>);

/// Why a test could not run on this machine.
pub(crate) struct Skipped(pub(crate) &'static str);

const THREADS: usize = 4;

pub(crate) fn run(tests: &[Test]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let exact = arguments.iter().any(|a| a == "--exact");
    let filters: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let wanted: Vec<&Test> = tests
        .iter()
        .filter(|(name, _)| {
            let is =
                |f: &&String| if exact { f.as_str() == *name } else { name.contains(f.as_str()) };
            filters.is_empty() || filters.iter().any(is)
        })
        .collect();
    if arguments.iter().any(|a| a == "--list") {
        wanted.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", wanted.len());
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let skipped = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((name, body)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match catch_unwind(body) {
                        Ok(Ok(())) => println!("test {name} ... ok"),
                        Ok(Err(Skipped(reason))) => {
                            skipped.fetch_add(1, Ordering::Relaxed);
                            println!("test {name} ... ignored, {reason}");
                        }
                        Err(_) => {
                            println!("test {name} ... FAILED");
                            failed.lock().unwrap().push(*name);
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let skipped = skipped.into_inner();
    println!(
        "\ntest result: {}. {} passed; {} failed; {skipped} ignored",
        if failed.is_empty() { "ok" } else { "FAILED" },
        wanted.len() - failed.len() - skipped,
        failed.len(),
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
