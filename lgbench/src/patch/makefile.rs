//! More objects for lguest's Makefile.

use super::error::Finding;
use super::hooks::HELP;

/// lguest's Makefile.
pub const MAKEFILE: &str = "drivers/lguest/Makefile";

/// The objects.
const OBJECTS: [&str; 2] = ["lgbench.o", "lgbench_device.o"];

/// Behind the list of lguest's objects, which the versions spell differently, a line that adds ours.
///
/// # Errors
/// When there is no such list, or an object of ours is in the Makefile already.
pub fn with_objects(text: &str) -> Result<String, Finding> {
    let mut end = None;
    let mut inside = false;
    for (index, line) in text.split('\n').enumerate() {
        if let Some(object) = line.split_whitespace().find(|word| OBJECTS.contains(word)) {
            let what =
                format!("{object} is here, and lgbench has not put it in; take it out first");
            return Err(Finding::at(MAKEFILE, index + 1, what));
        }
        inside |= is_list(line);
        if inside {
            end = Some(index);
            inside = line.ends_with('\\');
        }
    }
    let Some(end) = end else {
        let [first, _] = OBJECTS;
        let what = format!("no list \"lg-y = ...\" of objects to add {first} to; {HELP}");
        return Err(Finding::in_file(MAKEFILE, what));
    };
    let mut lines: Vec<&str> = text.split('\n').collect();
    let added = format!("lg-y += {}", OBJECTS.join(" "));
    lines.insert(end + 1, &added);
    Ok(lines.join("\n"))
}

fn is_list(line: &str) -> bool {
    line.strip_prefix("lg-y").is_some_and(|rest| {
        let rest = rest.trim_start();
        ["=", ":=", "+="].iter().any(|sign| rest.starts_with(sign))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_objects_go_behind_the_list() {
        let text = "obj-m += lg.o\nlg-y\t:= a.o \\\n\tb.o\n\nlg-$(X) += c.o\n";
        let added = "obj-m += lg.o\nlg-y\t:= a.o \\\n\tb.o\nlg-y += lgbench.o lgbench_device.o\n\nlg-$(X) += c.o\n";
        assert_eq!(with_objects(text).as_deref(), Ok(added));
        assert_eq!(with_objects(added).unwrap_err().line, Some(4));
        assert_eq!(with_objects("lg-y = a.o lgbench_device.o").unwrap_err().line, Some(1));
        assert_eq!(with_objects("lg-yes = a.o\n").unwrap_err().line, None);
        let added = "lg-y = a.o\nlg-y += lgbench.o lgbench_device.o";
        assert_eq!(with_objects("lg-y = a.o").as_deref(), Ok(added));
    }
}
