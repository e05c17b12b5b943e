//! The base card's driver, as a library.

use vgpu_card::{Layout, regs};

use crate::play::{LocalMachine, Player};

/// Bytes of each of two command buffers: while the card reads one, the other is filled.
const BUFFER_BYTES: usize = 64 << 10;
const BUFFERS: usize = 2;

/// Why the driver gives up.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The header is another card's.
    #[error(
        "the card's layout is {found:#010x}, this driver is for {:#010x}",
        regs::LAYOUT_HASH_VALUE
    )]
    Layout {
        /// The card's.
        found: u32,
    },
    /// The card has found a mistake.
    #[error("the card reports error {code:#x} at {at:#x}, data {data:#x}")]
    Card {
        /// The register ERROR_CODE.
        code: u32,
        /// The register ERROR_WHERE.
        at: u32,
        /// The register ERROR_DATA.
        data: u32,
    },
    /// More than fits into a buffer.
    #[error("{words} words at once; a buffer has room for {}", Driver::MOST_WORDS)]
    TooLong {
        /// How many.
        words: usize,
    },
}

/// Drives a base card in this process. What a kernel would do at an interrupt is done when a call looks
/// for it.
#[derive(Debug)]
pub struct Driver {
    player: Player<LocalMachine>,
    next_buffer: usize,
    acked: u32,
    number: u32,
    interrupts: u64,
    buffers: u64,
    blanks: u64,
}

impl Driver {
    /// Most words of one submission: a buffer, less the fence at its end.
    pub const MOST_WORDS: usize = BUFFER_BYTES / 4 - 2;

    /// Makes a card, finds it, and resets it.
    ///
    /// # Errors
    /// The card is another one than this driver's.
    pub fn new(layout: Layout) -> Result<Self, DriverError> {
        let description = layout.description();
        let machine = LocalMachine::new(
            description.register_bytes as usize,
            description.framebuffer_bytes as usize,
            BUFFERS * BUFFER_BYTES,
        );
        let mut driver = Self {
            player: Player::new(layout, machine),
            next_buffer: 0,
            acked: 0,
            number: 0,
            interrupts: 0,
            buffers: 0,
            blanks: 0,
        };
        let found = driver.read(regs::LAYOUT_HASH.offset);
        if found != regs::LAYOUT_HASH_VALUE {
            return Err(DriverError::Layout { found });
        }
        driver.command(regs::CONTROL.offset, regs::control::ACTION_RESET);
        driver.acked = driver.read(regs::INT_COUNT.offset);
        driver.write(regs::INT_ACK.offset, driver.acked);
        let sources = [regs::int_enable::BUFFER, regs::int_enable::ERROR];
        driver.write(regs::INT_ENABLE.offset, sources.iter().fold(0, |all, one| all | one.put(1)));
        driver.ring_doorbell();
        Ok(driver)
    }

    /// The card's player.
    pub fn player(&mut self) -> &mut Player<LocalMachine> {
        &mut self.player
    }

    /// Interrupts that the handler has found something at, and command buffers that were carried out.
    pub fn interrupts_and_buffers(&self) -> (u64, u64) {
        (self.interrupts, self.buffers)
    }

    /// Vertical blanks so far.
    pub fn blanks(&self) -> u64 {
        self.blanks
    }

    fn read(&mut self, offset: u32) -> u32 {
        self.player.machine().read(offset)
    }

    fn write(&mut self, offset: u32, value: u32) {
        self.player.machine().write(offset, value);
    }

    /// In a machine with a kernel the write to a register itself wakes the card.
    fn ring_doorbell(&mut self) {
        while self.player.turn(u32::MAX) {}
        self.handle_interrupts();
    }

    fn command(&mut self, offset: u32, value: u32) {
        self.write(offset, value);
        self.ring_doorbell();
    }

    /// What the handler does.
    pub fn handle_interrupts(&mut self) {
        while self.player.machine().take_interrupts() > 0 {
            let count = self.read(regs::INT_COUNT.offset);
            let since = |field: vgpu_card::regs::Field| {
                u64::from(field.get(count).wrapping_sub(field.get(self.acked)) & 0xff)
            };
            self.interrupts += 1;
            self.buffers += since(regs::int_count::BUFFER);
            self.blanks += since(regs::int_count::VBLANK);
            self.acked = count;
            self.write(regs::INT_ACK.offset, count);
            while self.player.turn(u32::MAX) {}
        }
    }

    /// Enters graphics, with rows that follow each other.
    ///
    /// # Errors
    /// The card cannot show that.
    pub fn set_mode(&mut self, width: u32, height: u32, base: u32) -> Result<(), DriverError> {
        let before = self.read(regs::INT_COUNT.offset);
        let size = regs::mode_size::WIDTH.put(width) | regs::mode_size::HEIGHT.put(height);
        self.write(regs::MODE_SIZE.offset, size);
        self.write(regs::MODE_STRIDE.offset, regs::mode_stride::PIXELS.put(width));
        self.write(regs::MODE_FORMAT.offset, regs::mode_format::FORMAT_XRGB8888);
        self.write(regs::DISPLAY_BASE.offset, base);
        self.command(regs::MODE_CONTROL.offset, regs::mode_control::ACTION_ENTER);
        let after = self.read(regs::INT_COUNT.offset);
        let errors = |count| regs::int_count::ERROR.get(count);
        if errors(before) == errors(after) { Ok(()) } else { Err(self.error()) }
    }

    /// Shows the picture that is elsewhere in memory.
    pub fn show(&mut self, base: u32) {
        self.write(regs::DISPLAY_BASE.offset, base);
        self.ring_doorbell();
    }

    /// Whether vertical blanks interrupt.
    pub fn want_blanks(&mut self, on: bool) {
        let mask = regs::int_enable::VBLANK.put(1);
        let now = self.read(regs::INT_ENABLE.offset);
        self.write(regs::INT_ENABLE.offset, if on { now | mask } else { now & !mask });
        self.ring_doorbell();
    }

    /// Has the card carry out commands, and returns when it is done.
    ///
    /// # Errors
    /// They are too many, or the card has found a mistake in them.
    pub fn submit(&mut self, words: &[u32]) -> Result<(), DriverError> {
        if words.len() > Self::MOST_WORDS {
            return Err(DriverError::TooLong { words: words.len() });
        }
        self.number = self.number.wrapping_add(1);
        let at = self.next_buffer * BUFFER_BYTES;
        self.next_buffer = (self.next_buffer + 1) % BUFFERS;
        let number = self.number;
        let machine = self.player.machine();
        let address = machine.dma_address(at);
        let buffer = &mut machine.driver_memory()[at..at + BUFFER_BYTES];
        let (places, _) = buffer.as_chunks_mut::<4>();
        let fence = [regs::tag::FENCE, number];
        for (place, word) in places.iter_mut().zip(words.iter().chain(&fence)) {
            *place = word.to_le_bytes();
        }
        self.write(regs::DMA_ADDRESS.offset, address);
        self.command(regs::DMA_COUNT.offset, words.len() as u32 + 2);
        let done = self.read(regs::FENCE_DONE.offset);
        if done == number { Ok(()) } else { Err(self.error()) }
    }

    fn error(&mut self) -> DriverError {
        DriverError::Card {
            code: self.read(regs::ERROR_CODE.offset),
            at: self.read(regs::ERROR_WHERE.offset),
            data: self.read(regs::ERROR_DATA.offset),
        }
    }
}
