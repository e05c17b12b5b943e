//! The programs at the tracepoints, instruction by instruction: each notes time and thread in an array
//! and does nothing else, so no compiler is needed for them.

use std::os::fd::{AsRawFd, BorrowedFd};

/// One instruction: code, registers, offset, number.
pub(super) type Instruction = u64;

/// Bytes of an entry of the array: four words.
pub(super) const ENTRY_BYTES: u32 = 32;

const MOV64: u8 = 0xb7;
const MOV64_REG: u8 = 0xbf;
const MOV32_REG: u8 = 0xbc;
const ADD64: u8 = 0x07;
const OR64_REG: u8 = 0x4f;
const LSH64: u8 = 0x67;
const JUMP: u8 = 0x05;
const JUMP_EQUAL: u8 = 0x15;
const JUMP_EQUAL32: u8 = 0x16;
const JUMP_DIFFERENT: u8 = 0x55;
const STORE32: u8 = 0x62;
const STORE32_REG: u8 = 0x63;
const STORE64_REG: u8 = 0x7b;
const LOAD64: u8 = 0x79;
const LOAD_NUMBER64: u8 = 0x18;
const ATOMIC64: u8 = 0xdb;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;

/// Source of [`LOAD_NUMBER64`]: the number is a map's descriptor.
const MAP_FD: u8 = 1;
/// Number of [`ATOMIC64`]: add and give back what there was.
const FETCH_ADD: i32 = 1;

const MAP_LOOKUP_ELEM: i32 = 1;
const KTIME_GET_NS: i32 = 5;
const GET_SMP_PROCESSOR_ID: i32 = 8;
const GET_CURRENT_PID_TGID: i32 = 14;

/// Registers: the first two take arguments, 6 to 9 survive calls, 10 is the stack.
const R0: u8 = 0;
const R1: u8 = 1;
const R2: u8 = 2;
const CONTEXT: u8 = 6;
const THREAD: u8 = 7;
const TIME: u8 = 8;
const STACK: u8 = 10;

/// Where the array's index is on the stack.
const INDEX: i16 = -4;

/// Which events a program notes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Notes<'a> {
    /// Those of these threads.
    Threads(&'a [u32]),
    /// Those on a CPU, with the tracepoint's second and third argument.
    Cpu(u32),
}

/// A program that notes events under a number. An entry is: nanoseconds of CLOCK_MONOTONIC; the number and
/// the thread that runs; two arguments. The array's first word counts the entries, of which the first
/// comes right behind it; those beyond its end are counted only.
pub(super) fn program(array: BorrowedFd<'_>, number: u16, notes: Notes<'_>) -> Vec<Instruction> {
    let mut code = Code::default();
    code.add(MOV64_REG, CONTEXT, R1, 0, 0);
    if let Notes::Cpu(cpu) = notes {
        code.call(GET_SMP_PROCESSOR_ID);
        code.end_if(JUMP_DIFFERENT, R0, cpu.cast_signed());
    }
    code.call(GET_CURRENT_PID_TGID);
    // The lower half is the thread; a move of 32 bits clears the upper.
    code.add(MOV32_REG, THREAD, R0, 0, 0);
    if let Notes::Threads(threads) = notes {
        for (thread, left) in threads.iter().zip((1..=threads.len() as i16).rev()) {
            // To behind the jump to the end.
            code.add(JUMP_EQUAL32, THREAD, 0, left, thread.cast_signed());
        }
        code.end_if(JUMP, 0, 0);
    }
    code.call(KTIME_GET_NS);
    code.add(MOV64_REG, TIME, R0, 0, 0);
    code.add(STORE32, STACK, 0, INDEX, 0);
    code.entry(array);
    code.add(MOV64, R1, 0, 0, 1);
    code.add(ATOMIC64, R0, R1, 0, FETCH_ADD);
    code.add(ADD64, R1, 0, 0, 1);
    code.add(STORE32_REG, STACK, R1, INDEX, 0);
    code.entry(array);
    code.add(STORE64_REG, R0, TIME, 0, 0);
    code.add(MOV64, R1, 0, 0, i32::from(number));
    code.add(LSH64, R1, 0, 0, 32);
    code.add(OR64_REG, R1, THREAD, 0, 0);
    code.add(STORE64_REG, R0, R1, 8, 0);
    if let Notes::Cpu(_) = notes {
        for (argument, to) in [(1, 16), (2, 24)] {
            code.add(LOAD64, R1, CONTEXT, argument * 8, 0);
            code.add(STORE64_REG, R0, R1, to, 0);
        }
    }
    code.finish()
}

#[derive(Default)]
struct Code {
    instructions: Vec<Instruction>,
    /// Jumps that go to the end, wherever that will be.
    to_end: Vec<usize>,
}

impl Code {
    fn add(&mut self, code: u8, to: u8, from: u8, offset: i16, number: i32) {
        self.instructions.push(
            u64::from(code)
                | u64::from(from << 4 | to) << 8
                | u64::from(offset.cast_unsigned()) << 16
                | u64::from(number.cast_unsigned()) << 32,
        );
    }

    fn call(&mut self, helper: i32) {
        self.add(CALL, 0, 0, 0, helper);
    }

    fn end_if(&mut self, jump: u8, register: u8, number: i32) {
        self.to_end.push(self.instructions.len());
        self.add(jump, register, 0, 0, number);
    }

    /// The address of the entry whose index is on the stack; without one it ends.
    fn entry(&mut self, array: BorrowedFd<'_>) {
        self.add(LOAD_NUMBER64, R1, MAP_FD, 0, array.as_raw_fd());
        self.instructions.push(0);
        self.add(MOV64_REG, R2, STACK, 0, 0);
        self.add(ADD64, R2, 0, 0, i32::from(INDEX));
        self.call(MAP_LOOKUP_ELEM);
        self.end_if(JUMP_EQUAL, R0, 0);
    }

    fn finish(mut self) -> Vec<Instruction> {
        let end = self.instructions.len();
        for jump in self.to_end.drain(..) {
            // Counted from the instruction behind the jump; a program has a few dozen.
            self.instructions[jump] |= (((end - jump - 1) as u64) & 0xffff) << 16;
        }
        self.add(MOV64, R0, 0, 0, 0);
        self.add(EXIT, 0, 0, 0, 0);
        self.instructions
    }
}
