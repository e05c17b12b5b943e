//! What `cargo xtask test --only` may name: a package, or a folder of tests/.

use anyhow::{Context, Result};

use crate::workspace::Metadata;

/// The package of the end-to-end tests, in tests/.
pub(super) const END_TO_END: &str = "e2e";

/// The package whose program they run.
const PROGRAM: &str = "ublk-vpt";

/// The folder of tests/ whose tests run in the kernel lab.
pub(super) const LAB: &str = "lab";

/// The one whose tests try the module vgpu there, in a boot of their own.
pub(super) const VGPU: &str = "vgpu-kmod";

/// The one whose tests compare the card's rasteriser with another.
pub(super) const RASTER: &str = "raster";

/// The one whose tests show pictures on the lab's screens, in a boot of their own.
pub(crate) const KMS: &str = "kms";

/// The one whose tests run guests there, in a boot of their own with hardware virtualisation.
pub(crate) const SVM: &str = "lgbench-svm";

/// The one whose tests grade drivers there, in a boot of their own.
pub(super) const GRADE: &str = "grade";

/// The one whose tests try lgbench's file for the kernel there, in a boot of their own.
pub(crate) const KMOD: &str = "lgbench-kmod";

/// Those of the kernel lab, in their order: first the one that is long beside what it needs, during which
/// the programs of the others are built.
const LABS: [&str; 6] = [VGPU, LAB, GRADE, SVM, KMOD, KMS];

/// The folder whose tests look at the card's screen from outside, on this machine.
pub(super) const VCD: &str = "vcd";

/// The package whose program the tests in tests/lgbench run.
const GUESTS: &str = "lgbench";

/// The name of those tests.
pub(super) const LGBENCH: &str = "lgbench-e2e";

/// One part of the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its name.
    pub name: String,
    /// For the list.
    pub about: String,
    /// Whether its tests run the real program.
    pub end_to_end: bool,
    /// The folder of tests/, when it is one.
    pub folder: Option<String>,
}

impl Area {
    /// Arguments that select its packages. The program is built with its tests, so that one choice of
    /// features serves both and nothing is built twice.
    pub fn packages(&self) -> Vec<String> {
        let names = match self.folder.as_deref() {
            Some(VGPU | KMS | GRADE | KMOD | VCD | RASTER) => vec![END_TO_END],
            Some(LGBENCH | SVM) => vec![END_TO_END, GUESTS],
            _ if self.end_to_end => vec![END_TO_END, PROGRAM, GUESTS],
            _ => vec![&*self.name],
        };
        names.iter().flat_map(|name| ["-p".to_owned(), (*name).to_owned()]).collect()
    }

    /// The folders of tests in the kernel lab that it includes.
    pub fn labs(&self) -> Vec<&'static str> {
        let chosen = |lab: &&str| self.folder.as_deref().is_none_or(|folder| folder == *lab);
        LABS.into_iter().filter(|lab| self.end_to_end && chosen(lab)).collect()
    }

    /// Whether it includes any other tests.
    pub fn has_others(&self) -> bool {
        self.folder.as_deref().is_none_or(|folder| !LABS.contains(&folder))
    }

    /// The nextest expression for its tests, when [`Area::packages`] selects more than them.
    pub fn filter(&self) -> Option<String> {
        match &self.folder {
            Some(folder) => Some(format!("package({END_TO_END}) & binary(={folder})")),
            None => self.end_to_end.then(|| format!("package({END_TO_END})")),
        }
    }
}

/// The folders of tests in the kernel lab, when everything is to be tested.
pub fn all_labs() -> Vec<&'static str> {
    LABS.to_vec()
}

