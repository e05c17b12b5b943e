//! What is written where.
//!
//! ```text
//!   out/card.toml            for `vcd run --card`: it has the base card's ids, so keep it from students
//!   out/card.rdl, card.svd   registers for other tools
//!   out/students/            regs.h, regs.rs, manual/, driver/, app/
//!   out/teacher/key.md       which name of this card is which of the base card
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use regmap::emit::Output;
use thiserror::Error;

use crate::manual;
use crate::source::Made;
use crate::templates::{APP, DRIVER, KEY, MANUAL, Teller, TemplateError, Templates};

/// The card's file in a folder.
pub const CARD: &str = "card.toml";

/// Where students' files are.
pub const STUDENTS: &str = "students";

/// The manual's text for typst.
pub const TYPST: &str = "students/manual/manual.typ";

/// Why a folder cannot be made.
#[derive(Debug, Error)]
pub enum FolderError {
    /// A template is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A name of the base card would be in the students' files.
    #[error(
        "students/{file} would tell the base card's name {word}, in line {line}; use the names of \
         the base card's header in templates, they are translated"
    )]
    Told {
        /// The file.
        file: String,
        /// Its line.
        line: usize,
        /// The name.
        word: String,
    },
    /// There is something else.
    #[error("{} is there and has other files; name a new folder", .0.display())]
    Occupied(PathBuf),
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// All files, by their path in the folder.
///
/// # Errors
/// What is wrong with a template.
pub fn files(made: &Made, templates: &Templates) -> Result<Vec<(String, String)>, FolderError> {
    let card = &made.card;
    let hash = regmap::layout_hash(card);
    let origin = format!("Generated from {}: layout {hash:#010x}", made.semester.id);
    let output = |output, name: &str| templates.output(card, output, name, &origin);
    let mut students = vec![
        ("regs.h".to_owned(), output(Output::CHeader, "regs.h")?),
        ("regs.rs".to_owned(), output(Output::RustConstants, "regs.rs")?),
    ];
    // The driver's folder is whole by itself.
    students.push(("driver/regs.h".to_owned(), students[0].1.clone()));
    let teller = Teller::of(made, templates);
    for template in DRIVER.iter().chain(APP) {
        students.extend(teller.file(*template)?);
    }
    let mut chapters = Vec::new();
    for template in MANUAL {
        chapters.extend(teller.file(*template)?);
    }
    let registers = output(Output::Chapter, "registers.md")?;
    chapters.push(("manual/registers.md".to_owned(), registers));
    let texts: Vec<(&str, &str)> = chapters
        .iter()
        .map(|(name, text)| {
            (name.trim_start_matches("manual/").trim_end_matches(".md"), text.as_str())
        })
        .collect();
    students.push(("manual/manual.html".to_owned(), manual::html(&card.title, &texts)));
    students.push(("manual/manual.typ".to_owned(), manual::typst(&card.title, &texts)));
    students.extend(chapters);
    for (file, text) in &students {
        if let Some((line, word)) = teller.names().left_in(text) {
            let (file, word) = (file.clone(), word.to_owned());
            return Err(FolderError::Told { file, line, word });
        }
    }
    let mut all = vec![
        (CARD.to_owned(), output(Output::Description, "card.toml")?),
        ("card.rdl".to_owned(), output(Output::SystemRdl, "card.rdl")?),
        ("card.svd".to_owned(), output(Output::Svd, "card.svd")?),
        (KEY.0.to_owned(), {
            let text = templates.own(KEY)?;
            regmap::emit::render(card, &text, &origin)
                .map_err(|source| TemplateError::Fill { name: KEY.0.to_owned(), source })?
        }),
    ];
    all.extend(students.into_iter().map(|(name, text)| (format!("{STUDENTS}/{name}"), text)));
    Ok(all)
}

/// Writes all files. A folder that was made before is made anew.
///
/// # Errors
/// A wrong template, a folder with other things, or a file that cannot be written.
pub fn write(made: &Made, templates: &Templates, to: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| FolderError::Write { path, source }
    };
    let files = files(made, templates)?;
    let occupied = fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !to.join(CARD).is_file() {
        return Err(FolderError::Occupied(to.to_owned()));
    }
    for old in [STUDENTS, "teacher"] {
        let old = to.join(old);
        if old.is_dir() {
            fs::remove_dir_all(&old).map_err(failed(&old))?;
        }
    }
    let mut written = Vec::new();
    for (name, text) in files {
        let path = to.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed(folder))?;
        }
        fs::write(&path, text).map_err(failed(&path))?;
        written.push(path);
    }
    Ok(written)
}
