//! `vcd stats`.

use anyhow::Result;
use serde_json::Value;

use super::cli::StatsArgs;
use super::shot::ask;
use crate::daemon::Request;

pub(super) fn run(args: &StatsArgs) -> Result<()> {
    let stats = ask(&args.which, Request::Stats)?;
    if args.json {
        println!("{stats}");
    } else {
        print!("{}", table(&stats, 0));
    }
    Ok(())
}

/// A value as people read it: names in a column, what belongs together indented.
fn table(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let named = |name: &str, value: &Value| match value {
        Value::Object(_) => format!("{indent}{name}\n{}", table(value, depth + 1)),
        Value::Array(all) => {
            let rows = all.iter().map(|one| table(one, depth + 1)).collect::<Vec<_>>();
            format!("{indent}{name}\n{}", rows.join("\n"))
        }
        Value::String(text) => format!("{indent}{name:<22}{text}\n"),
        Value::Null => String::new(),
        other => format!("{indent}{name:<22}{other}\n"),
    };
    match value {
        Value::Object(all) => {
            all.iter().map(|(name, one)| named(&name.replace('_', " "), one)).collect()
        }
        other => format!("{indent}{other}\n"),
    }
}
