//! Names of the experiments, their scenarios and backends, after the report's tables and figures.

/// Experiment 1 and Table 1: the cost of a switch. Scenarios [`IDLE_IDLE`] and [`BUSY_IDLE`].
pub const EXP1: &str = "exp1";
/// Figure 3: STREAM in one guest. Scenario [`ONE_GUEST`].
pub const FIG3: &str = "fig3";
/// Figure 4: STREAM in two guests that nobody gates. Scenario [`TWO_GUESTS`].
pub const FIG4: &str = "fig4";
/// Figure 5: guest 1 is held, then runs alone. Scenario [`ONE_SHOT`].
pub const FIG5: &str = "fig5";
/// Figures 6 and 7, which show the same measurement: slices of several lengths. Scenario
/// [`ALTERNATE`]; [`super::Series::x`] is the slice in ms.
pub const FIG6: &str = "fig6";
/// Figure 8: the stress payload. Scenarios [`ONE_GUEST`], [`TWO_GUESTS`], [`ONE_SHOT`].
pub const FIG8: &str = "fig8";
/// The report's last experiment, which has no figure: Dhrystone. Scenario [`ONE_SHOT`].
pub const DHRYSTONE: &str = "dhrystone";
/// The longest time a guest does not run. Scenarios [`ONE_GUEST`], [`TWO_GUESTS`], [`ALTERNATE`].
pub const GAP: &str = "gap";
/// The guest's clock against the host's.
pub const SKEW: &str = "skew";

/// The proposal's Table 2: the same work on the metal and in a virtual machine. Scenarios [`UNPINNED`]
/// and [`PINNED`]; the n-th runs of all of them belong together.
pub const PENALTY: &str = "penalty";

/// Two guests that do nothing.
pub const IDLE_IDLE: &str = "idle-idle";
/// One guest computes factorials, the other does nothing.
pub const BUSY_IDLE: &str = "busy-idle";
/// One guest alone.
pub const ONE_GUEST: &str = "one-guest";
/// Two guests, shared out by the kernel alone.
pub const TWO_GUESTS: &str = "two-guests";
/// Guest 1 is held for a while; then guest 2 is held for good.
pub const ONE_SHOT: &str = "one-shot";
/// Each guest has its slice in turn.
pub const ALTERNATE: &str = "alternate";

/// One guest, on whichever CPU the kernel gives it.
pub const UNPINNED: &str = "unpinned";
/// One guest, kept to one CPU.
pub const PINNED: &str = "pinned";

/// Stopped and continued processes.
pub const NATIVE: &str = "native";
/// Bare payloads on /dev/kvm.
pub const KVM: &str = "kvm";
/// Linux guests on /dev/kvm.
pub const KVM_LINUX: &str = "kvm-linux";
/// The report's own hypervisor.
pub const LGUEST: &str = "lguest";
