//! Values of registers from values of fields, and back.

use std::fmt::Write;

use thiserror::Error;

use crate::model::{Field, Kind, Register, WORD_BITS};

/// Why a value cannot be in a register.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CodecError {
    /// There is no such field.
    #[error("{register} has no field {field}")]
    NoField {
        /// Id of the register.
        register: String,
        /// Id that was asked for.
        field: String,
    },
    /// It needs more bits.
    #[error("{value} does not fit into {field}, which holds {least} to {most}")]
    Range {
        /// Id of the field.
        field: String,
        /// The value.
        value: i64,
        /// The smallest that fits.
        least: i64,
        /// The largest.
        most: i64,
    },
}

impl Field {
    /// The smallest and the largest value that fit.
    pub fn range(&self) -> (i64, i64) {
        let width = self.width.clamp(1, WORD_BITS);
        match self.kind {
            Kind::Unsigned => (0, (1 << width) - 1),
            Kind::Signed | Kind::Fixed { .. } => (-(1 << (width - 1)), (1 << (width - 1)) - 1),
        }
    }

    /// The register's value with this field's bits replaced.
    ///
    /// # Errors
    /// [`CodecError::Range`] when the value does not fit.
    pub fn insert(&self, word: u32, value: i64) -> Result<u32, CodecError> {
        let (least, most) = self.range();
        if !(least..=most).contains(&value) {
            return Err(CodecError::Range { field: self.id.clone(), value, least, most });
        }
        // What is above the field is the sign, and the mask takes it away.
        let bits = (value as u32).checked_shl(self.shift).unwrap_or(0);
        Ok(word & !self.mask() | bits & self.mask())
    }

    /// This field's value out of a register's.
    pub fn extract(&self, word: u32) -> i64 {
        let bits = i64::from((word & self.mask()).checked_shr(self.shift).unwrap_or(0));
        let (_, most) = self.range();
        let negative = bits > most;
        if negative { bits - (1 << self.width.min(WORD_BITS)) } else { bits }
    }

    /// A value as people read it: by its name, with a point, or as a number.
    pub fn show(&self, value: i64) -> String {
        if let Some(named) = self.values.iter().find(|named| i64::from(named.value) == value) {
            return named.name.clone();
        }
        match self.kind {
            Kind::Unsigned | Kind::Signed => value.to_string(),
            Kind::Fixed { fraction } => {
                (value as f64 / f64::from(2_f32.powi(fraction as i32))).to_string()
            }
        }
    }
}

impl Register {
    /// A value of the register: the fields' values by id, 0 for those not given.
    ///
    /// # Errors
    /// A field that is not there, or a value that does not fit.
    pub fn encode<'a>(
        &self,
        fields: impl IntoIterator<Item = (&'a str, i64)>,
    ) -> Result<u32, CodecError> {
        fields.into_iter().try_fold(0, |word, (id, value)| {
            let field = self.field(id).ok_or_else(|| CodecError::NoField {
                register: self.id.clone(),
                field: id.to_owned(),
            })?;
            field.insert(word, value)
        })
    }

    /// All fields with their values.
    pub fn decode(&self, word: u32) -> impl Iterator<Item = (&Field, i64)> {
        self.fields.iter().map(move |field| (field, field.extract(word)))
    }

    /// A value as people read it: `0x01e00280 (WIDTH 640, HEIGHT 480)`.
    pub fn show(&self, word: u32) -> String {
        let mut text = format!("{word:#010x}");
        let mut separator = " (";
        for (field, value) in self.decode(word) {
            // Writing to a text does not fail.
            let _ = match self.is_plain() {
                true => write!(text, "{separator}{}", field.show(value)),
                false => write!(text, "{separator}{} {}", field.name, field.show(value)),
            };
            separator = ", ";
        }
        if separator == ", " {
            text.push(')');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::samples::{field, register};

    #[test]
    fn fields_go_where_they_belong() {
        let mut position = register("position", 0);
        position.fields = vec![field("x", 0, 16), field("y", 16, 16)];
        position.fields.iter_mut().for_each(|field| field.kind = Kind::Signed);
        let word = position.encode([("x", -2), ("y", 3)]).expect("both fit");
        assert_eq!(word, 0x0003_fffe);
        let values: Vec<i64> = position.decode(word).map(|(_, value)| value).collect();
        assert_eq!(values, [-2, 3]);
        assert_eq!(position.show(word), "0x0003fffe (X -2, Y 3)");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let size = field("size", 4, 4);
        assert_eq!(size.insert(0xffff, 5), Ok(0xff5f));
        let error = size.insert(0, 16).expect_err("too large");
        assert_eq!(error.to_string(), "16 does not fit into size, which holds 0 to 15");
        assert!(size.insert(0, -1).is_err());
        let error = register("r", 0).encode([("none", 0)]).expect_err("no such field");
        assert_eq!(error.to_string(), "r has no field none");
    }

    #[test]
    fn the_whole_word_is_a_field_too() {
        let mut whole = field("value", 0, 32);
        assert_eq!(whole.range(), (0, 0xffff_ffff));
        whole.kind = Kind::Fixed { fraction: 16 };
        assert_eq!(whole.range(), (-0x8000_0000, 0x7fff_ffff));
        let word = whole.insert(0, -0x1_8000).expect("-1.5 fits");
        assert_eq!((word, whole.show(whole.extract(word))), (0xfffe_8000, "-1.5".to_owned()));
    }
}
