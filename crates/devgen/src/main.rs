//! `devgen`: see the library.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, anyhow};
use clap::{Parser, Subcommand};
use devgen::templates::Templates;
use devgen::{compare, folder, import, source};

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
    },
    /// Say what differs between two cards: semesters, cards, or folders that were made
    Diff {
        /// One
        one: PathBuf,
        /// The other
        other: PathBuf,
    },
    /// Explain a register of a card, by its name there or by the base card's
    Explain {
        /// A folder that was made, a semester's or a card's file
        card: PathBuf,
        /// The register
        register: String,
    },
    /// Make a card's file of a CMSIS-SVD file, and list what is lost
    Import {
        /// The SVD file
        file: PathBuf,
        /// The file to write; without it, the card is printed
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
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
        Order::Check { file } => {
            let card = source::any(&file)?;
            let (registers, hash) = (card.registers().count(), regmap::layout_hash(&card));
            println!("{}: fine: {registers} registers, layout {hash:#010x}", file.display());
            Ok(())
        }
        Order::Diff { one, other } => {
            let (one, other) = (source::any(&one)?, source::any(&other)?);
            compare::diff(&one, &other).iter().for_each(|line| println!("{line}"));
            Ok(())
        }
        Order::Explain { card, register } => {
            let card = source::any(&card)?;
            print!("{}", compare::explain(&card, &register).map_err(|error| anyhow!(error))?);
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
