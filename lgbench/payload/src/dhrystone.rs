//! Dhrystone 2.1 (R. Weicker), under its rules: no procedure is merged into its caller, and none is
//! computed at compile time.
//!
//! Names are the original's, so that it can be compared with it line by line. Pointers are indices
//! into the two records; the C library's string functions are loops over bytes. A figure from here
//! compares with figures from here, not with those of compiled C.

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::clock;
use crate::log::Log;

/// The original's enumeration, whose last value it never uses either.
#[allow(dead_code)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ident {
    One,
    Two,
    Three,
    Four,
    Five,
}

/// Thirty characters and the end.
type Str = [u8; 31];

const SOME_STRING: &Str = b"DHRYSTONE PROGRAM, SOME STRING\0";
const STRING_1: &Str = b"DHRYSTONE PROGRAM, 1'ST STRING\0";
const STRING_2: &Str = b"DHRYSTONE PROGRAM, 2'ND STRING\0";
const STRING_3: &Str = b"DHRYSTONE PROGRAM, 3'RD STRING\0";

/// Index of `Next_Ptr_Glob`'s record.
const NEXT_PTR_GLOB: usize = 0;
/// Index of `Ptr_Glob`'s record.
const PTR_GLOB: usize = 1;

/// The original's record. Its text is copied and not looked at.
#[allow(dead_code)]
#[derive(Clone, Copy, Debug)]
struct Rec {
    ptr_comp: usize,
    discr: Ident,
    enum_comp: Ident,
    int_comp: i32,
    str_comp: Str,
}

/// The original's global variables.
#[derive(Debug)]
struct Globals {
    records: [Rec; 2],
    int_glob: i32,
    bool_glob: bool,
    ch_1_glob: u8,
    ch_2_glob: u8,
    arr_1_glob: [i32; 50],
    arr_2_glob: [[i32; 50]; 50],
}

/// What the main program's variables are at the end of a run, for checking.
#[derive(Debug, PartialEq, Eq)]
struct Locals {
    int_1: i32,
    int_2: i32,
    int_3: i32,
    enum_loc: Ident,
    str_1: Str,
    str_2: Str,
}

/// Records batches of `runs` runs. Never ends.
pub fn run(log: &mut Log<'_>, runs: u64, progress: &AtomicU64) -> ! {
    let mut globals = Globals::new();
    let mut index = 0_i32;
    loop {
        let start = clock::fenced();
        for _ in 0..runs {
            index = index.wrapping_add(1);
            black_box(globals.once(black_box(index)));
        }
        log.push(start, clock::fenced(), runs);
        progress.fetch_add(1, Ordering::Relaxed);
    }
}

impl Globals {
    fn new() -> Self {
        let rec = Rec {
            ptr_comp: NEXT_PTR_GLOB,
            discr: Ident::One,
            enum_comp: Ident::Three,
            int_comp: 40,
            str_comp: *SOME_STRING,
        };
        let mut this = Self {
            records: [rec; 2],
            int_glob: 0,
            bool_glob: false,
            ch_1_glob: 0,
            ch_2_glob: 0,
            arr_1_glob: [0; 50],
            arr_2_glob: [[0; 50]; 50],
        };
        this.arr_2_glob[8][7] = 10;
        this
    }

    /// One run of the main loop.
    #[inline(never)]
    fn once(&mut self, run_index: i32) -> Locals {
        let str_1 = *STRING_1;
        let mut str_2 = [0; 31];
        self.proc_5();
        self.proc_4();
        let (mut int_1, mut int_2, mut int_3) = (2, 3, 0);
        strcpy(&mut str_2, STRING_2);
        let mut enum_loc = Ident::Two;
        self.bool_glob = !self.func_2(&str_1, &str_2);
        while int_1 < int_2 {
            int_3 = 5 * int_1 - int_2;
            proc_7(int_1, int_2, &mut int_3);
            int_1 += 1;
        }
        self.proc_8(int_1, int_3);
        self.proc_1(PTR_GLOB);
        let mut ch_index = b'A';
        while ch_index <= self.ch_2_glob {
            if enum_loc == self.func_1(ch_index, b'C') {
                self.proc_6(Ident::One, &mut enum_loc);
                strcpy(&mut str_2, STRING_3);
                int_2 = run_index;
                self.int_glob = run_index;
            }
            ch_index += 1;
        }
        int_2 = int_2.wrapping_mul(int_1);
        int_1 = int_2 / int_3;
        int_2 = 7 * (int_2 - int_3) - int_1;
        self.proc_2(&mut int_1);
        Locals { int_1, int_2, int_3, enum_loc, str_1, str_2 }
    }

    #[inline(never)]
    fn proc_1(&mut self, ptr_val_par: usize) {
        let next_record = self.records[ptr_val_par].ptr_comp;
        self.records[next_record] = self.records[PTR_GLOB];
        self.records[ptr_val_par].int_comp = 5;
        self.records[next_record].int_comp = self.records[ptr_val_par].int_comp;
        self.records[next_record].ptr_comp = self.records[ptr_val_par].ptr_comp;
        let ptr_comp = self.proc_3();
        self.records[next_record].ptr_comp = ptr_comp;
        if self.records[next_record].discr == Ident::One {
            self.records[next_record].int_comp = 6;
            let mut enum_comp = self.records[next_record].enum_comp;
            self.proc_6(self.records[ptr_val_par].enum_comp, &mut enum_comp);
            self.records[next_record].enum_comp = enum_comp;
            self.records[next_record].ptr_comp = self.records[PTR_GLOB].ptr_comp;
            let int_comp = self.records[next_record].int_comp;
            proc_7(int_comp, 10, &mut self.records[next_record].int_comp);
        } else {
            self.records[ptr_val_par] = self.records[self.records[ptr_val_par].ptr_comp];
        }
    }

