//! Twenty cards' exports, as other tools read them.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use devgen::templates::Templates;
use devgen::{import, source};
use regmap::emit::{Output, emit};
use support::made;

const CARDS: u32 = 20;

#[test]
fn svd_parser_reads_what_we_write() {
    let template = source::template().unwrap();
    for seed in 0..CARDS {
        let card = made(&template, seed).card;
        let text = emit(&card, Output::Svd, &card.id).unwrap();
        let config =
            svd_parser::Config::default().validate_level(svd_parser::ValidateLevel::Strict);
        let device = svd_parser::parse_with_config(&text, &config).unwrap();
        let registers = device.peripherals[0].registers().count();
        assert_eq!(registers, card.registers().count(), "{}", card.id);
    }
}

/// What was exported comes back, but for what SVD cannot say.
#[test]
fn an_import_lists_what_is_lost() {
    let template = source::template().unwrap();
    let card = made(&template, 3).card;
    let text = emit(&card, Output::Svd, &card.id).unwrap();
    let imported = import::svd("card.svd", &text).unwrap_or_else(|error| panic!("{error}"));
    let again = regmap::parse("again", &imported.description).unwrap();
    for register in card.registers() {
        let other = again.registers().find(|one| one.name == register.name).unwrap();
        assert_eq!((other.offset, other.count), (register.offset, register.count));
        let bits = |one: &regmap::Register| -> Vec<(String, u32)> {
            one.fields.iter().map(|field| (field.name.clone(), field.mask())).collect()
        };
        assert_eq!(bits(other), bits(register), "{}", register.name);
    }
    assert!(imported.losses.iter().any(|loss| loss.contains("PCI config space")));
    let error = import::svd("x.svd", "<nothing>").unwrap_err().to_string();
    assert!(error.starts_with("x.svd: ") && !error.contains('\n'), "{error}");
}

/// Python with a package in a folder of its own, or why not.
fn python(module: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let venv = target.join(module);
    let python = venv.join("bin/python");
    let works = |python: &Path| {
        let asked = Command::new(python).args(["-c", &format!("import {module}")]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    if works(&python) {
        return Ok(python);
    }
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut done = Err("no package".to_owned());
    for package in packages {
        done = run(Command::new(&python).args(["-m", "pip", "install", "-q", package]));
        if done.is_ok() {
            break;
        }
    }
    done?;
    if works(&python) { Ok(python) } else { Err("it was installed and does not run".into()) }
}

/// The manual as it is printed, by the typst that Python has.
#[test]
fn typst_makes_the_manual_s_pdf() {
    let python = match python("typst", &["typst==0.15.2", "typst"]) {
        Ok(python) => python,
        Err(why) => {
            println!("SKIP: typst_makes_the_manual_s_pdf: {why}");
            return;
        }
    };
    let template = source::template().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..3 {
        let made = made(&template, seed);
        let out = folder.path().join(seed.to_string());
        devgen::folder::write(&made, &Templates::default(), &out).unwrap();
        let text = out.join(devgen::folder::TYPST);
        let mut command = Command::new(&python);
        let program = "import sys, typst; typst.compile(sys.argv[1], output=sys.argv[2])";
        command.args(["-c", program]).arg(&text).arg(text.with_extension("pdf"));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", made.card.id);
        let pdf = fs::read(text.with_extension("pdf")).unwrap();
        // A page with words has some thousand bytes, of which the fonts are most.
        assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 100_000, "{} bytes", pdf.len());
    }
}

#[test]
fn the_compiler_of_systemrdl_reads_what_we_write() {
    let python = match python("systemrdl", &["systemrdl-compiler==1.32.2", "systemrdl-compiler"]) {
        Ok(python) => python,
        Err(why) => {
            println!("SKIP: the_compiler_of_systemrdl_reads_what_we_write: {why}");
            return;
        }
    };
    let template = source::template().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(python);
    let program = "import sys, systemrdl\n\
        for file in sys.argv[1:]:\n\
        \x20   compiler = systemrdl.RDLCompiler()\n\
        \x20   compiler.compile_file(file)\n\
        \x20   top = compiler.elaborate().top\n\
        \x20   print(sum(1 for one in top.registers()))\n";
    command.args(["-c", program]);
    let mut counts = Vec::new();
    for seed in 0..CARDS {
        let card = made(&template, seed).card;
        let path = folder.path().join(format!("{seed}.rdl"));
        fs::write(&path, emit(&card, Output::SystemRdl, &card.id).unwrap()).unwrap();
        command.arg(path);
        counts.push(card.registers().count().to_string());
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(told.lines().collect::<Vec<_>>(), counts);
}
