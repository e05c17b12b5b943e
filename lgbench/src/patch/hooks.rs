//! What goes where, and whether it did.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::Finding;
use super::source::{Function, Source};

/// Where guests run, and where lguest begins and ends.
pub const CORE: &str = "drivers/lguest/core.c";

/// Where a guest begins and ends.
pub const USER: &str = "drivers/lguest/lguest_user.c";

/// What the hooks' names begin with.
const PREFIX: &str = "lgb_";

/// The header of the hooks.
const HEADER: &str = "lgbench.h";

/// The header behind which it is included.
const BEHIND: &str = "lg.h";

/// What to do when a place is not as it has to be.
pub(super) const HELP: &str = "use the file of a stock kernel";

/// A place for hooks.
#[derive(Debug)]
pub struct Hook {
    /// What it is called in messages.
    pub name: &'static str,
    file: &'static str,
    function: &'static str,
    /// What the function has once.
    thing: &'static str,
    /// That, with how much of what is around it.
    once: &'static str,
    around: &'static str,
    /// The same with the hook in it.
    patched: &'static str,
    /// Lines that are added.
    lines: &'static [&'static str],
}

/// All places, in the order of the files.
pub const HOOKS: &[Hook] = &[
    Hook {
        name: "gate",
        file: CORE,
        function: "run_guest",
        thing: "test of cpu->halted to put the gate before",
        once: "if (cpu->halted)",
        around: "if (cpu->halted) {",
        patched: "if (lgb_gate(cpu->lg)) continue; if (cpu->halted) {",
        lines: &["if (lgb_gate(cpu->lg))", "continue;"],
    },
    Hook {
        name: "stamps",
        file: CORE,
        function: "run_guest",
        thing: "call of lguest_arch_run_guest(cpu), interrupts off just before and on just after, to time",
        once: "lguest_arch_run_guest(",
        around: "local_irq_disable(); lguest_arch_run_guest(cpu); local_irq_enable();",
        patched: "local_irq_disable(); if (lgb_enter(cpu->lg)) { local_irq_enable(); continue; } \
                  lguest_arch_run_guest(cpu); lgb_leave(cpu->lg); local_irq_enable();",
        lines: &[
            "if (lgb_enter(cpu->lg)) {",
            "local_irq_enable();",
            "continue;",
            "}",
            "lgb_leave(cpu->lg);",
        ],
    },
    Hook {
        name: "init",
        file: CORE,
        function: "init",
        thing: "\"err = map_switcher(); if (err) goto out;\" to begin before",
        once: "map_switcher(",
        around: "err = map_switcher(); if (err) goto out;",
        patched: "err = lgb_init(); if (err) goto out; err = map_switcher(); if (err) goto out;",
        lines: &["err = lgb_init();", "if (err)", "goto out;"],
    },
    Hook {
        name: "show",
        file: CORE,
        function: "init",
        thing: "call of lguest_arch_host_init(), and success after it, to show the device between",
        once: "lguest_arch_host_init(",
        around: "lguest_arch_host_init(); return 0;",
        patched: "lguest_arch_host_init(); lgb_show(); return 0;",
        lines: &["lgb_show();"],
    },
    Hook {
        name: "undo",
        file: CORE,
        function: "init",
        thing: "\"out: return err;\" to end at when it fails",
        once: "out:",
        around: "out: return err;",
        patched: "out: lgb_exit(); return err;",
        lines: &["lgb_exit();"],
    },
    Hook {
        name: "exit",
        file: CORE,
        function: "fini",
        thing: "call of lguest_arch_host_fini() to end after",
        once: "lguest_arch_host_fini(",
        around: "lguest_arch_host_fini();",
        patched: "lguest_arch_host_fini(); lgb_exit();",
        lines: &["lgb_exit();"],
    },
    Hook {
        name: "add",
        file: USER,
        function: "initialize",
        thing: "\"file->private_data = lg;\" to add the guest after",
        once: "file->private_data = ",
        around: "file->private_data = lg;",
        patched: "file->private_data = lg; lgb_add(lg);",
        lines: &["lgb_add(lg);"],
    },
    Hook {
        name: "del",
        file: USER,
        function: "close",
        thing: "\"mutex_lock(&lguest_lock);\" to delete the guest after",
        once: "mutex_lock(",
        around: "mutex_lock(&lguest_lock);",
        patched: "mutex_lock(&lguest_lock); lgb_del(lg);",
        lines: &["lgb_del(lg);"],
    },
];

