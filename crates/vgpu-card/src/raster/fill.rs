//! Rectangles.

use super::paint::Flat;
use super::span::{Job, Spans};
use super::{Band, LogicOp, Rect, State};

impl Band<'_> {
    /// Fills rectangles with one value, one after the other. (A smooth one is a trapezoid.)
    pub fn fill(&mut self, state: &State, rects: &[Rect], color: u32) -> Rect {
        let clip = self.clip(state);
        if state.op == LogicOp::Noop {
            return Rect::EMPTY;
        }
        state.isa.run(Fill { band: self, op: state.op, clip, rects, color })
    }
}

struct Fill<'a, 'b> {
    band: &'a mut Band<'b>,
    op: LogicOp,
    clip: Rect,
    rects: &'a [Rect],
    color: u32,
}

impl Job for Fill<'_, '_> {
    type Output = Rect;

    #[inline(always)]
    fn run<S: Spans>(self, spans: S) -> Rect {
        let flat = Flat::new(spans, self.color, self.op);
        let mut damage = Rect::EMPTY;
        for rect in self.rects {
            let rect = rect.intersect(&self.clip);
            if rect.is_empty() {
                continue;
            }
            let columns = rect.left as usize..rect.right as usize;
            for row in self.band.rows(rect.top..rect.bottom) {
                flat.fill(&mut row[columns.clone()]);
            }
            damage = damage.union(&rect);
        }
        damage
    }
}
