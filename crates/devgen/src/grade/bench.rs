//! A card that a check plays, with the student's driver on it.
//!
//! Whoever waits for something plays the card meanwhile ([`Bench::until`]); nobody else does. So a check
//! that does nothing has a card that does nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use vcd_drm::play::{KernelMachine, Machine, Player};
use vcd_drm::shim::{Card, Events};
use vgpu_card::Layout;

use super::kernel;
use super::program::{Program, soon};
use super::sheet::Stop;

/// The processor of the check and of the driver's interrupts.
pub const OWN_CPU: usize = 1;
/// That of the program which is disturbed.
pub const OTHER_CPU: usize = 0;

/// From a look at the card to the next.
const PAUSE: Duration = Duration::from_millis(1);
/// Longer than from a vertical blank to the next.
const BLANK: Duration = Duration::from_millis(40);

/// Where the module that holds calls is told.
const HOLD: &str = "/sys/module/vgpu_hold/parameters";

/// What was made for the lab, in `job.json` of its folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The student's module.
    pub module: String,
    /// Modules to be loaded before: files in the folder, or names.
    pub modules: Vec<String>,
}

/// What checks work with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The folder.
    pub folder: PathBuf,
    /// What is in it.
    pub job: Job,
    /// The semester's card.
    pub card: regmap::Card,
}

impl Setup {
    /// Reads a folder.
    ///
    /// # Errors
    /// What is missing or wrong in it.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let job = folder.join("job.json");
        let text = fs::read_to_string(&job).map_err(|error| {
            anyhow::anyhow!("{}: {error}; devgen grade makes it", job.display())
        })?;
        let job = serde_json::from_str(&text)
            .map_err(|error| anyhow::anyhow!("{}: {error}", job.display()))?;
        let card = crate::source::any(&folder.join(crate::folder::CARD))?;
        Ok(Self { folder: folder.to_owned(), job, card })
    }

    /// Loads a module: a file of the folder, or the system's.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn load(&self, module: &str) -> Result<(), Stop> {
        run(&mut self.loader(module))
    }

    fn loader(&self, module: &str) -> Command {
        let file = self.folder.join(format!("{module}.ko"));
        let mut command = Command::new(if file.is_file() { "insmod" } else { "modprobe" });
        if file.is_file() {
            command.arg(file)
        } else {
            command.arg(module)
        };
        command
    }

    /// Begins to load the student's, while the card is there and has to be played.
    ///
    /// # Errors
    /// There is no program that loads modules.
    pub fn start_loading(&self) -> Result<Child, Stop> {
        Ok(self.loader(&self.job.module).spawn()?)
    }

    /// Loads the student's.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn load_driver(&self) -> Result<(), Stop> {
        self.load(&self.job.module)
    }

    /// Unloads the student's.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn unload_driver(&self) -> Result<(), Stop> {
        run(Command::new("rmmod").arg(&self.job.module))
    }

    /// Whether the student's is loaded.
    pub fn is_loaded(&self) -> bool {
        Path::new("/sys/module").join(&self.job.module).exists()
    }
}

fn run(command: &mut Command) -> Result<(), Stop> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let program = command.get_program().to_string_lossy().into_owned();
    Err(Stop(if said.is_empty() { format!("{program}: {}", output.status) } else { said }))
}

/// A card, played.
#[derive(Debug)]
pub struct Bench {
    setup: Setup,
    /// Of the card in the machine; not always the semester's.
    pub card: regmap::Card,
    player: Player<KernelMachine>,
    began: Instant,
    jumped: Duration,
    pages: u32,
    /// The card does nothing: it is slow.
    pub idle: bool,
    /// Vertical blanks come by themselves.
    pub blanks: bool,
    /// The card interrupts more often than it has to.
    pub noisy: bool,
}

