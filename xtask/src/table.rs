//! Plain-text tables for people, and the same as Markdown.

/// Columns padded to their widest cell, two spaces between them, no trailing white space.
pub fn plain(header: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell));
            cells.chain([width(header[column])]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &[&str]| {
        let mut text = String::new();
        for (cell, width_wanted) in cells.iter().zip(&widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width_wanted.saturating_sub(width(cell)) + 2));
        }
        format!("{}\n", text.trim_end())
    };
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = line(header);
    text.push_str(&line(&rules.iter().map(String::as_str).collect::<Vec<_>>()));
    for row in rows {
        text.push_str(&line(&row.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    text
}

/// A Markdown table; a `|` in a cell is escaped.
pub fn markdown(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!("| {} |\n|{}\n", header.join(" | "), " --- |".repeat(header.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["a".into(), "1".into()], vec!["longer".into(), "22".into()]];
        let text = plain(&["name", "n"], &rows);
        assert_eq!(text, "name    n\n------  --\na       1\nlonger  22\n");
    }

    #[test]
    fn markdown_escapes_bars() {
        let text = markdown(&["a"], &[vec!["x|y".into()]]);
        assert_eq!(text, "| a |\n| --- |\n| x\\|y |\n");
    }
}
