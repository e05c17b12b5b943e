//! Drawing with more threads than one: each has rows of its own.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use vgpu_card::raster::{Band, Rect, State};
use vgpu_card::{Memory, Painter, Shapes, Window, Work};

/// Bands for each thread: what is drawn is rarely spread evenly over the rows.
const BANDS: usize = 2;
/// So many primitives, or so many pixels in their rows, are worth waking somebody.
const MANY: usize = 64;
const LARGE: u64 = 1 << 16;

/// The threads that draw: the one that plays the card, and its helpers.
#[derive(Debug, Default)]
pub struct Threads(Option<ThreadPool>);

impl Threads {
    /// So many in all.
    ///
    /// # Errors
    /// There cannot be so many.
    pub fn new(count: usize) -> Result<Self, ThreadPoolBuildError> {
        let helpers = match count.saturating_sub(1) {
            0 => return Ok(Self(None)),
            helpers => ThreadPoolBuilder::new().num_threads(helpers),
        };
        helpers.thread_name(|number| format!("paint {number}")).build().map(|pool| Self(Some(pool)))
    }

    /// They draw into a card's memory.
    pub fn painter<'a>(&'a self, memory: &'a mut [u32]) -> SharedMemory<'a> {
        SharedMemory { helpers: self.0.as_ref(), memory: Memory(memory) }
    }
}

/// A card's memory that all threads draw into.
#[derive(Debug)]
pub struct SharedMemory<'a> {
    helpers: Option<&'a ThreadPool>,
    memory: Memory<'a>,
}

impl Painter for SharedMemory<'_> {
    fn paint(&mut self, window: &Window, state: &State, work: Work<'_>) -> Rect {
        let (Some(helpers), Work::Draw(shapes)) = (self.helpers, work) else {
            return self.memory.paint(window, state, work);
        };
        let rows = shapes.rows();
        let top = rows.start.max(state.scissor.top).max(0);
        let bottom = rows.end.min(state.scissor.bottom).min(window.height as i32);
        let pixels = i64::from(bottom - top.min(bottom)).unsigned_abs() * u64::from(window.stride);
        if shapes.len() < MANY && pixels < LARGE {
            return self.memory.paint(window, state, work);
        }
        let Some(mut surface) = self.memory.surface(window) else { return Rect::EMPTY };
        let count = helpers.current_num_threads() + 1;
        let empty = |_| Share { bands: Vec::new(), changed: Rect::EMPTY };
        let mut shares: Vec<Share<'_>> = (0..count).map(empty).collect();
        let mut rest = surface.band();
        let bands = count * BANDS;
        for n in 1..=bands {
            let upto = if n < bands { top + part(bottom - top, n, bands) } else { i32::MAX };
            let (band, below) = rest.split(upto);
            shares[n % count].bands.push(band);
            rest = below;
        }
        helpers.in_place_scope(|scope| {
            let mut shares = shares.iter_mut();
            let own = shares.next();
            for share in shares {
                scope.spawn(|_| share.draw(state, &shapes));
            }
            own.into_iter().for_each(|share| share.draw(state, &shapes));
        });
        shares.iter().fold(Rect::EMPTY, |all, share| all.union(&share.changed))
    }
}

/// The first `n` of so many equal parts of some rows.
fn part(rows: i32, n: usize, of: usize) -> i32 {
    // No more rows than there were.
    (i64::from(rows.max(0)) * n as i64 / of as i64) as i32
}

/// What one thread draws into, and what has changed there.
struct Share<'a> {
    bands: Vec<Band<'a>>,
    changed: Rect,
}

impl Share<'_> {
    fn draw(&mut self, state: &State, shapes: &Shapes<'_>) {
        for band in &mut self.bands {
            self.changed = self.changed.union(&shapes.draw(band, state));
        }
    }
}

#[cfg(test)]
mod tests {
    use vgpu_card::raster::{Line, LogicOp, Point, Vertex};

    use super::*;
    use crate::demo::scenes::{HEIGHT, Numbers, WIDTH, random_triangle};

    /// The window begins behind the memory's first word and ends before its last row does.
    const WINDOW: Window = Window { base: 7, stride: WIDTH, height: HEIGHT };
    const WORDS: usize = (7 + WIDTH * HEIGHT) as usize;

    fn triangles(count: usize, height: u32) -> Vec<[Vertex; 3]> {
        let mut numbers = Numbers::new(9);
        let one = |_| random_triangle(&mut numbers, height);
        let corners = |of: [(i32, i32, u32); 3]| of.map(|(x, y, color)| Vertex { x, y, color });
        (0..count).map(one).map(corners).collect()
    }

    #[test]
    fn any_number_of_threads_draws_the_same() {
        let small = triangles(300, 20);
        let large = triangles(5, 200);
        let point = |x, y| Point { x, y, color: 0x12_3456 };
        let lines: Vec<_> = (0..100)
            .map(|n| Line { from: point(n * 6, n), to: point(639 - n, 479 - 3 * n) })
            .collect();
        let rects = [Rect::new(-5, -5, 5000, 5000), Rect::new(3, 470, 9, 490)];
        let works = [
            Work::Draw(Shapes::Triangles(&small)),
            Work::Draw(Shapes::Triangles(&large)),
            Work::Draw(Shapes::Triangles(&small[..1])),
            Work::Draw(Shapes::Lines(&lines)),
            Work::Draw(Shapes::Fill(&rects, 0x55_aa55)),
            Work::Copy { from: Rect::new(0, 0, 600, 400), to: (3, 1) },
        ];
        let scissors = [Rect::EVERYTHING, Rect::new(10, 100, 600, 103), Rect::EMPTY];
        for count in [1, 2, 3, 16] {
            let threads = Threads::new(count).unwrap();
            let (mut one, mut all) = (vec![0; WORDS], vec![0; WORDS]);
            for (n, (work, scissor)) in
                works.iter().flat_map(|work| scissors.map(|scissor| (*work, scissor))).enumerate()
            {
                let state = State { scissor, op: LogicOp::Xor, ..State::default() };
                let expected = Memory(&mut one).paint(&WINDOW, &state, work);
                let changed = threads.painter(&mut all).paint(&WINDOW, &state, work);
                assert_eq!(changed, expected, "{count} threads, {n}");
                assert!(one == all, "{count} threads, {n}");
            }
            assert!(one.iter().any(|pixel| *pixel != 0));
        }
    }

    #[test]
    fn a_window_outside_of_memory_is_left_alone() {
        let threads = Threads::new(2).unwrap();
        let small = triangles(300, 20);
        let work = Work::Draw(Shapes::Triangles(&small));
        let mut memory = vec![0; 100];
        let changed = threads.painter(&mut memory).paint(&WINDOW, &State::default(), work);
        assert!(changed.is_empty() && memory == [0; 100]);
    }
}
