//! What the clock of a guest is made of, and what there may be to do beside it.

/// What a guest's clock is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Clock {
    /// The paravirtual clock: the host tells what a cycle is worth
    KvmClock,
    /// The time stamp counter
    Tsc,
    /// The interval timer's counter, and its interrupts
    Pit,
    /// Interrupts of the interval timer alone, counted
    Jiffies,
}

impl Clock {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::KvmClock, Self::Tsc, Self::Pit, Self::Jiffies];

    /// The kernel's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::KvmClock => "kvm-clock",
            Self::Tsc => "tsc",
            Self::Pit => "pit",
            Self::Jiffies => "jiffies",
        }
    }

    /// What of a kernel's command line chooses it. The interval timer is left alone only where there is
    /// neither a local timer nor a better counter, and its ticks come all the time.
    pub fn command_line(self) -> &'static str {
        match self {
            Self::KvmClock => "clocksource=kvm-clock",
            Self::Tsc => "no-kvmclock tsc=reliable clocksource=tsc",
            Self::Pit => {
                "no-kvmclock tsc=unstable nolapic possible_cpus=1 highres=off nohz=off \
                 clocksource=pit"
            }
            Self::Jiffies => {
                "no-kvmclock tsc=unstable nolapic possible_cpus=1 highres=off nohz=off \
                 clocksource=jiffies"
            }
        }
    }
}

/// What else there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Load {
    /// Nothing
    None,
    /// The guest computes
    Guest,
    /// The guest computes, and programs of the host want its CPU
    Host,
}

impl Load {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Guest, Self::Host];

    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "idle",
            Self::Guest => "busy guest",
            Self::Host => "busy host",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clock_is_asked_of_the_kernel_by_its_name() {
        for clock in Clock::ALL {
            let wanted = format!("clocksource={}", clock.name());
            assert!(clock.command_line().split(' ').any(|word| word == wanted), "{clock:?}");
        }
    }
}