    #[inline(never)]
    fn proc_2(&mut self, int_par_ref: &mut i32) {
        let mut int_loc = *int_par_ref + 10;
        // A loop in the original, of which only the first round is ever done.
        if black_box(self.ch_1_glob) == b'A' {
            int_loc -= 1;
            *int_par_ref = int_loc - self.int_glob;
        }
    }

    /// The pointer that the original stores through its parameter.
    #[inline(never)]
    fn proc_3(&mut self) -> usize {
        let ptr_comp = self.records[PTR_GLOB].ptr_comp;
        proc_7(10, self.int_glob, &mut self.records[PTR_GLOB].int_comp);
        ptr_comp
    }

    #[inline(never)]
    fn proc_4(&mut self) {
        let bool_loc = self.ch_1_glob == b'A';
        self.bool_glob |= bool_loc;
        self.ch_2_glob = b'B';
    }

    #[inline(never)]
    fn proc_5(&mut self) {
        self.ch_1_glob = b'A';
        self.bool_glob = false;
    }

    #[inline(never)]
    fn proc_6(&mut self, enum_val_par: Ident, enum_ref_par: &mut Ident) {
        *enum_ref_par = enum_val_par;
        if !func_3(enum_val_par) {
            *enum_ref_par = Ident::Four;
        }
        match enum_val_par {
            Ident::One => *enum_ref_par = Ident::One,
            Ident::Two if self.int_glob > 100 => *enum_ref_par = Ident::One,
            Ident::Two => *enum_ref_par = Ident::Four,
            Ident::Three => *enum_ref_par = Ident::Two,
            Ident::Four => {}
            Ident::Five => *enum_ref_par = Ident::Three,
        }
    }

    #[inline(never)]
    fn proc_8(&mut self, int_1_par_val: i32, int_2_par_val: i32) {
        let int_loc = int_1_par_val + 5;
        let at = int_loc as usize;
        self.arr_1_glob[at] = int_2_par_val;
        self.arr_1_glob[at + 1] = self.arr_1_glob[at];
        self.arr_1_glob[at + 30] = int_loc;
        for index in at..=at + 1 {
            self.arr_2_glob[at][index] = int_loc;
        }
        self.arr_2_glob[at][at - 1] = self.arr_2_glob[at][at - 1].wrapping_add(1);
        self.arr_2_glob[at + 20][at] = self.arr_1_glob[at];
        self.int_glob = 5;
    }

    #[inline(never)]
    fn func_1(&mut self, ch_1_par_val: u8, ch_2_par_val: u8) -> Ident {
        if ch_1_par_val != ch_2_par_val {
            Ident::One
        } else {
            self.ch_1_glob = ch_1_par_val;
            Ident::Two
        }
    }

    #[inline(never)]
    fn func_2(&mut self, str_1_par_ref: &Str, str_2_par_ref: &Str) -> bool {
        let mut int_loc = 2_usize;
        let mut ch_loc = 0;
        while int_loc <= 2 {
            if self.func_1(str_1_par_ref[int_loc], str_2_par_ref[int_loc + 1]) == Ident::One {
                ch_loc = b'A';
                int_loc += 1;
            }
        }
        if (b'W'..b'Z').contains(&ch_loc) {
            int_loc = 7;
        }
        if ch_loc == b'R' {
            return true;
        }
        if strcmp(str_1_par_ref, str_2_par_ref) > 0 {
            self.int_glob = int_loc as i32 + 7;
            return true;
        }
        false
    }
}

#[inline(never)]
fn proc_7(int_1_par_val: i32, int_2_par_val: i32, int_par_ref: &mut i32) {
    let int_loc = int_1_par_val + 2;
    *int_par_ref = int_2_par_val + int_loc;
}

#[inline(never)]
fn func_3(enum_par_val: Ident) -> bool {
    enum_par_val == Ident::Three
}

/// Copies up to the end of the text.
#[inline(never)]
fn strcpy(to: &mut Str, from: &Str) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
        if *from == 0 {
            break;
        }
    }
}

/// The difference of the first two characters that differ.
#[inline(never)]
fn strcmp(one: &Str, other: &Str) -> i32 {
    for (one, other) in one.iter().zip(other) {
        if one != other || *one == 0 {
            return i32::from(*one) - i32::from(*other);
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_with_the_values_that_the_original_prints() {
        let mut globals = Globals::new();
        let runs = 1000;
        let locals = (1..=runs).map(|index| globals.once(index)).last().unwrap();
        assert_eq!((globals.int_glob, globals.bool_glob), (5, true));
        assert_eq!((globals.ch_1_glob, globals.ch_2_glob), (b'A', b'B'));
        assert_eq!((globals.arr_1_glob[8], globals.arr_2_glob[8][7]), (7, runs + 10));
        let rec = |at: usize| {
            let rec = &globals.records[at];
            (rec.discr, rec.enum_comp, rec.int_comp, &rec.str_comp)
        };
        assert_eq!(rec(PTR_GLOB), (Ident::One, Ident::Three, 17, SOME_STRING));
        assert_eq!(rec(NEXT_PTR_GLOB), (Ident::One, Ident::Two, 18, SOME_STRING));
        let expected = Locals {
            int_1: 5,
            int_2: 13,
            int_3: 7,
            enum_loc: Ident::Two,
            str_1: *STRING_1,
            str_2: *STRING_2,
        };
        assert_eq!(locals, expected);
    }
}
