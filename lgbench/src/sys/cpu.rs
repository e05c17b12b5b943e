//! CPUs.

use std::io;

use rustix::process::{Pid, getpid};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The CPUs the calling thread may use, in order: those of this process as long as it has not been kept
/// to fewer.
///
/// # Errors
/// What the kernel says.
pub fn allowed() -> io::Result<Vec<u32>> {
    allowed_to(None)
}

/// The CPUs this process may use, in order, whatever the calling thread has been kept to: those of its
/// first thread, which is never kept to any.
///
/// # Errors
/// What the kernel says.
pub fn of_process() -> io::Result<Vec<u32>> {
    allowed_to(Some(getpid()))
}

fn allowed_to(thread: Option<Pid>) -> io::Result<Vec<u32>> {
    let set = sched_getaffinity(thread)?;
    let all = 0..CpuSet::MAX_CPU;
    Ok(all.filter(|cpu| set.is_set(*cpu)).filter_map(|cpu| u32::try_from(cpu).ok()).collect())
}

/// Keeps the calling thread on one CPU from now on.
///
/// # Errors
/// What the kernel says: there is no such CPU, or it is not for this process.
pub fn pin(cpu: u32) -> io::Result<()> {
    keep_to(&[cpu])
}

/// Keeps the calling thread, and what it starts, to some CPUs from now on.
///
/// # Errors
/// As for [`pin`].
pub fn keep_to(cpus: &[u32]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        let cpu = *cpu as usize;
        if cpu >= CpuSet::MAX_CPU {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        set.set(cpu);
    }
    Ok(sched_setaffinity(None, &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stays_where_it_is_pinned() {
        std::thread::spawn(|| {
            let last = *allowed().unwrap().last().unwrap();
            pin(last).unwrap();
            assert_eq!(allowed().unwrap(), [last]);
            assert!(pin(u32::MAX).is_err());
            let all = of_process().unwrap();
            assert!(all.contains(&last));
            keep_to(&all).unwrap();
            assert_eq!(allowed().unwrap(), all);
        })
        .join()
        .unwrap();
    }
}
