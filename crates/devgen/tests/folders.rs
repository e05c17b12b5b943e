//! The folders: they can be made for any card, tell students no name of the base card, and are word for
//! word as expected for three semesters.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use devgen::folder::{self, STUDENTS};
use devgen::source;
use devgen::templates::Templates;
use support::made;

const SEMESTERS: [&str; 3] = ["2027-spring", "2027-fall", "2028-spring"];

fn semester(name: &str) -> source::Made {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/semesters");
    source::semester(&configs.join(format!("{name}.toml"))).unwrap_or_else(|e| panic!("{e}"))
}

/// Files that a teacher would look at first; all others follow from the same names and numbers.
const GOLDEN: [&str; 3] = ["students/regs.h", "students/driver/irq.c", "teacher/key.md"];

#[test]
fn semesters_stay_as_they_are() {
    let accept = std::env::var_os("UPDATE_EXPECT").is_some_and(|v| v == "1");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut wrong = Vec::new();
    for name in SEMESTERS {
        let made = semester(name);
        let prefix = made.card.prefix.to_ascii_lowercase();
        for (file, text) in folder::files(&made, &Templates::default()).unwrap() {
            assert!(!file.contains("bgc"), "{file} of {prefix}");
            if !GOLDEN.contains(&file.as_str()) {
                continue;
            }
            let path = golden.join(format!("{name}.{}", file.rsplit('/').next().unwrap()));
            if accept {
                fs::write(&path, text).unwrap();
            } else if fs::read_to_string(&path).unwrap_or_default() != text {
                wrong.push(path.display().to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "UPDATE_EXPECT=1 accepts these: {wrong:#?}");
}

/// By itself, not by what the program checks.
#[test]
fn students_are_told_no_name_of_the_base_card() {
    let template = source::template().unwrap();
    let mut secret = BTreeSet::new();
    for register in template.registers() {
        secret.insert(register.name.clone());
        for field in register.fields.iter().filter(|_| !register.is_plain()) {
            secret.insert(format!("{}_{}", register.name, field.name));
            secret.extend(field.values.iter().map(|value| value.name.clone()));
        }
    }
    secret.retain(|name| name.contains('_'));
    for seed in 0..60 {
        let made = made(&template, seed);
        let files = folder::files(&made, &Templates::default());
        let files = files.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for (file, text) in files.iter().filter(|(file, _)| file.starts_with(STUDENTS)) {
            for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
                let lower = word.to_ascii_lowercase();
                assert!(!lower.starts_with("bgc"), "seed {seed}, {file}: {word}");
                let told = secret.contains(&word.trim_end_matches('s').to_ascii_uppercase())
                    || secret.contains(&word.to_ascii_uppercase());
                assert!(!told, "seed {seed}, {file}: {word}");
            }
            assert!(!text.contains("base card"), "seed {seed}, {file}");
        }
    }
}

#[test]
fn templates_of_a_teacher_take_the_place_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("driver")).unwrap();
    let own = folder.path().join("driver/irq.c.j2");
    let templates = Templates::new(Some(folder.path()));
    let made = semester("2027-fall");
    fs::write(&own, "/* BGC_RING_PUT, at {{ prefix }} */\n").unwrap();
    let files = folder::files(&made, &templates).unwrap();
    let irq = files.iter().find(|(file, _)| file.ends_with("driver/irq.c")).unwrap();
    let name = &made.card.register("ring_put").unwrap().name;
    assert!(irq.1.starts_with(&format!("/* {}_{name}, at", made.card.prefix)), "{}", irq.1);
    fs::write(&own, "\nu32 x = BGC_DMA_COUNT;\n").unwrap();
    let error = folder::files(&made, &templates).unwrap_err().to_string();
    let wanted = "template driver/irq.c.j2 speaks of BGC_DMA_COUNT in line 2";
    assert!(error.starts_with(wanted), "{error}");
    fs::write(&own, "{{ nothing }}").unwrap();
    let error = folder::files(&made, &templates).unwrap_err().to_string();
    assert!(error.contains("driver/irq.c.j2"), "{error}");
}

#[test]
fn the_manual_is_a_page_that_a_browser_shows() {
    if Command::new("chromium").arg("--version").output().is_err() {
        println!("SKIP: the_manual_is_a_page_that_a_browser_shows: there is no chromium here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = semester("2027-spring");
    folder::write(&made, &Templates::default(), folder.path()).unwrap();
    let page = folder.path().join("students/manual/manual.html");
    // A script that asks the browser: what links lead nowhere, and how much is there.
    let asking = "<script>document.title = JSON.stringify([[...document.querySelectorAll('a')]\
        .filter(a => !document.getElementById(decodeURIComponent(a.hash.slice(1)))).map(a => a.hash),\
        document.querySelectorAll('h3').length, document.querySelectorAll('table').length])</script>";
    let text = fs::read_to_string(&page).unwrap().replace("</body>", &format!("{asking}</body>"));
    fs::write(&page, text).unwrap();
    let mut chromium = Command::new("chromium");
    chromium.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
    chromium.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
    let output = chromium.arg(format!("file://{}", page.display())).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    let title = shown.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
    let title =
        title.unwrap_or_else(|| panic!("no page: {}", String::from_utf8_lossy(&output.stderr)));
    let counts = title.strip_prefix("[[],").unwrap_or_else(|| panic!("dead links: {title}"));
    let counts: Vec<usize> =
        counts.trim_end_matches(']').split(',').map(|number| number.parse().unwrap()).collect();
    let registers = made.card.registers().count();
    assert!(counts[0] >= registers && counts[1] > registers / 2, "{counts:?}");
}

#[test]
fn other_folders_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
    let made = semester("2028-spring");
    let error = folder::write(&made, &Templates::default(), folder.path()).unwrap_err();
    assert!(error.to_string().ends_with("has other files; name a new folder"), "{error}");
}

/// Programs, by a compiler of this machine; drivers of twenty cards are compiled for the kernel lab.
#[test]
fn programs_of_twenty_cards_compile_without_a_warning() {
    if Command::new("gcc").arg("--version").output().is_err() {
        println!("SKIP: programs_of_twenty_cards_compile_without_a_warning: there is no gcc here");
        return;
    }
    let template = source::template().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut programs = Vec::new();
    for seed in 0..20 {
        let to = folder.path().join(seed.to_string());
        folder::write(&made(&template, seed), &Templates::default(), &to).unwrap();
        let entries = fs::read_dir(to.join("students/app")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        programs.extend(paths.filter(|path| path.extension().is_some_and(|one| one == "c")));
    }
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]).args(&programs);
    let output = gcc.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
