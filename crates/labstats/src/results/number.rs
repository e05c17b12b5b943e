//! Numbers in JSON: whole ones without a useless ".0", and none that is not finite.

use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whole numbers up to here are exact in an `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A number in its shortest form.
struct Short(f64);

impl Serialize for Short {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // A negative zero keeps its sign only as a floating-point number.
        if self.0.fract() == 0.0
            && self.0.abs() < EXACT
            && !(self.0 == 0.0 && self.0.is_sign_negative())
        {
            to.serialize_i64(self.0 as i64)
        } else {
            to.serialize_f64(self.0)
        }
    }
}

/// For `#[serde(with = ...)]` on an `f64`.
pub(super) mod one {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Short};

    pub(in crate::results) fn serialize<S: Serializer>(v: &f64, to: S) -> Result<S::Ok, S::Error> {
        Short(*v).serialize(to)
    }

    pub(in crate::results) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<f64, D::Error> {
        f64::deserialize(from)
    }
}

/// For an `Option<f64>`.
pub(super) mod maybe {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Short};

    pub(in crate::results) fn serialize<S: Serializer>(
        v: &Option<f64>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        v.map(Short).serialize(to)
    }

    pub(in crate::results) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<f64>, D::Error> {
        Option::deserialize(from)
    }
}

/// For a `Vec<f64>`.
pub(super) mod many {
    use super::{Deserialize, Deserializer, SerializeSeq, Serializer, Short};

    pub(in crate::results) fn serialize<S: Serializer>(
        v: &[f64],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let mut seq = to.serialize_seq(Some(v.len()))?;
        for &value in v {
            seq.serialize_element(&Short(value))?;
        }
        seq.end()
    }

    pub(in crate::results) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Vec<f64>, D::Error> {
        Vec::deserialize(from)
    }
}