impl Bench {
    /// Plugs a card in. The modules are loaded.
    ///
    /// # Errors
    /// It cannot be made or plugged in.
    pub fn plug(setup: &Setup, card: &regmap::Card) -> Result<Self, Stop> {
        let layout = Layout::bind(card)?;
        // Where interrupts that are asked for from now on will come to.
        fs::write("/proc/irq/default_smp_affinity", format!("{:x}", 1 << OWN_CPU))?;
        let machine = KernelMachine::new(&layout)?;
        let mut player = Player::new(layout, machine);
        player.machine().card().plug()?;
        let (setup, card) = (setup.clone(), card.clone());
        let bench = Self {
            setup,
            card,
            player,
            began: Instant::now(),
            jumped: Duration::ZERO,
            pages: u32::MAX,
            idle: false,
            blanks: false,
            noisy: false,
        };
        bench.sit_on(OWN_CPU)?;
        Ok(bench)
    }

    /// Loads the driver, plugs the semester's card in, and waits for them to be bound.
    ///
    /// # Errors
    /// They are not.
    pub fn driven(setup: &Setup) -> Result<Self, Stop> {
        setup.load_driver()?;
        let mut bench = Self::plug(setup, &setup.card)?;
        bench.wait_bound()?;
        Ok(bench)
    }

    /// Waits for the driver to be bound.
    ///
    /// # Errors
    /// It is not.
    pub fn wait_bound(&mut self) -> Result<String, Stop> {
        self.until("no driver is bound to the card", soon(), |bench| {
            let bound = bench.shim().status().is_ok_and(|status| status.bound());
            kernel::driver_of(&bench.address()).filter(|_| bound)
        })
    }

    /// Waits for no driver to be bound.
    ///
    /// # Errors
    /// One is.
    pub fn wait_unbound(&mut self) -> Result<(), Stop> {
        self.until("the driver is still bound to the card", soon(), |bench| {
            (!bench.shim().status().is_ok_and(|status| status.bound())).then_some(())
        })
    }

    /// The driver's device node.
    ///
    /// # Errors
    /// There is none.
    pub fn node(&mut self) -> Result<PathBuf, Stop> {
        let address = self.address();
        self.until("the driver has made no device node", soon(), |_| {
            kernel::node(&address).filter(|node| node.exists())
        })
    }

    /// A program with the device open.
    ///
    /// # Errors
    /// There is no device, or it cannot be opened.
    pub fn open(&mut self, cpu: usize) -> Result<Program, Stop> {
        let node = self.node()?;
        Program::start(self, Some(&node), cpu)
    }

    /// The program's file.
    pub fn program(&self) -> PathBuf {
        self.setup.folder.join("program")
    }

    /// Where the card is.
    pub fn address(&mut self) -> String {
        self.shim().address().to_string()
    }

    /// The card as the kernel module has it.
    pub fn shim(&mut self) -> &Card {
        self.player.machine().card()
    }

    /// Its memory.
    pub fn memory(&mut self) -> &mut [u32] {
        self.player.machine().parts().memory
    }

    /// Whether it is in graphics.
    pub fn in_graphics(&self) -> bool {
        self.player.card().display().is_some()
    }

    /// A register, by its id; 0 if the card has it not.
    pub fn read(&mut self, id: &str) -> u32 {
        let offset = self.card.register(id).map(|register| register.offset);
        offset.map_or(0, |offset| self.player.machine().parts().registers.read(offset))
    }

    /// A bit of a register.
    pub fn bit(&mut self, id: &str, field: &str) -> bool {
        let register = self.card.register(id);
        let mask = register.and_then(|register| register.field(field)).map_or(0, |one| one.mask());
        self.read(id) & mask != 0
    }

    /// Waits for something, playing the card.
    ///
    /// # Errors
    /// It does not come; `what` says what is wrong then.
    pub fn until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut done: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<T, Stop> {
        let end = Instant::now() + limit;
        loop {
            self.step()?;
            if let Some(done) = done(self) {
                return Ok(done);
            }
            if Instant::now() > end {
                return Err(Stop(format!("{what}, for {} s", limit.as_secs_f32())));
            }
        }
    }

