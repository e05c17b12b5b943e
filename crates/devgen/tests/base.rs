//! Filled for the base card, the templates give the base card's own driver, programs and manual: so the
//! driver that is tested most is the one that every semester's card has.
//!
//! `UPDATE_EXPECT=1` writes these from the templates.

#![allow(clippy::unwrap_used)] // in a test that is what shall happen

use std::path::{Path, PathBuf};

use devgen::source;
use devgen::templates::{APP, DRIVER, MANUAL, Teller, Templates};

fn place(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if let Some(file) = name.strip_prefix("driver/") {
        return root.join("vcd-drm/driver/base").join(file);
    }
    match name.strip_prefix("app/") {
        Some(file) => root.join("vcd-drm/driver/base/user").join(file),
        None => root.join("docs/base-card").join(name.trim_start_matches("manual/")),
    }
}

#[test]
fn the_base_card_s_driver_is_what_the_templates_give() {
    let (template, base) = (source::template().unwrap(), source::base().unwrap());
    let templates = Templates::default();
    let teller = Teller::base(&template, &base, &templates);
    let mut wrong = Vec::new();
    for one in DRIVER.iter().chain(APP).chain(MANUAL) {
        let (name, text) = teller.file(*one).unwrap().expect("the base card has all of them");
        let path = place(&name);
        if std::env::var_os("UPDATE_EXPECT").is_some_and(|v| v == "1") {
            std::fs::write(&path, &text).unwrap();
        } else if std::fs::read_to_string(&path).unwrap_or_default() != text {
            wrong.push(path.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "UPDATE_EXPECT=1 accepts these: {wrong:#?}");
}
