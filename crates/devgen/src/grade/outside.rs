//! Driving the lab: as many boots as it takes until every check has a result.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::build::{self, Sources};
use super::checks::CHECKS;
use super::inside::MARK;
use super::kernel;
use super::report::Report;
use super::sheet::Found;

/// The project's own lab.
const LAB: &str = "cargo xtask vm --timeout 2700 --";
/// Where it has its kernel's headers, in the project's folder.
const KERNEL: &str = "target/lab/kernels/6.12/build";
/// And the module that makes cards.
const SHIM: &str = "vgpu-kmod";
/// The lab's line that tells where the kernel's log is.
const CONSOLE: &str = "the kernel's log: ";
/// What is not the machine's own in the lab.
const HIDDEN: [&str; 3] = ["/tmp", "/run", "/dev"];

/// What is to be graded, and where.
#[derive(Clone, Debug)]
pub struct Request {
    /// The student's folder.
    pub driver: PathBuf,
    /// The semester's, as `devgen new` has made it.
    pub card: PathBuf,
    /// Where the reports go.
    pub out: PathBuf,
    /// A command that runs what follows it as root on a machine to be crashed; empty for this one.
    pub lab: Option<String>,
    /// Headers of that machine's kernel.
    pub kernel: Option<PathBuf>,
    /// The module vgpu, or the folder of its sources; `installed` for that of the machine.
    pub shim: Option<PathBuf>,
    /// Build only.
    pub prepare: bool,
}

/// Builds, runs all checks, and says what was found; nothing if it was only to be built.
///
/// # Errors
/// What is missing on this machine, or why the lab does not work.
pub fn grade(request: &Request) -> Result<Option<Report>> {
    std::fs::create_dir_all(&request.out).with_context(|| request.out.display().to_string())?;
    let absolute = |path: &Path| {
        path.canonicalize().with_context(|| format!("{} is not there", path.display()))
    };
    let out = absolute(&request.out)?;
    let driver = absolute(&request.driver)?;
    let lab = request.lab.as_deref().unwrap_or(LAB);
    let is_own = request.lab.is_none();
    if let Some(hidden) = HIDDEN.iter().find(|hidden| is_own && out.starts_with(hidden)) {
        bail!(
            "{}: the lab has a {hidden} of its own; name a folder elsewhere with --out",
            out.display()
        );
    }
    let kernel = absolute(request.kernel.as_deref().unwrap_or(Path::new(KERNEL))).context(
        "no headers of the lab's kernel: run this in the project's folder, after `cargo xtask vm -- \
         true`; or name a machine of your own with --lab, and its headers with --kernel",
    )?;
    let shim = request.shim.as_deref().unwrap_or(Path::new(SHIM));
    let shim = (shim != Path::new("installed")).then(|| absolute(shim)).transpose()?;
    let work = out.join("lab");
    let sources =
        Sources { driver: &driver, made: &request.card, kernel: &kernel, shim: shim.as_deref() };
    let built = build::build(&sources, &work)?;
    if request.prepare {
        let failed = built.parts.iter().find(|part| !part.ok);
        ensure!(failed.is_none(), "the driver is not as it should be: {failed:?}");
        return Ok(None);
    }
    let card = crate::source::any(&request.card)?;
    let mut report = Report::new(&card, &driver, built);
    if report.checks[0].parts[0].ok {
        let mut words: Vec<String> = lab.split_whitespace().map(str::to_owned).collect();
        words.push(std::env::current_exe()?.display().to_string());
        while report.checks.len() <= CHECKS.len() {
            let before = report.checks.len();
            let more = boot(&words, &work, &mut report)?;
            if !more {
                break;
            }
            ensure!(report.checks.len() > before, "the lab ends without a result: {lab}");
        }
    }
    let why =
        if report.checks[0].parts[0].ok { "no driver was bound" } else { "it does not build" };
    for (check, _) in CHECKS {
        if !report.checks.iter().any(|found| found.id == check.id) {
            report.checks.push(check.untried(&format!("not tried: {why}")));
        }
    }
    Ok(Some(report))
}