    /// Plays the card for a time.
    ///
    /// # Errors
    /// The kernel module's.
    pub fn play(&mut self, time: Duration) -> Result<(), Stop> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.step()?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Stop> {
        self.arm()?;
        self.player.machine().settle()?;
        let more = if self.idle { false } else { self.turn()? };
        if self.blanks {
            let now = self.now();
            self.player.tick(now);
        }
        if self.noisy {
            self.nudge()?;
        }
        self.shim().wait(Some(if more { Duration::ZERO } else { PAUSE }))?;
        Ok(())
    }

    /// From here on, the driver's next write to a register is trapped.
    ///
    /// # Errors
    /// The kernel module's.
    pub fn arm(&mut self) -> Result<(), Stop> {
        let armed = self.shim().arm(Events::DRIVER | Events::CONFIG)?;
        self.pages |= armed.pages;
        Ok(())
    }

    /// Has the card look at its registers and carry out commands, once. Interrupts are delivered when this
    /// returns.
    ///
    /// # Errors
    /// The kernel module's.
    pub fn turn(&mut self) -> Result<bool, Stop> {
        let more = self.player.turn(std::mem::take(&mut self.pages));
        self.player.machine().settle()?;
        self.player.take_faults();
        Ok(more)
    }

    /// As [`Bench::turn`], also while nobody may be interrupted to see what was written.
    ///
    /// # Errors
    /// The kernel module's.
    pub fn turn_blindly(&mut self) -> Result<(), Stop> {
        self.pages = u32::MAX;
        while self.turn()? {}
        Ok(())
    }

    fn now(&self) -> Duration {
        self.began.elapsed() + self.jumped
    }

    /// A vertical blank, now.
    ///
    /// # Errors
    /// The kernel module's.
    pub fn blank(&mut self) -> Result<(), Stop> {
        let now = self.now();
        self.player.tick(now);
        self.jumped += BLANK;
        self.player.tick(now + BLANK);
        Ok(self.player.machine().settle()?)
    }

    /// Whether the driver uses messages, and not the pin.
    pub fn has_messages(&mut self) -> bool {
        self.shim().status().is_ok_and(|status| status.msi_vectors() > 0)
    }

    /// An interrupt for nothing.
    ///
    /// # Errors
    /// The kernel module's.
    pub fn nudge(&mut self) -> Result<(), Stop> {
        let messages = self.has_messages();
        let card = self.player.machine().card();
        if messages {
            card.send_msi(0)?;
        }
        Ok(())
    }

    /// Goes to a processor, and so do the interrupts of the pin. Messages stay where they were when the
    /// driver asked for them, on [`OWN_CPU`].
    ///
    /// # Errors
    /// There is no such processor.
    pub fn sit_on(&self, cpu: usize) -> Result<(), Stop> {
        let mut cpus = rustix::thread::CpuSet::new();
        cpus.set(cpu);
        Ok(rustix::thread::sched_setaffinity(None, &cpus)?)
    }

    /// Before a program is told something that will be held: whatever was held is forgotten.
    pub fn expect_held(&self) {
        // Where that module is not there, nothing is held, which the check tells.
        let _ = fs::write(Path::new(HOLD).join("held"), "0");
    }

    /// Waits, without touching anything, for a program's call to be held; false if it is not.
    pub fn wait_held(&self) -> bool {
        let end = Instant::now() + Duration::from_millis(500);
        while Instant::now() < end {
            match kernel::text(Path::new(HOLD).join("held")).as_deref() {
                Some("1") => return true,
                Some("2") => return false,
                _ => {}
            }
        }
        false
    }

    /// Lets it go on; whether it was still held.
    pub fn let_go(&self) -> bool {
        let held = kernel::text(Path::new(HOLD).join("held")).as_deref() == Some("1");
        let _ = fs::write(Path::new(HOLD).join("place"), "0");
        held && fs::write(Path::new(HOLD).join("go"), "1").is_ok()
    }

    /// The file by which a driver is told to leave the card.
    pub fn unbind_file(&mut self) -> PathBuf {
        kernel::device(&self.address()).join("driver/unbind")
    }
}
