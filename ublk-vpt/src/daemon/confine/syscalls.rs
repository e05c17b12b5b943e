//! Seccomp: which system calls the daemon may still make.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};

use crate::daemon::device::Front;

/// Bytes of a disk, whoever asks for them.
const DATA: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_preadv2,
    libc::SYS_pwritev2,
    libc::SYS_lseek,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// Files by name, where Landlock lets it: records, the log, who uses what.
const FILES: &[c_long] = &[
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_ftruncate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_umask,
    libc::SYS_flock,
    libc::SYS_fcntl,
    libc::SYS_ioctl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_memfd_create, // a message for journald that is too large for a datagram
];

/// Clients that come; the addresses were taken before.
const SOCKETS: &[c_long] = &[
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_shutdown,
];

/// Waiting and time.
const WAITING: &[c_long] = &[
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_restart_syscall,
    libc::SYS_wait4,
    libc::SYS_waitid,
];

/// Memory, threads, signals, and what the C library asks of itself.
const PROCESS: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_mlock,
    libc::SYS_mlock2,
    libc::SYS_munlock,
    libc::SYS_membarrier,
    libc::SYS_clone3, // see `NO_CLONE3`
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_getparam,
    libc::SYS_prctl,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
];

/// The older names of some of them, which other processors never had.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_unlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_rename,
    libc::SYS_chmod,
    libc::SYS_dup2,
    libc::SYS_poll,
    libc::SYS_epoll_wait,
    libc::SYS_select,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// No program that serves a disk makes these, by no mistake either: ending is better than going on.
const DEADLY: &[c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_bpf,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
];

/// What a front end needs more.
fn of_front(front: Front) -> &'static [c_long] {
    match front {
        // Control commands have a ring of their own, for each thread that gives one.
        Front::Ublk => &[libc::SYS_io_uring_setup],
        Front::Auto | Front::Fuse | Front::Nbd | Front::VhostUserBlk => &[],
    }
}

/// Confines every thread.
pub(super) fn confine(front: Front) -> Result<(), String> {
    let tell = |e: &dyn std::fmt::Display| e.to_string();
    // The last one forbids installing more.
    for filter in filters(front).map_err(|e| tell(&e))? {
        apply_filter_all_threads(&filter).map_err(|e| tell(&e))?;
    }
    Ok(())
}

/// Whether the kernel has it and this program knows the processor.
pub(super) fn available() -> Result<(), String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if !status.lines().any(|line| line.starts_with("Seccomp:")) {
        return Err("seccomp: this kernel has none".into());
    }
    filters(Front::Fuse).map(drop).map_err(|e| format!("seccomp: {e}"))
}

/// The filters in the order of their installation. The kernel takes the sternest answer of all.
fn filters(front: Front) -> Result<[BpfProgram; 3], seccompiler::BackendError> {
    let deadly = DEADLY.iter().map(|&call| (call, vec![])).collect();
    let no_clone3 = BTreeMap::from([(libc::SYS_clone3, vec![])]);
    Ok([
        program(deadly, SeccompAction::Allow, SeccompAction::KillProcess)?,
        // Its flags are in memory, where no filter can look. With ENOSYS the C library takes clone(2).
        program(no_clone3, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?,
        program(allowed(front)?, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?,
    ])
}

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

fn allowed(front: Front) -> Result<Rules, seccompiler::BackendError> {
    let whole = [DATA, FILES, SOCKETS, WAITING, PROCESS, OLDER, of_front(front)];
    let mut rules: Rules = whole.concat().into_iter().map(|call| (call, vec![])).collect();
    // Threads, not processes; memory, not code; sockets of this machine; who is alive, not an end to it;
    // its own limits.
    let thread = libc::CLONE_THREAD as u64;
    let code = libc::PROT_EXEC as u64;
    for (call, argument, mask, value) in [
        (libc::SYS_clone, 0, Some(thread), thread),
        (libc::SYS_mmap, 2, Some(code), 0),
        (libc::SYS_mprotect, 2, Some(code), 0),
        (libc::SYS_socket, 0, None, libc::AF_UNIX as u64),
        (libc::SYS_socketpair, 0, None, libc::AF_UNIX as u64),
        (libc::SYS_kill, 1, None, 0),
        (libc::SYS_prlimit64, 0, None, 0),
    ] {
        let compare = mask.map_or(SeccompCmpOp::Eq, SeccompCmpOp::MaskedEq);
        let width = SeccompCmpArgLen::Dword;
        let condition = SeccompCondition::new(argument, width, compare, value)?;
        rules.insert(call, vec![SeccompRule::new(vec![condition])?]);
    }
    Ok(rules)
}

fn program(
    rules: Rules,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, otherwise, matched, arch)?.try_into()
}