/// A hook that is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Which one.
    pub hook: String,
    /// Within the tree.
    pub file: String,
    /// From 1, of its first line.
    pub line: usize,
    /// None for the header.
    pub function: Option<String>,
}

impl fmt::Display for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format!("{}:{}", self.file, self.line);
        write!(f, "{:<7} {place:<35}", self.hook)?;
        match &self.function {
            Some(function) => write!(f, " {function}()"),
            None => write!(f, " includes {HEADER}"),
        }
    }
}

fn of(file: &str) -> impl Iterator<Item = &'static Hook> {
    HOOKS.iter().filter(move |hook| hook.file == file)
}

/// The function of a hook, or what is wrong with it.
fn function(source: &Source, hook: &Hook) -> Result<Function, Finding> {
    let mut found = source.functions(hook.function).into_iter();
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => {
            let what = format!("there is no function {}()", hook.function);
            let what = format!("{what} for the hook {}; {HELP}", hook.name);
            Err(Finding::in_file(&source.file, what))
        }
        (Some(_), Some(second)) => {
            let what = format!("a second function {}(); {HELP}", hook.function);
            Err(Finding::at(&source.file, second.line, what))
        }
    }
}

/// What stands against hooks in a file that has none.
pub fn obstacles(source: &Source) -> Vec<Finding> {
    let file = &source.file;
    if let Some((line, word)) = source.words_with(PREFIX).first() {
        let what = format!("{word} is here, and lgbench has not put it in; take it out first");
        return vec![Finding::at(file, *line, what)];
    }
    let mut findings = Vec::new();
    match source.includes(BEHIND)[..] {
        [_] => {}
        [] => {
            let what = format!("no #include \"{BEHIND}\" to include {HEADER} after; {HELP}");
            findings.push(Finding::in_file(file, what));
        }
        [_, second, ..] => {
            let what = format!("a second #include \"{BEHIND}\"; {HELP}");
            findings.push(Finding::at(file, second, what));
        }
    }
    if let Some(line) = source.includes(HEADER).first() {
        let what = format!("{HEADER} is included, and not by lgbench; take it out first");
        findings.push(Finding::at(file, *line, what));
    }
    for hook in of(file) {
        findings.extend(function(source, hook).and_then(|at| obstacle(source, hook, &at)).err());
    }
    // Several hooks of one function that is not there are one finding.
    findings.dedup_by(|a, b| a.what.split(" for the ").next() == b.what.split(" for the ").next());
    findings
}

fn obstacle(source: &Source, hook: &Hook, function: &Function) -> Result<(), Finding> {
    let Hook { function: name, thing, .. } = hook;
    let once = source.find(function, hook.once);
    if let Some(second) = once.get(1) {
        let what = format!("{name}() has a second {thing}; {HELP}");
        return Err(Finding::at(&source.file, *second, what));
    }
    if source.find(function, hook.around).is_empty() {
        let line = once.first().copied().unwrap_or(function.line);
        return Err(Finding::at(&source.file, line, format!("{name}() has no {thing}; {HELP}")));
    }
    Ok(())
}

/// Where the hooks are in a file that was patched, or what is wrong with it: each is there once and in its
/// place, and nothing else has changed.
///
/// # Errors
/// What is not so.
pub fn verify(original: &Source, patched: &Source) -> Result<Vec<Placed>, Vec<Finding>> {
    let file = &patched.file;
    let mut findings = Vec::new();
    let mut placed = Vec::new();
    let include = patched.includes(HEADER);
    if let [line] = include[..] {
        placed.push(Placed { hook: "header".into(), file: file.clone(), line, function: None });
    }
    let mut expected = vec![format!("#include \"{HEADER}\"")];
    for hook in of(file) {
        expected.extend(hook.lines.iter().map(|line| (*line).to_owned()));
        match function(patched, hook) {
            Err(finding) => findings.push(finding),
            Ok(function) => match patched.find(&function, hook.patched)[..] {
                [_] => placed.push(Placed {
                    hook: hook.name.to_owned(),
                    file: file.clone(),
                    line: line_of(patched, &function, hook),
                    function: Some(hook.function.to_owned()),
                }),
                _ => findings.push(Finding::at(
                    file,
                    function.line,
                    format!(
                        "the semantic patch did not put {} into {}()",
                        hook.name, hook.function
                    ),
                )),
            },
        }
    }
    if findings.is_empty() {
        findings.extend(other_changes(original, patched, expected));
    }
    if findings.is_empty() { Ok(placed) } else { Err(findings) }
}

