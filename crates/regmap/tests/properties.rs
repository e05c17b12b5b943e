//! Laws that hold for any register, and for any text.

use proptest::prelude::*;
use regmap::model::{Access, Field, Kind, Place, Register};

const BASE: &str = include_str!("../../../configs/cards/base.toml");
const SMALL: &str = include_str!("golden/small.toml");

/// Fields that fill a register from bit 0 on, with gaps.
fn fields() -> impl Strategy<Value = Vec<Field>> {
    let piece = (1_u32..=32, any::<bool>(), 0_u8..3, 1_u32..32);
    proptest::collection::vec(piece, 1..12).prop_map(|pieces| {
        let mut shift = 0;
        let mut fields = Vec::new();
        for (width, used, kind, fraction) in pieces {
            let width = width.min(32 - shift);
            if width == 0 {
                break;
            }
            if used {
                let kind = match kind {
                    1 if width > 1 => Kind::Signed,
                    2 if width > fraction => Kind::Fixed { fraction },
                    _ => Kind::Unsigned,
                };
                fields.push(field(fields.len(), shift, width, kind));
            }
            shift += width;
        }
        fields
    })
}

fn field(index: usize, shift: u32, width: u32, kind: Kind) -> Field {
    let (id, name) = (format!("f{index}"), format!("F{index}"));
    let (docs, place) = (String::new(), Place::default());
    Field { id, name, shift, width, kind, docs, values: Vec::new(), feature: None, place }
}

fn register(fields: Vec<Field>) -> Register {
    Register {
        id: "r".into(),
        name: "R".into(),
        offset: 0,
        access: Access::Driver,
        count: 1,
        stride: 4,
        reset: 0,
        tag: None,
        feature: None,
        fields_of: None,
        pinned: false,
        together: None,
        align: 4,
        docs: String::new(),
        fields,
        place: Place::default(),
    }
}

proptest! {
    #[test]
    fn what_is_decoded_encodes_to_the_same_bits(fields in fields(), word: u32) {
        let register = register(fields);
        let used = register.fields.iter().fold(0, |mask, field| mask | field.mask());
        let values: Vec<(String, i64)> =
            register.decode(word).map(|(field, value)| (field.id.clone(), value)).collect();
        let again = register.encode(values.iter().map(|(id, value)| (id.as_str(), *value)));
        prop_assert_eq!(again, Ok(word & used));
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same_values(fields in fields(), seeds: [u64; 12]) {
        let register = register(fields);
        let values: Vec<(String, i64)> = register
            .fields
            .iter()
            .zip(seeds)
            .map(|(field, seed)| {
                let (least, most) = field.range();
                let span = (most - least) as u64 + 1;
                (field.id.clone(), least + (seed % span) as i64)
            })
            .collect();
        let word = register.encode(values.iter().map(|(id, value)| (id.as_str(), *value)));
        let word = word.expect("all of them fit");
        let again: Vec<(String, i64)> =
            register.decode(word).map(|(field, value)| (field.id.clone(), value)).collect();
        prop_assert_eq!(again, values);
    }

    #[test]
    fn what_does_not_fit_is_refused(fields in fields(), value: i64) {
        for field in fields {
            let (least, most) = field.range();
            prop_assert_eq!(field.insert(0, value).is_ok(), (least..=most).contains(&value));
        }
    }

    /// A description with some of its text taken from elsewhere in it.
    #[test]
    fn no_text_makes_it_panic(
        base: bool,
        edits in proptest::collection::vec((any::<u32>(), 0_usize..40, any::<u32>(), 0_usize..40), 1..8),
    ) {
        let original = if base { BASE } else { SMALL };
        let mut text: Vec<char> = original.chars().collect();
        for (to, removed, from, taken) in edits {
            let to = to as usize % text.len();
            let from = from as usize % text.len();
            let piece: Vec<char> = text[from..].iter().take(taken).copied().collect();
            let end = (to + removed).min(text.len());
            text.splice(to..end, piece);
            if text.is_empty() {
                break;
            }
        }
        let text: String = text.into_iter().collect();
        judge(&text)?;
    }

    /// Numbers are where most checks are.
    #[test]
    fn no_number_makes_it_panic(
        base: bool,
        which: u16,
        number in prop_oneof![any::<i64>(), 0_i64..70, Just(0xffff_ffff), Just(0x1_0000_0000)],
    ) {
        let original = if base { BASE } else { SMALL };
        let places: Vec<usize> = original.match_indices(" = 0").map(|(at, _)| at + 3).collect();
        let at = places[which as usize % places.len()];
        let rest = &original[at..];
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        judge(&format!("{}{number}{}", &original[..at], &rest[length..]))?;
    }

    #[test]
    fn no_nonsense_makes_it_panic(text in "[\\[\\]{}=,\"a-z0-9:. \n]{0,200}") {
        judge(&text)?;
    }
}

/// Either it is a card, of which everything can be generated, or there are complaints with places.
fn judge(text: &str) -> Result<(), TestCaseError> {
    match regmap::parse("f.toml", text) {
        Ok(card) => {
            prop_assert!(regmap::layout_hash(&card) != 0);
            let header = regmap::emit::emit(&card, regmap::emit::Output::CHeader, "f.toml");
            prop_assert!(header.is_ok());
        }
        Err(errors) => {
            for error in &errors {
                prop_assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1);
            }
        }
    }
    Ok(())
}
