//! `devgen`: see the library.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, anyhow};
use clap::{Parser, Subcommand};
use devgen::grade::{inside, outside};
use devgen::source::SourceError;
use devgen::templates::Templates;
use devgen::{compare, folder, import, source};
use regmap::{Diagnostic, Diagnostics};
use serde::Serialize;
use serde_json::json;

/// Makes a new card every semester: header, tables, manual, driver and programs out of one description.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Make a semester's card
    New {
        /// The semester's file
        file: PathBuf,
        /// The folder to write
        #[arg(short, long, value_name = "FOLDER")]
        out: PathBuf,
        /// Templates of your own, under the names of the built-in ones
        #[arg(long, value_name = "FOLDER")]
        templates: Option<PathBuf>,
        /// The program that makes the PDF
        #[arg(long, value_name = "PROGRAM", default_value = "typst")]
        typst: PathBuf,
    },
    /// Say what is wrong with a semester's or a card's file
    Check {
        /// The file
        file: PathBuf,
        /// As JSON: what was made of it, or each mistake with its place
        #[arg(long)]
        json: bool,
    },
    /// Say what differs between two cards: semesters, cards, or folders that were made
    Diff {
        /// One
        one: PathBuf,
        /// The other
        other: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Explain a register of a card, by its name there or by the base card's
    Explain {
        /// A folder that was made, a semester's or a card's file
        card: PathBuf,
        /// The register
        register: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a card's file of a CMSIS-SVD file, and list what is lost
    Import {
        /// The SVD file
        file: PathBuf,
        /// The file to write; without it, the card is printed
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Grade a student's driver in the kernel lab
    #[command(after_help = GRADE_HELP)]
    Grade {
        /// The driver's folder, with a Kbuild
        driver: PathBuf,
        /// The semester's folder, as `devgen new` has made it
        #[arg(long, value_name = "FOLDER")]
        card: PathBuf,
        /// Where report.json and report.html go
        #[arg(short, long, value_name = "FOLDER", default_value = "grade")]
        out: PathBuf,
        /// The command that runs what follows it as root on a machine that may crash; "" for this one
        #[arg(long, value_name = "COMMAND")]
        lab: Option<String>,
        /// The headers of that machine's kernel
        #[arg(long, value_name = "FOLDER")]
        kernel: Option<PathBuf>,
        /// The module vgpu: the folder of its sources, a vgpu.ko, or "installed" if the machine has it
        #[arg(long, value_name = "PATH")]
        shim: Option<PathBuf>,
        /// Build only
        #[arg(long, hide = true)]
        prepare: bool,
    },
    /// What `grade` runs in the lab
    #[command(hide = true)]
    GradeInside {
        folder: PathBuf,
        #[arg(long, value_delimiter = ',')]
        done: Vec<String>,
        #[arg(long)]
        one: Option<String>,
    },
}

const GRADE_HELP: &str = "\
Without --lab it is run in the project's folder, and uses the project's kernel lab.
It exits with 1 if there was something to find fault with, with 2 if it could not grade.

Examples:
  devgen grade students/ann/driver --card out/ -o reports/ann
  devgen grade driver --card out/ --lab \"ssh root@victim\" --kernel /usr/src/linux-headers-6.12.9 --shim installed";

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Order::Grade { driver, card, out, lab, kernel, shim, prepare } => {
            return grade(&outside::Request { driver, card, out, lab, kernel, shim, prepare });
        }
        Order::GradeInside { folder, one: Some(one), .. } => inside::one(&folder, &one).map(fine),
        Order::GradeInside { folder, done, one: None } => inside::all(&folder, &done).map(fine),
        Order::Check { file, json } => check(&file, json),
        order => run(order).map(fine),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::FAILURE
    })
}

fn fine((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

fn run(order: Order) -> Result<()> {
    match order {
        Order::New { file, out, templates, typst } => {
            let made = source::semester(&file)?;
            let written = folder::write(&made, &Templates::new(templates.as_deref()), &out)?;
            println!(
                "{}: {} files, prefix {}, layout {:#010x}",
                out.display(),
                written.len(),
                made.card.prefix,
                regmap::layout_hash(&made.card)
            );
            pdf(&typst, &out.join(folder::TYPST));
            Ok(())
        }
        Order::Diff { one, other, json } => {
            let (one, other) = (source::any(&one)?, source::any(&other)?);
            let found = compare::diff(&one, &other);
            if json {
                return print_json(&found);
            }
            found.iter().for_each(|line| println!("{line}"));
            Ok(())
        }
        Order::Explain { card, register, json } => {
            let card = source::any(&card)?;
            let register = compare::register(&card, &register).map_err(|error| anyhow!(error))?;
            if json {
                return print_json(&compare::as_json(register));
            }
            print!("{}", compare::explain(register));
            Ok(())
        }
        Order::Import { file, out } => {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read {name}; name an SVD file"))?;
            let imported = import::svd(&name, &text)?;
            imported.losses.iter().for_each(|loss| eprintln!("{name}: lost: {loss}"));
            match out {
                Some(out) => std::fs::write(&out, imported.description)
                    .with_context(|| format!("cannot write {}", out.display()))?,
                None => print!("{}", imported.description),
            }
            Ok(())
        }
        Order::Check { .. } | Order::Grade { .. } | Order::GradeInside { .. } => Ok(()), // main() has done it
    }
}

/// With `json`, mistakes are what is printed, and the status alone tells that there are any.
fn check(file: &Path, json: bool) -> Result<ExitCode> {
    let card = match source::any(file) {
        Err(SourceError::Content(mistakes)) if json => {
            print_json(&json!({"ok": false, "mistakes": places(&mistakes)}))?;
            return Ok(ExitCode::FAILURE);
        }
        card => card?,
    };
    let (registers, hash) = (card.registers().count(), regmap::layout_hash(&card));
    if json {
        print_json(&json!({
            "ok": true, "id": card.id, "prefix": card.prefix, "registers": registers, "layout": hash,
            "mistakes": [],
        }))?;
    } else {
        println!("{}: fine: {registers} registers, layout {hash:#010x}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn print_json(value: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Mistakes as `check --json` prints them.
fn places(mistakes: &Diagnostics) -> Vec<serde_json::Value> {
    let one = |one: &Diagnostic| {
        json!({
            "file": one.file, "line": one.line, "column": one.column, "item": one.item,
            "message": one.message,
        })
    };
    mistakes.iter().map(one).collect()
}

/// Fault found is no failure of the grader's.
fn grade(request: &outside::Request) -> ExitCode {
    let graded = outside::grade(request).and_then(|report| {
        let Some(report) = report else { return Ok(true) };
        print!("{}", report.text());
        report.write(&request.out)?.iter().for_each(|file| println!("{}", file.display()));
        Ok(report.passed())
    });
    match graded {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

/// The manual as a PDF, where that can be made. Everything else is there without it.
fn pdf(typst: &Path, text: &Path) {
    let to = text.with_extension("pdf");
    match Command::new(typst).arg("compile").arg(text).arg(&to).output() {
        Ok(output) if output.status.success() => println!("{}", to.display()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let line = said.lines().next().unwrap_or("it gives no reason");
            eprintln!("no PDF: {} failed: {line}", typst.display());
        }
        Err(error) => eprintln!(
            "no PDF: {}: {error}; install typst, or name it with --typst",
            typst.display()
        ),
    }
}