fn line_of(patched: &Source, function: &Function, hook: &Hook) -> usize {
    let first = hook.lines.first().copied().unwrap_or_default();
    // Of two that look alike, as in no function now, the one behind what the hook stands at.
    let at = patched.find(function, hook.patched).first().copied().unwrap_or(function.line);
    patched.find(function, first).into_iter().find(|line| *line >= at).unwrap_or(at)
}

/// Something else than the lines that were expected to be added.
fn other_changes(original: &Source, patched: &Source, expected: Vec<String>) -> Option<Finding> {
    let mut missing = expected;
    let mut kept = original.lines().peekable();
    for (index, line) in patched.lines().enumerate() {
        if kept.next_if_eq(&line).is_some() {
            continue;
        }
        let text = line.trim();
        let Some(at) = missing.iter().position(|one| one == text) else {
            let what = format!("the semantic patch changed more than the hooks: {text:?}");
            return Some(Finding::at(&patched.file, index + 1, what));
        };
        missing.swap_remove(at);
    }
    if let Some(line) = kept.next() {
        let what = format!("the semantic patch took a line away: {:?}", line.trim());
        return Some(Finding::in_file(&patched.file, what));
    }
    let line = missing.first()?;
    Some(Finding::in_file(&patched.file, format!("the semantic patch did not put {line:?} in")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER_C: &str = "#include \"lg.h\"\n\
        static int initialize(struct file *file)\n{\n\tfile->private_data = lg;\n\treturn 0;\n}\n\
        static int close(struct inode *inode)\n{\n\tmutex_lock(&lguest_lock);\n\treturn 0;\n}\n";

    fn patched() -> String {
        USER_C
            .replace("lg.h\"\n", "lg.h\"\n#include \"lgbench.h\"\n")
            .replace("= lg;\n", "= lg;\n\tlgb_add(lg);\n")
            .replace("lock);\n", "lock);\n\tlgb_del(lg);\n")
    }

    fn verified(text: &str) -> Result<Vec<Placed>, String> {
        let original = Source::new(USER, USER_C.as_bytes());
        verify(&original, &Source::new(USER, text.as_bytes())).map_err(|all| all[0].to_string())
    }

    #[test]
    fn hooks_are_found_where_they_are() {
        assert_eq!(obstacles(&Source::new(USER, USER_C.as_bytes())), []);
        let placed = verified(&patched()).unwrap();
        let lines: Vec<_> = placed.iter().map(|one| (&*one.hook, one.line)).collect();
        assert_eq!(lines, [("header", 2), ("add", 6), ("del", 12)]);
    }

    #[test]
    fn whatever_else_a_patch_does_is_found() {
        let whole = patched();
        for (from, to, said) in [
            ("\tlgb_add(lg);\n", "", ":3: the semantic patch did not put add into initialize()"),
            ("#include \"lgbench.h\"\n", "", ": the semantic patch did not put \"#include"),
            (
                "\treturn 0;\n",
                "\treturn 1;\n",
                ":7: the semantic patch changed more than the hooks",
            ),
            ("\treturn 0;\n", "", ":7: the semantic patch changed more than the hooks"),
            ("lgb_del(lg);\n", "lgb_del(lg);\n\tlgb_del(lg);\n", ":13: the semantic patch changed"),
            ("close", "shut", ": there is no function close() for the hook del"),
        ] {
            let text = whole.replacen(from, to, 1);
            let wrong = verified(&text).unwrap_err();
            assert!(wrong.contains(said), "{wrong}");
        }
    }
}
