//! Templates of what is generated beside regmap's own: they are written in the names of the base card,
//! and what they give is told in those of another.
//!
//! So the driver's templates are the base card's driver, and filled for the base card they give it.
//! `--templates` names a folder with others; what is not in there is taken from here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use regmap::Card;
use regmap::emit::view::View;
use regmap::emit::{self, EmitError, Output};
use regmap::passes::rename::Names;
use thiserror::Error;

use crate::source::Made;

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../templates/", $name, ".j2")))),+]
    };
}

/// Those of the driver.
pub const DRIVER: &[(&str, &str)] = templates![
    "driver/Kbuild",
    "driver/bgc.h",
    "driver/bgc_ioctl.h",
    "driver/main.c",
    "driver/irq.c",
    "driver/submit.c",
    "driver/buffers.c",
    "driver/ring.c",
    "driver/screen.c",
    "driver/cdev.c",
];

/// Those of the example programs.
pub const APP: &[(&str, &str)] = templates![
    "app/Makefile",
    "app/bgc.h",
    "app/bgc.c",
    "app/demo2d.c",
    "app/scene.c",
    "app/triangles.c",
];

/// Those of the manual, without the chapter about registers.
pub const MANUAL: &[(&str, &str)] = templates!["manual/theory.md", "manual/programming.md"];

/// The answer key's.
pub const KEY: (&str, &str) = ("teacher/key.md", include_str!("../templates/teacher/key.md.j2"));

/// Files that a card without these features does not have.
const NEED: &[(&str, &str)] = &[
    ("driver/buffers.c", "dma_single"),
    ("driver/ring.c", "dma_ring"),
    ("app/scene.c", "triangles"),
    ("app/triangles.c", "triangles"),
];

/// Why a file cannot be generated.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// It is wrong.
    #[error("template {name}.j2")]
    Fill {
        /// Which.
        name: String,
        /// Why.
        source: EmitError,
    },
    /// It asks for what the card has not.
    #[error(
        "template {name}.j2 speaks of {word} in line {line} of what it gives, which this card has \
         not; put that between {{% if has.FEATURE %}} and {{% endif %}}"
    )]
    Gone {
        /// Which.
        name: String,
        /// Of the filled template.
        line: usize,
        /// The name.
        word: String,
    },
    /// A teacher's own cannot be read.
    #[error("cannot read the template {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Templates, those of a folder first.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    folder: Option<PathBuf>,
}

impl Templates {
    /// With a folder of a teacher's own.
    pub fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(Path::to_owned) }
    }

    /// A template's text, from the folder if it is there.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn own(&self, (name, own): (&str, &str)) -> Result<String, TemplateError> {
        self.text(name, own)
    }

    fn text(&self, name: &str, own: &str) -> Result<String, TemplateError> {
        let Some(folder) = &self.folder else { return Ok(own.to_owned()) };
        let path = folder.join(format!("{name}.j2"));
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(own.to_owned()),
            Err(source) => Err(TemplateError::Read { path, source }),
        }
    }

    /// One of regmap's outputs for a card; `name` is that of the template in a folder.
    ///
    /// # Errors
    /// A template that cannot be read or filled.
    pub fn output(
        &self,
        card: &Card,
        output: Output,
        name: &str,
        origin: &str,
    ) -> Result<String, TemplateError> {
        let text = self.text(name, output.template())?;
        emit::render(card, &text, origin)
            .map_err(|source| TemplateError::Fill { name: name.to_owned(), source })
    }
}

/// What fills templates that speak of the base card, and tells it as another's.
#[derive(Debug)]
pub struct Teller<'m> {
    selected: &'m Card,
    names: Names,
    known: Vec<&'m str>,
    words: BTreeMap<&'static str, String>,
    templates: &'m Templates,
}

impl<'m> Teller<'m> {
    /// For a semester's card.
    pub fn of(made: &'m Made, templates: &'m Templates) -> Self {
        let names = Names::between(&made.selected, &made.card);
        let words = BTreeMap::from([
            ("name", format!("card {}", made.card.prefix)),
            ("driver", "../driver/".to_owned()),
            // Written from the base card's manual, for it alone.
            ("minimal", String::new()),
        ]);
        Self::new(&made.template, &made.selected, names, words, templates)
    }

    /// For the base card itself.
    pub fn base(template: &'m Card, base: &'m Card, templates: &'m Templates) -> Self {
        let words = BTreeMap::from([
            ("name", "base card".to_owned()),
            ("driver", "../".to_owned()),
            ("minimal", "vcd-drm/driver/minimal".to_owned()),
        ]);
        Self::new(template, base, Names::between(base, base), words, templates)
    }

    fn new(
        template: &'m Card,
        selected: &'m Card,
        names: Names,
        words: BTreeMap<&'static str, String>,
        templates: &'m Templates,
    ) -> Self {
        let known = template.features.iter().map(|one| one.id.as_str()).collect();
        Self { selected, names: names.of_all(template), known, words, templates }
    }

    /// The names of both cards.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// A template's file: its name and its text; nothing if the card is not to have it.
    ///
    /// # Errors
    /// What is wrong with the template.
    pub fn file(
        &self,
        (name, own): (&str, &str),
    ) -> Result<Option<(String, String)>, TemplateError> {
        let need = NEED.iter().find(|(file, _)| *file == name);
        if need.is_some_and(|(_, feature)| self.selected.feature(feature).is_none()) {
            return Ok(None);
        }
        let template = self.templates.text(name, own)?;
        let words: Vec<(&str, &str)> =
            self.words.iter().map(|(key, word)| (*key, word.as_str())).collect();
        let view = View::of(self.selected, "").with(&self.known, &words);
        let filled = emit::fill(view, &template)
            .map_err(|source| TemplateError::Fill { name: name.to_owned(), source })?;
        if let Some((line, word)) = self.names.gone_in(&filled) {
            let word = word.to_owned();
            return Err(TemplateError::Gone { name: name.to_owned(), line, word });
        }
        Ok(Some((self.names.text(name), self.names.text(&filled))))
    }
}
