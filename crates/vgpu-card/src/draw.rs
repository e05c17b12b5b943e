//! From register values to primitives, gathered until something else is to be drawn.

use crate::bank::{Bank, slot};
use crate::decode::Event;
use crate::ids::{DrawPrimitive, ErrorCodeCode, Fld, LogicOpOp, Named, Reg};
use crate::layout::Layout;
use crate::paint::{Painter, Shapes, Window, Work};
use crate::raster::{
    Gouraud, Isa, Line, LogicOp, Point, Ramp, Rect, Shade, State, Trapezoid, Triangle,
    VERTEX_FRACTION, Vertex,
};

/// So many primitives are gathered; enough that gathering pays, few enough to stay in the cache.
const MOST: usize = 1024;

/// The highest level in 16.16.
const WHITE: i32 = 255 << 16;

/// What holds for all that is gathered.
#[derive(Clone, Copy, Debug)]
struct Setup {
    window: Window,
    state: State,
    smooth: bool,
    color: u32,
}

/// What is gathered: of one kind at a time.
#[derive(Debug, Default)]
struct Gathered {
    points: Vec<Point>,
    lines: Vec<Line>,
    rects: Vec<Rect>,
    triangles: Vec<Triangle>,
    trapezoids: Vec<Trapezoid>,
}

/// One set of drawing state, the registers' or the stream's, and what was drawn by it.
#[derive(Debug)]
pub(crate) struct Drawing {
    pub(crate) bank: Bank,
    /// Where the last trapezoid has ended.
    last: Option<Trapezoid>,
    /// Read from the bank when something is drawn; none after a change of what it was read from.
    setup: Option<Setup>,
    gathered: Gathered,
    isa: Isa,
}

impl Drawing {
    pub(crate) fn new(bank: Bank, isa: Isa) -> Self {
        Self { bank, last: None, setup: None, gathered: Gathered::default(), isa }
    }

    /// Sets a part of the state. What was drawn before must not be drawn by it, so some of it may have
    /// to be flushed before: true then.
    pub(crate) fn must_flush_before(&self, at: usize) -> bool {
        self.setup.is_some() && is_setup(at)
    }

    pub(crate) fn set(&mut self, at: usize, value: u32) {
        self.bank.set(at, value);
        if is_setup(at) {
            self.setup = None;
        }
    }

    /// The bank was changed behind its back.
    pub(crate) fn forget_setup(&mut self) {
        self.setup = None;
    }

