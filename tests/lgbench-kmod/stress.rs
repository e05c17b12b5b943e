//! Everything at once: controllers that do whatever comes, guests that come, fork and die.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::{need, soon, wait_until};
use lgbench::lguest::device::{Device, Error, Mode};
use rustix::process::Signal;

use crate::guests::{Guest, keep_off, pass};
use crate::module::{Module, rounds};

const ROLES: [&str; 9] =
    ["run", "yield", "close", "exec", "fork", "thread", "closer", "again", "threads"];

/// xorshift64*: the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % bound
    }

    fn guest(&mut self) -> u32 {
        self.below(6) as u32
    }
}

/// Whatever comes; refusals are part of it.
fn control(random: &mut Random, over: &AtomicBool) -> (u64, u64) {
    let (mut done, mut refused) = (0, 0);
    let mut device = Device::open().unwrap();
    while !over.load(Ordering::Relaxed) {
        let first = random.guest();
        let interval = Duration::from_micros([100, 500, 2000, 50_000][random.below(4) as usize]);
        let result = match random.below(12) {
            0..3 => device.set_mode(Mode::Alternate { first, interval }),
            3 => device.set_mode(Mode::Once { first, interval }),
            4 => device.set_mode(Mode::Free),
            5..7 => device.hold(first),
            7..9 => device.let_go(first),
            9 => device.clear(),
            10 => device.read().map(|read| {
                // A guest may have been on either processor.
                let wrong = |s: &&_| is_wrong(s);
                assert_eq!(read.samples.iter().find(wrong), None);
            }),
            _ => {
                device = Device::open().unwrap();
                Ok(())
            }
        };
        match result {
            Ok(()) => done += 1,
            Err(Error::Busy | Error::NoGuest(_)) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
        std::thread::sleep(Duration::from_micros(random.below(3000)));
    }
    (done, refused)
}

fn is_wrong(sample: &lgbench::lguest::device::Sample) -> bool {
    sample.since > sample.out_at || sample.out_at > sample.in_at || sample.from == sample.to
}

/// Guests come, are told things, and are killed; how many.
fn populate(random: &mut Random, over: &AtomicBool) -> u64 {
    let mut guests: Vec<Guest> = Vec::new();
    let mut count = 0;
    while !over.load(Ordering::Relaxed) {
        match random.below(3) {
            0 if guests.len() < 4 => {
                let role = ROLES[random.below(ROLES.len() as u64) as usize];
                guests.push(Guest::spawn(role, random.below(2) as usize));
                count += 1;
            }
            1 if guests.len() > 1 => {
                let gone = random.below(guests.len() as u64) as usize;
                // Told before it catches signals, it has ended, which is as good.
                drop(guests.swap_remove(gone));
            }
            _ => {
                let signal = [Signal::USR1, Signal::USR2][random.below(2) as usize];
                if let Some(guest) = guests.first() {
                    guest.tell(signal);
                }
            }
        }
        std::thread::sleep(Duration::from_millis(random.below(60)));
    }
    count
}

#[test]
fn whatever_comes() {
    need!(Lab, Root);
    keep_off();
    let module = Module::load();
    let over = AtomicBool::new(false);
    let time = Duration::from_secs(rounds(30, 600).into());
    std::thread::scope(|scope| {
        let controllers: Vec<_> = (1..=4)
            .map(|seed| {
                let over = &over;
                scope.spawn(move || control(&mut Random(seed), over))
            })
            .collect();
        let populations: Vec<_> = (11..=12)
            .map(|seed| {
                let over = &over;
                scope.spawn(move || populate(&mut Random(seed), over))
            })
            .collect();
        pass(time);
        over.store(true, Ordering::Relaxed);
        let calls: Vec<_> = controllers.into_iter().map(|thread| thread.join().unwrap()).collect();
        let guests: u64 = populations.into_iter().map(|thread| thread.join().unwrap()).sum();
        println!("calls done and refused: {calls:?}; guests: {guests}");
        assert!(calls.iter().all(|(done, refused)| done + refused > 50), "{calls:?}");
        assert!(guests > 10, "{guests}");
    });
    // Children of guests that were killed end by themselves.
    let device = Device::open().unwrap();
    wait_until("no guest", soon(), || device.info().unwrap().guests == 0);
    let info = device.info().unwrap();
    assert!(!info.is_gated && info.turn.is_none() && info.held == 0, "{info:?}");
    // It works as before.
    let [a, b] = ["run"; 2].map(|role| Guest::start(&device, role));
    device.hold(b.id).unwrap();
    b.stands_while(&[&a]);
    drop((a, b, device));
    drop(module);
}
