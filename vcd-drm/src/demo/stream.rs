//! Commands for the base card.

use vgpu_card::regs;

use super::driver::{Driver, DriverError};

/// Commands that are sent when a buffer is full, or when they are asked to be.
#[derive(Debug)]
pub struct Stream {
    words: Vec<u32>,
}

impl Stream {
    /// One that draws into a window of so many pixels at a place in memory.
    pub fn new(width: u32, height: u32, base: u32) -> Self {
        let mut stream = Self { words: Vec::with_capacity(Driver::MOST_WORDS) };
        let max = regs::scissor_max::X.put(width) | regs::scissor_max::Y.put(height);
        let mode = regs::raster_mode::SCISSOR.put(1) | regs::raster_mode::SMOOTH.put(1);
        for (tag, data) in [
            (regs::tag::WINDOW_BASE, base),
            (regs::tag::WINDOW_STRIDE, regs::window_stride::PIXELS.put(width)),
            (regs::tag::SCISSOR_MIN, 0),
            (regs::tag::SCISSOR_MAX, max),
            (regs::tag::RASTER_MODE, mode),
            (regs::tag::LOGIC_OP, regs::logic_op::OP_COPY),
        ] {
            stream.words.extend([tag, data]);
        }
        stream
    }

    /// What has not been sent.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// Adds a pair, and sends what there is before if there is no room.
    ///
    /// # Errors
    /// As [`Driver::submit`].
    pub fn put(&mut self, driver: &mut Driver, tag: u32, data: u32) -> Result<(), DriverError> {
        if self.words.len() + 2 > Driver::MOST_WORDS {
            self.send(driver)?;
        }
        self.words.extend([tag, data]);
        Ok(())
    }

    /// Sends what there is.
    ///
    /// # Errors
    /// As [`Driver::submit`].
    pub fn send(&mut self, driver: &mut Driver) -> Result<(), DriverError> {
        let sent = if self.words.is_empty() { Ok(()) } else { driver.submit(&self.words) };
        self.words.clear();
        sent
    }

    /// A smooth triangle. Coordinates are in sixteenths of a pixel.
    ///
    /// # Errors
    /// As [`Driver::submit`].
    pub fn triangle(
        &mut self,
        driver: &mut Driver,
        corners: [(i32, i32, u32); 3],
    ) -> Result<(), DriverError> {
        const PAIRS: usize = 10;
        let mut words = [0; 2 * PAIRS];
        let (vertices, draw) = words.split_at_mut(18);
        for ((n, (x, y, color)), words) in (0..).zip(corners).zip(vertices.as_chunks_mut::<6>().0) {
            let (x, y) = (x.cast_unsigned(), y.cast_unsigned());
            let tags = [regs::tag::VERTEX_X, regs::tag::VERTEX_Y, regs::tag::VERTEX_COLOR];
            *words = [tags[0] + n, x, tags[1] + n, y, tags[2] + n, color];
        }
        draw.copy_from_slice(&[regs::tag::DRAW, regs::draw::PRIMITIVE_TRIANGLE]);
        if self.words.len() + words.len() > Driver::MOST_WORDS {
            self.send(driver)?;
        }
        self.words.extend_from_slice(&words);
        Ok(())
    }

    /// A filled rectangle.
    ///
    /// # Errors
    /// As [`Driver::submit`].
    pub fn fill(
        &mut self,
        driver: &mut Driver,
        at: (i32, i32),
        size: (u32, u32),
        color: u32,
    ) -> Result<(), DriverError> {
        let place = |value: i32| value.cast_unsigned() & 0xffff;
        let position =
            regs::rect_position::X.put(place(at.0)) | regs::rect_position::Y.put(place(at.1));
        let size = regs::rect_size::WIDTH.put(size.0) | regs::rect_size::HEIGHT.put(size.1);
        self.put(driver, regs::tag::COLOR, color)?;
        self.put(driver, regs::tag::RECT_POSITION, position)?;
        self.put(driver, regs::tag::RECT_SIZE, size)?;
        self.put(driver, regs::tag::DRAW, regs::draw::PRIMITIVE_FILL)
    }
}
