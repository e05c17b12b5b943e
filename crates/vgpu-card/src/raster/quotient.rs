//! Quotients that grow by the same amount from step to step, exactly.
//!
//! Whole part and remainder are carried along, as in Bresenham's lines: one division at the start, none
//! on the way, and nothing is ever rounded.

/// floor((n + k m) / d) after k steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quotient {
    floor: i64,
    /// The remainder less the denominator: below 0.
    short: i64,
    denominator: i64,
    /// m / d: whole part and remainder.
    step: i64,
    part: i64,
}

impl Quotient {
    /// From n, m and d, which is above 0. The quotient must fit, n need not.
    pub(super) fn new(numerator: i128, more: i64, denominator: i64) -> Self {
        let wide = i128::from(denominator);
        Self {
            floor: numerator.div_euclid(wide) as i64,
            short: numerator.rem_euclid(wide) as i64 - denominator,
            denominator,
            step: more.div_euclid(denominator),
            part: more.rem_euclid(denominator),
        }
    }

    /// More by a whole number, now and after every step.
    pub(super) fn plus(self, whole: i64) -> Self {
        Self { floor: self.floor + whole, ..self }
    }

    /// The whole part.
    pub(super) fn floor(&self) -> i64 {
        self.floor
    }

    /// Takes a step.
    pub(super) fn step(&mut self) {
        self.short += self.part;
        // All ones where the remainder makes up one more.
        let carry = !(self.short >> 63);
        self.short -= self.denominator & carry;
        self.floor += self.step - carry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_step_is_exact(
            n in -(1i64 << 60)..1 << 60, m in -(1i64 << 40)..1 << 40, d in 1i64..1 << 37,
            k in 0usize..200,
        ) {
            let mut quotient = Quotient::new(i128::from(n), m, d);
            let far = i128::from(d) << 60;
            let mut moved = Quotient::new(i128::from(n) + far, m, d).plus(-(1 << 60));
            for _ in 0..k {
                quotient.step();
                moved.step();
            }
            let exact = (n + k as i64 * m).div_euclid(d);
            prop_assert_eq!(quotient.floor(), exact);
            prop_assert_eq!(moved.floor(), exact);
        }
    }
}
