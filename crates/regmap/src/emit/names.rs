//! The names that the C header defines.

use crate::diagnostics::Place;
use crate::model::Card;

/// Each name in capitals, where it comes from, and how complaints call that.
pub(crate) fn c_names(card: &Card) -> Vec<(String, Place, String)> {
    let mut names = Vec::new();
    let mut add = |place: Place, what: String, parts: &[&str]| {
        let name = format!("{}_{}", card.prefix, parts.join("_")).to_ascii_uppercase();
        names.push((name, place, what));
    };
    for word in ["VENDOR_ID", "DEVICE_ID", "REGISTER_BYTES", "FRAMEBUFFER_BYTES", "REGS_H"] {
        add(card.place, "card".into(), &[word]);
    }
    let hash = card.register(&card.hash_register).map_or("", |register| &register.name);
    add(card.place, "card".into(), &[hash, "VALUE"]);
    for feature in &card.features {
        add(feature.place, format!("feature {}", feature.id), &["FEATURE", &feature.name]);
    }
    for register in card.registers() {
        let what = format!("register {}", register.id);
        add(register.place, what.clone(), &[&register.name]);
        if register.tag.is_some() {
            add(register.place, what, &["TAG", &register.name]);
        }
        for field in register.fields.iter().filter(|_| !register.is_plain()) {
            let what = format!("field {}.{}", register.id, field.id);
            add(field.place, what, &[&register.name, &field.name]);
            for value in &field.values {
                let what = format!("value {}.{}.{}", register.id, field.id, value.id);
                add(value.place, what, &[&register.name, &field.name, &value.name]);
            }
        }
    }
    for command in &card.commands {
        add(command.place, format!("command {}", command.id), &["TAG", &command.name]);
    }
    names
}
