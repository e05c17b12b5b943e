//! QEMU's command line: what every guest gets, and all of it for a root image.

use std::path::Path;
use std::process::Command;

use super::kernel::Kernel;
use super::place::{Place, RunFolder};
use super::{Accel, LabRun};

/// A full log, an end instead of a hang after an oops, and patience: an emulated processor of a busy
/// machine stands still at times. A kernel that took its clock for unstable then would patch its code
/// all over, and the emulator now and then executes what was there before.
pub fn kernel_arguments() -> [&'static str; 6] {
    [
        "loglevel=7",
        "oops=panic",
        "panic=-1",
        "watchdog_thresh=60",
        "rcupdate.rcu_cpu_stall_timeout=180",
        "tsc=reliable",
    ]
}

/// What every guest gets: ports for the command's output, the scratch disk, the user's own.
pub fn common_arguments(folder: &RunFolder, run: &LabRun, disk: Option<&Path>) -> Vec<String> {
    let mut arguments: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|word| (*word).to_owned()));
    match run.accel {
        Accel::Emulated => add(&["-accel", "tcg,thread=multi"]),
        // 4 ns each; while all processors are idle, as the real clock.
        Accel::Counted => {
            add(&["-accel", "tcg,thread=single", "-icount", "shift=2,align=off,sleep=on"]);
        }
        Accel::Kvm => {}
    }
    if !run.command.is_empty() {
        add(&["-device", "virtio-serial-pci,id=labports"]);
        for (port, file) in [("labout", folder.stdout()), ("laberr", folder.stderr())] {
            add(&["-chardev", &format!("file,id={port},path={}", option_value(&file))]);
            add(&["-device", &format!("virtserialport,bus=labports.0,name={port},chardev={port}")]);
        }
    }
    if let Some(disk) = disk {
        let drive =
            "if=none,id=labdisk,format=raw,cache=unsafe,discard=unmap,detect-zeroes=unmap,file=";
        add(&["-drive", &format!("{drive}{}", option_value(disk))]);
        add(&["-device", "virtio-blk-pci,drive=labdisk,serial=lab-scratch"]);
    }
    add(&run.qemu.iter().map(String::as_str).collect::<Vec<_>>());
    arguments
}

/// The command that boots a root image. The image is not changed: what the guest writes to it lives
/// as long as QEMU does, over reboots of the guest.
pub fn boot_image(
    place: &Place,
    folder: &RunFolder,
    kernel: &Kernel,
    run: &LabRun,
    image: &Path,
    disk: Option<&Path>,
) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
    let kvm = run.accel == Accel::Kvm;
    command.args(["-machine", if kvm { "q35,accel=kvm" } else { "q35" }]);
    command.args(["-cpu", if kvm { "host" } else { "max" }]);
    command.args(["-m", &format!("{}M", run.memory_mib), "-smp", &run.cpus.to_string()]);
    command.args(["-nodefaults", "-no-user-config", "-display", "none"]);
    // Standard error is a pipe to us; QEMU's own messages go there too.
    command.args([
        "-chardev",
        "file,id=console,path=/proc/self/fd/2",
        "-serial",
        "chardev:console",
    ]);
    command.arg("-kernel").arg(kernel.image());
    command.arg("-initrd").arg(folder.initramfs());
    let arguments = kernel_arguments().join(" ");
    command.args(["-append", &format!("console=ttyS0,115200 {arguments} systemd.firstboot=off")]);
    let drive = "if=none,id=labroot,format=raw,snapshot=on,cache=unsafe,file=";
    command.args(["-drive", &format!("{drive}{}", option_value(image))]);
    command.args(["-device", "virtio-blk-pci,drive=labroot,serial=lab-root"]);
    for (tag, path, read_only) in [
        ("labmodules", kernel.modules().as_path(), true),
        ("labtree", &place.workspace, true),
        ("labtarget", &place.target, true),
        ("labrun", folder.path(), false),
    ] {
        let read_only = if read_only { ",readonly=on" } else { "" };
        let path = option_value(path);
        command.arg("-fsdev").arg(format!(
            "local,id={tag},path={path},security_model=none,multidevs=remap{read_only}"
        ));
        command.args(["-device", &format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}")]);
    }
    command.args(common_arguments(folder, run, disk));
    // For what the guest writes to the root.
    command.env("TMPDIR", folder.temporary());
    command
}

/// A path as the value of one of QEMU's options.
fn option_value(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_paths_do_not_end_the_option() {
        assert_eq!(option_value(Path::new("/a,b/c")), "/a,,b/c");
    }
}
