//! What the kernel says about another process.

use std::fs;

/// Set in a task's flags while it exits.
const PF_EXITING: u64 = 0x4;
/// SIGKILL among pending signals.
const KILL_BIT: u64 = 1 << 8;

/// The letter for what process `pid` is doing: `R`, `S`, `T` stopped, `Z` ended, ...
pub fn process_state(pid: u32) -> Option<char> {
    stat_fields(pid)?.first()?.chars().next()
}

/// Whether process `pid` is on its way out: killed, but its files and locks perhaps not yet closed.
///
/// Of a process with threads the first is a zombie while the others still close what they share.
pub(super) fn is_dying(pid: u32) -> bool {
    let Some(fields) = stat_fields(pid) else { return false };
    let state = fields.first().map_or("", String::as_str);
    // The ninth field of the line; the first two are not among these.
    let flags = fields.get(6).and_then(|f| f.parse().ok()).unwrap_or(0);
    matches!(state, "Z" | "X") || flags & PF_EXITING != 0 || kill_is_pending(pid)
}

fn kill_is_pending(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .filter_map(|l| l.strip_prefix("SigPnd:").or_else(|| l.strip_prefix("ShdPnd:")))
        .filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .any(|mask| mask & KILL_BIT != 0)
}

/// The fields after the process's name, which stands in parentheses and may hold anything.
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let rest = text.rsplit_once(')')?.1;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_living_from_the_dying() {
        let me = std::process::id();
        assert!(process_state(me).is_some_and(|s| "RSD".contains(s)));
        assert!(!is_dying(me));
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(!is_dying(child.id()));
        child.kill().unwrap();
        // From the kill on, or very soon; and as long as it is not waited for.
        while !is_dying(child.id()) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!is_dying(child.id()));
    }
}