    /// Adds what DRAW asks for; `event` is told what was changed on the way. Returns about how many
    /// pixels it takes, rather more than less.
    pub(crate) fn draw(
        &mut self,
        layout: &Layout,
        data: u32,
        words: usize,
        painter: &mut dyn Painter,
        event: &mut dyn FnMut(Event),
    ) -> Result<u64, ErrorCodeCode> {
        let primitive = layout.named::<DrawPrimitive>(data).ok_or(ErrorCodeCode::BadDraw)?;
        let setup = match self.setup {
            Some(setup) => setup,
            None => {
                let setup = self.read_setup(layout, words).ok_or(ErrorCodeCode::BadWindow)?;
                *self.setup.insert(setup)
            }
        };
        if self.gathered.is_other_than(primitive) || self.gathered.len() >= MOST {
            self.flush(painter, event);
        }
        // Rows may be drawn more than once by a trapezoid that does not move, and by nothing else.
        let rows = |from: i32, to: i32| {
            to.saturating_sub(from).saturating_abs().min(setup.window.height as i32)
        };
        let rows = match primitive {
            DrawPrimitive::Fill => {
                let rect = self.rect(layout, Reg::RectPosition);
                self.gathered.rects.push(rect);
                rows(rect.top, rect.bottom)
            }
            DrawPrimitive::Outline => {
                let rect = self.rect(layout, Reg::RectPosition);
                self.gathered.rects.extend(outline(&rect));
                rows(rect.top, rect.bottom)
            }
            DrawPrimitive::Copy => {
                let from = self.rect(layout, Reg::CopySource);
                let to = self.rect(layout, Reg::RectPosition);
                let rows = rows(from.top, from.bottom);
                let work = Work::Copy { from, to: (to.left, to.top) };
                event(Event::Damage(
                    setup.window,
                    painter.paint(&setup.window, &setup.state, work),
                ));
                rows
            }
            DrawPrimitive::Point => {
                let point = self.point(layout, &setup, 0);
                self.gathered.points.push(point);
                1
            }
            DrawPrimitive::Line => {
                let (from, to) = (self.point(layout, &setup, 0), self.point(layout, &setup, 1));
                self.gathered.lines.push(Line { from, to });
                rows(from.y, to.y)
            }
            DrawPrimitive::Triangle => {
                let vertex = |n| self.vertex(layout, &setup, n);
                let triangle = [vertex(0), vertex(1), vertex(2)];
                self.gathered.triangles.push(triangle);
                let [a, b, c] = triangle.map(|vertex| vertex.y);
                rows(a.min(b).min(c) >> VERTEX_FRACTION, a.max(b).max(c) >> VERTEX_FRACTION)
            }
            DrawPrimitive::Trapezoid => {
                let trapezoid = self.trapezoid(layout, &setup);
                self.add_trapezoid(trapezoid)
            }
            DrawPrimitive::ContinueSub => self.continue_sub(layout, &setup),
        };
        Ok((1 + u64::from(rows.unsigned_abs())) * u64::from(setup.window.stride))
    }

    /// Draws what was gathered.
    pub(crate) fn flush(&mut self, painter: &mut dyn Painter, event: &mut dyn FnMut(Event)) {
        let Some(setup) = &self.setup else { return };
        let gathered = &mut self.gathered;
        let all = [
            Shapes::Points(&gathered.points),
            Shapes::Lines(&gathered.lines),
            Shapes::Fill(&gathered.rects, setup.color),
            Shapes::Triangles(&gathered.triangles),
            Shapes::Trapezoids(&gathered.trapezoids),
        ];
        for shapes in all.into_iter().filter(|shapes| !shapes.is_empty()) {
            let changed = painter.paint(&setup.window, &setup.state, Work::Draw(shapes));
            event(Event::Damage(setup.window, changed));
        }
        gathered.clear();
    }

    fn read_setup(&self, layout: &Layout, words: usize) -> Option<Setup> {
        let bank = &self.bank;
        let stride = layout.get(Fld::WindowStridePixels, bank.get(Reg::WindowStride));
        let window = Window::new(bank.get(Reg::WindowBase), stride, words)?;
        let mode = bank.get(Reg::RasterMode);
        let corner = |reg: Reg| {
            let word = bank.get(reg);
            match reg {
                Reg::ScissorMin => {
                    (layout.get(Fld::ScissorMinX, word), layout.get(Fld::ScissorMinY, word))
                }
                _ => (layout.get(Fld::ScissorMaxX, word), layout.get(Fld::ScissorMaxY, word)),
            }
        };
        let scissor = if layout.get(Fld::RasterModeScissor, mode) != 0 {
            let ((left, top), (right, bottom)) = (corner(Reg::ScissorMin), corner(Reg::ScissorMax));
            Rect::new(left as i32, top as i32, right as i32, bottom as i32)
        } else {
            Rect::EVERYTHING
        };
        Some(Setup {
            window,
            state: State { scissor, op: operation(layout, bank.get(Reg::LogicOp)), isa: self.isa },
            smooth: layout.get(Fld::RasterModeSmooth, mode) != 0,
            color: layout.color(bank.get(Reg::Color)),
        })
    }