/// One boot; whether another one is needed.
fn boot(words: &[String], work: &Path, report: &mut Report) -> Result<bool> {
    let [program, arguments @ ..] = words else { bail!("no command for the lab") };
    let mut command = Command::new(program);
    command.args(arguments).arg("grade-inside").arg(work);
    let done: Vec<&str> = report.checks.iter().map(|found| found.id.as_str()).collect();
    command.args(["--done", &done.join(",")]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run the lab: {program}"))?;
    report.boots += 1;
    let errors = child.stderr.take().context("no standard error")?;
    let errors = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What could be read is enough.
        let _ = BufReader::new(errors).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let mut state = State::default();
    let output = child.stdout.take().context("no standard output")?;
    for line in BufReader::new(output).split(b'\n') {
        state.take(&String::from_utf8_lossy(&line?), report);
    }
    let status = child.wait()?;
    let errors = errors.join().unwrap_or_default();
    if state.done {
        return Ok(false);
    }
    if let Some(id) = state.running {
        report.checks.push(crashed(&id, &errors));
    } else if !state.fresh {
        let last =
            errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
        bail!("the lab has checked nothing ({status}): {last}");
    }
    Ok(true)
}

/// How far a boot has come.
#[derive(Debug, Default)]
struct State {
    running: Option<String>,
    fresh: bool,
    done: bool,
}

impl State {
    fn take(&mut self, line: &str, report: &mut Report) {
        let Some((_, line)) = line.trim_end().split_once(MARK) else { return };
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "kernel" => report.kernel = rest.to_owned(),
            "begin" => self.running = Some(rest.to_owned()),
            "end" => {
                if let Ok(found) = serde_json::from_str::<Found>(rest) {
                    eprintln!("{:>4} of {:<3} {}", found.points(), found.of(), found.title);
                    report.checks.push(found);
                    self.running = None;
                }
            }
            "fresh" => {
                eprintln!("     a fresh boot: {rest}");
                self.fresh = true;
            }
            "done" => self.done = true,
            _ => {}
        }
    }
}

/// A check in which the machine has ended; with the trace, where the lab tells of its log.
fn crashed(id: &str, errors: &str) -> Found {
    let known = CHECKS.iter().find(|(check, _)| check.id == id);
    let place = errors.lines().rev().find_map(|line| line.split_once(CONSOLE));
    let console = place.and_then(|(_, path)| std::fs::read(path.trim()).ok()).unwrap_or_default();
    let lines: Vec<String> =
        String::from_utf8_lossy(&console).lines().map(|line| line.trim_end().to_owned()).collect();
    let trace = kernel::trouble(&lines);
    let first = trace.first().map_or("without a word of the kernel's", String::as_str);
    let why = format!("the machine has ended in this check: {first}");
    let mut found = known.map_or_else(
        || super::checks::BUILD.untried(&why), // nobody begins what is not there
        |(check, _)| check.untried(&why),
    );
    found.trace = trace;
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::checks::BUILD;
    use crate::grade::sheet::Sheet;

    fn report() -> Report {
        let card = crate::source::base().expect("the base card");
        let mut sheet = Sheet::new(BUILD);
        sheet.say(true, "");
        sheet.say(true, "");
        Report::new(&card, Path::new("/driver"), sheet.end(Ok(())))
    }

    fn lab(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_machine_that_crashes_has_its_trace_and_the_next_boot_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("console.log");
        std::fs::write(
            &log,
            "[ 1.0] mvx: fine\n[ 2.0] BUG: kernel NULL pointer\n[ 2.1] RIP: mvx_irq\n",
        )
        .expect("a log");
        let crash = format!(
            "echo '{MARK}kernel 6.12'; echo '{MARK}begin bind'; echo \"{CONSOLE}{}\" >&2; exit 123",
            log.display()
        );
        let mut report = report();
        assert!(boot(&lab(&crash), folder.path(), &mut report).expect("a boot"), "and one more");
        let found = &report.checks[1];
        assert_eq!((found.id.as_str(), found.verdict(), &*report.kernel), ("bind", "fail", "6.12"));
        assert!(found.parts[0].evidence.contains("BUG: kernel NULL pointer"), "{found:?}");
        assert_eq!(found.trace.len(), 2);
        // What is done is not done again: the last argument tells.
        let next = format!("echo '{MARK}begin '$3; echo '{MARK}fresh because'");
        assert!(boot(&lab(&next), folder.path(), &mut report).is_ok());
        assert_eq!(report.boots, 2);
    }

    #[test]
    fn a_lab_that_does_not_work_is_told_by_its_last_line() {
        let error = boot(&lab("echo no kernel >&2; exit 121"), Path::new("/"), &mut report());
        assert!(error.expect_err("no lab").to_string().ends_with("no kernel"));
    }

    #[test]
    fn a_lab_that_comes_to_its_end_is_not_started_again() {
        let mut report = report();
        let end = serde_json::to_string(&CHECKS[0].0.untried("no")).expect("JSON");
        let script = format!("echo '{MARK}begin bind'; echo '{MARK}end {end}'; echo '{MARK}done'");
        assert!(!boot(&lab(&script), Path::new("/"), &mut report).expect("a boot"));
        assert_eq!(report.checks[1].id, "bind");
    }
}