/// Every area of the workspace, packages first.
pub fn all(metadata: &Metadata) -> Vec<Area> {
    let mut areas = Vec::new();
    let mut folders = Vec::new();
    for package in &metadata.packages {
        let end_to_end = package.name == END_TO_END;
        areas.push(Area {
            name: package.name.clone(),
            about: if end_to_end { "all folders of tests/" } else { "the package's own tests" }
                .into(),
            end_to_end,
            folder: None,
        });
        let tests = package.targets.iter().filter(|target| target.kind == ["test"]);
        for test in tests.filter(|_| end_to_end) {
            let how = match &*test.name {
                LAB => "end to end, with the real program, in the kernel lab",
                VGPU => "the module vgpu and cards that are not there, in the kernel lab",
                RASTER => "the card's rasteriser beside Mesa's",
                GRADE => "the grader of students' drivers, in the kernel lab",
                KMS => "the card's screen on screens of the kernel lab",
                SVM => "the program lgbench on a KVM of the kernel lab",
                KMOD => "what lgbench has for kernels, as a module in the kernel lab",
                LGBENCH => "the program lgbench with real guests",
                VCD => "the card's screen in a browser and in a VNC client",
                _ => "end to end, with the real program",
            };
            folders.push(Area {
                name: test.name.clone(),
                about: format!("tests/{}: {how}", test.name.trim_end_matches("-e2e")),
                end_to_end,
                folder: Some(test.name.clone()),
            });
        }
    }
    areas.append(&mut folders);
    areas
}

/// The area of a name; the error lists the names there are.
pub fn find<'a>(areas: &'a [Area], name: &str) -> Result<&'a Area> {
    let found = areas.iter().find(|area| area.name == name.trim_end_matches('/'));
    found.with_context(|| {
        let names: Vec<_> = areas.iter().map(|area| area.name.as_str()).collect();
        format!("there is no test area {name:?}; there are: {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn every_package_and_every_folder_is_an_area() {
        let areas = all(&workspace::metadata().expect("metadata"));
        assert_eq!(find(&areas, "vpt-model").expect("a package").packages(), ["-p", "vpt-model"]);
        assert_eq!(find(&areas, "vpt-model").expect("a package").filter(), None);
        let cli = find(&areas, "cli").expect("a folder");
        assert_eq!(cli.packages(), ["-p", "e2e", "-p", "ublk-vpt", "-p", "lgbench"]);
        assert_eq!(cli.filter().as_deref(), Some("package(e2e) & binary(=cli)"));
        assert!(cli.has_others() && cli.labs().is_empty());
        let lab = find(&areas, LAB).expect("a folder");
        assert!(lab.labs() == [LAB] && !lab.has_others());
        let vgpu = find(&areas, VGPU).expect("a folder");
        assert!(vgpu.labs() == [VGPU] && !vgpu.has_others());
        assert_eq!(vgpu.packages(), ["-p", "e2e"], "nothing of the disks is needed");
        let raster = find(&areas, RASTER).expect("a folder");
        assert!(raster.has_others() && raster.labs().is_empty());
        assert_eq!(raster.packages(), ["-p", "e2e"]);
        let kms = find(&areas, KMS).expect("a folder");
        assert!(kms.labs() == [KMS] && !kms.has_others());
        let grade = find(&areas, GRADE).expect("a folder");
        assert!(grade.labs() == [GRADE] && !grade.has_others());
        let kmod = find(&areas, KMOD).expect("a folder");
        assert!(kmod.labs() == [KMOD] && !kmod.has_others());
        assert_eq!(kmod.packages(), ["-p", "e2e"], "the program is not needed");
        let vcd = find(&areas, VCD).expect("a folder");
        assert!(vcd.labs().is_empty() && vcd.has_others());
        let all = find(&areas, END_TO_END).expect("a package");
        assert!(all.labs() == LABS && all.has_others());
        assert!(find(&areas, "vpt-model").expect("a package").labs().is_empty());
        let error = find(&areas, "nothing").expect_err("unknown").to_string();
        assert!(error.contains("there are: ") && error.contains("xtask"), "{error}");
    }
}