    /// The rectangle of RECT_SIZE at one of two places.
    fn rect(&self, layout: &Layout, at: Reg) -> Rect {
        let word = self.bank.get(at);
        let (x, y) = match at {
            Reg::CopySource => (Fld::CopySourceX, Fld::CopySourceY),
            _ => (Fld::RectPositionX, Fld::RectPositionY),
        };
        let (x, y) = (layout.signed(x, word), layout.signed(y, word));
        let size = self.bank.get(Reg::RectSize);
        let part = |fld: Fld| (layout.get(fld, size) & 0xffff) as i32;
        Rect::new(x, y, x + part(Fld::RectSizeWidth), y + part(Fld::RectSizeHeight))
    }

    fn vertex_color(&self, layout: &Layout, setup: &Setup, index: usize) -> u32 {
        match setup.smooth {
            true => layout.vertex_color(self.bank.at(Reg::VertexColor, index)),
            false => setup.color,
        }
    }

    fn vertex(&self, layout: &Layout, setup: &Setup, index: usize) -> Vertex {
        Vertex {
            x: self.bank.at(Reg::VertexX, index) as i32,
            y: self.bank.at(Reg::VertexY, index) as i32,
            color: self.vertex_color(layout, setup, index),
        }
    }

    fn point(&self, layout: &Layout, setup: &Setup, index: usize) -> Point {
        let Vertex { x, y, color } = self.vertex(layout, setup, index);
        Point { x: x >> VERTEX_FRACTION, y: y >> VERTEX_FRACTION, color }
    }

    fn trapezoid(&self, layout: &Layout, setup: &Setup) -> Trapezoid {
        let fixed = |reg: Reg| self.bank.get(reg) as i32;
        let ramp = |channel: usize| {
            let ramp = Ramp {
                start: self.bank.at(Reg::ColorStart, channel) as i32,
                dx: self.bank.at(Reg::ColorDx, channel) as i32,
                dy_dom: self.bank.at(Reg::ColorDy, channel) as i32,
            };
            if layout.is_cmyk() { without_ink(ramp) } else { ramp }
        };
        Trapezoid {
            x_dom: fixed(Reg::StartXDom),
            dx_dom: fixed(Reg::DxDom),
            x_sub: fixed(Reg::StartXSub),
            dx_sub: fixed(Reg::DxSub),
            y: fixed(Reg::StartY),
            dy: fixed(Reg::Dy),
            count: layout.get(Fld::RowCountRows, self.bank.get(Reg::RowCount)) as u16,
            shade: match setup.smooth {
                true => Shade::Smooth(Gouraud { red: ramp(0), green: ramp(1), blue: ramp(2) }),
                false => Shade::Flat(setup.color),
            },
        }
    }

    /// As the last one would have gone on, with another subordinate edge. Without a last one there is
    /// nothing to go on from, and all registers count.
    fn continue_sub(&mut self, layout: &Layout, setup: &Setup) -> i32 {
        let new = self.trapezoid(layout, setup);
        let next = match self.last {
            Some(last) => Trapezoid {
                x_sub: new.x_sub,
                dx_sub: new.dx_sub,
                count: new.count,
                shade: match (last.shade, setup.smooth) {
                    (Shade::Smooth(_), true) => last.shade,
                    _ => new.shade,
                },
                ..last
            },
            None => new,
        };
        self.add_trapezoid(next)
    }

    /// Returns how many rows it has.
    fn add_trapezoid(&mut self, trapezoid: Trapezoid) -> i32 {
        self.last = Some(trapezoid.after());
        self.gathered.trapezoids.push(trapezoid);
        trapezoid.count.into()
    }
}

impl Gathered {
    fn len(&self) -> usize {
        let rests = self.points.len() + self.lines.len() + self.rects.len();
        rests + self.triangles.len() + self.trapezoids.len()
    }

    /// Whether something of another kind is there, which comes first.
    fn is_other_than(&self, primitive: DrawPrimitive) -> bool {
        let own = match primitive {
            DrawPrimitive::Fill | DrawPrimitive::Outline => self.rects.len(),
            DrawPrimitive::Copy => 0,
            DrawPrimitive::Point => self.points.len(),
            DrawPrimitive::Line => self.lines.len(),
            DrawPrimitive::Triangle => self.triangles.len(),
            DrawPrimitive::Trapezoid | DrawPrimitive::ContinueSub => self.trapezoids.len(),
        };
        self.len() > own
    }

    fn clear(&mut self) {
        self.points.clear();
        self.lines.clear();
        self.rects.clear();
        self.triangles.clear();
        self.trapezoids.clear();
    }
}

/// What is left of white where ink is drawn.
fn without_ink(ink: Ramp) -> Ramp {
    Ramp {
        start: WHITE.wrapping_sub(ink.start),
        dx: ink.dx.wrapping_neg(),
        dy_dom: ink.dy_dom.wrapping_neg(),
    }
}

/// Whether a slot is one that [`Setup`] is read from.
fn is_setup(at: usize) -> bool {
    // They stand together in the description.
    (slot(Reg::WindowBase)..=slot(Reg::Color)).contains(&at)
}

/// The operation; one that the card does not know copies.
fn operation(layout: &Layout, word: u32) -> LogicOp {
    let known = layout.named::<LogicOpOp>(word);
    // In the description they stand in the order of the rasteriser's.
    let index = known.and_then(|op| LogicOpOp::ALL.iter().position(|other| *other == op));
    index.and_then(|index| LogicOp::ALL.get(index).copied()).unwrap_or(LogicOp::Copy)
}

/// The outermost pixels of a rectangle, each once.
fn outline(rect: &Rect) -> impl Iterator<Item = Rect> {
    let Rect { left, top, right, bottom } = *rect;
    let (inner_top, inner_bottom) = (top + 1, (bottom - 1).max(top + 1));
    let sides = [
        Rect::new(left, top, right, top + 1),
        Rect::new(left, inner_bottom, right, bottom),
        Rect::new(left, inner_top, left + 1, inner_bottom),
        Rect::new((right - 1).max(left + 1), inner_top, right, inner_bottom),
    ];
    let empty = rect.is_empty();
    sides.into_iter().filter(move |side| !empty && !side.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_has_each_pixel_once() {
        for (width, height) in [(0, 5), (1, 1), (1, 4), (4, 1), (2, 2), (2, 5), (5, 2), (6, 7)] {
            let rect = Rect::new(3, 4, 3 + width, 4 + height);
            let sides: Vec<Rect> = outline(&rect).collect();
            for y in 0..20 {
                for x in 0..20 {
                    let inner =
                        x > rect.left && x < rect.right - 1 && y > rect.top && y < rect.bottom - 1;
                    let wanted = rect.contains(x, y) && !inner;
                    let found = sides.iter().filter(|side| side.contains(x, y)).count();
                    assert_eq!(found, usize::from(wanted), "{width} x {height}: {x}, {y}");
                }
            }
        }
    }

    #[test]
    fn the_registers_of_the_setup_stand_together() {
        let inside = [
            Reg::WindowBase,
            Reg::WindowStride,
            Reg::ScissorMin,
            Reg::ScissorMax,
            Reg::RasterMode,
            Reg::LogicOp,
            Reg::Color,
        ];
        assert!(inside.iter().all(|reg| is_setup(slot(*reg))));
        let others = Reg::ALL.iter().filter(|reg| !inside.contains(reg));
        assert!(others.copied().all(|reg| !is_setup(slot(reg))));
    }

    #[test]
    fn operations_have_the_rasteriser_s_order() {
        let names = LogicOpOp::ALL.iter().zip(LogicOp::ALL);
        for (ours, theirs) in names {
            let plain = |text: String| text.replace(['_'], "").to_lowercase();
            let (ours, theirs) = (plain(ours.id().into()), plain(format!("{theirs:?}")));
            let same = ours == theirs || ours == format!("s{theirs}d");
            assert!(same, "{ours} {theirs}");
        }
    }
}
