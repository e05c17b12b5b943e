//! The few SVG elements in use, and the escaping of text.

use std::fmt::Write as _;

use crate::figure::Color;

/// An SVG document being written.
pub(crate) struct Svg {
    out: String,
}

/// Where text hangs on its point.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// Opens the document.
    pub(crate) fn new(width: f64, height: f64, families: &str, label: &str) -> Self {
        let mut out = String::new();
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{}\" role=\"img\" aria-label=\"{}\">",
            escape(families),
            escape(label),
        );
        Self { out }
    }

    /// Closes the document.
    pub(crate) fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }

    /// Writes an element as it stands. `markup` must be well-formed and must hold no foreign text.
    pub(crate) fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
        self.out.push('\n');
    }

    /// A filled rectangle.
    pub(crate) fn rect(&mut self, (x, y): (f64, f64), (w, h): (f64, f64), attributes: &str) {
        let (x, y, w, h) = (px(x), px(y), px(w.max(0.0)), px(h.max(0.0)));
        let _ = writeln!(
            self.out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" {attributes}/>"
        );
    }

    /// A straight line.
    pub(crate) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), attributes: &str) {
        let (x1, y1, x2, y2) = (px(x1), px(y1), px(x2), px(y2));
        let _ = writeln!(
            self.out,
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" {attributes}/>"
        );
    }

    /// A dot; colour and opacity come from the group around it.
    pub(crate) fn dot(&mut self, (x, y): (f64, f64), radius: f64) {
        let _ = writeln!(self.out, "<circle cx=\"{}\" cy=\"{}\" r=\"{radius}\"/>", px(x), px(y));
    }

    /// Open or closed path through `corners`; each inner list is a stretch without gaps.
    pub(crate) fn path(&mut self, stretches: &[Vec<(f64, f64)>], closed: bool, attributes: &str) {
        let mut d = String::new();
        for stretch in stretches {
            for (i, &(x, y)) in stretch.iter().enumerate() {
                let _ = write!(d, "{}{} {}", if i == 0 { 'M' } else { 'L' }, px(x), px(y));
            }
            if closed && !stretch.is_empty() {
                d.push('Z');
            }
        }
        if !d.is_empty() {
            let _ = writeln!(self.out, "<path d=\"{d}\" {attributes}/>");
        }
    }

    /// Text with its base line at (x, y).
    pub(crate) fn text(
        &mut self,
        (x, y): (f64, f64),
        size: f64,
        color: Color,
        anchor: Anchor,
        text: &str,
    ) {
        self.turned_text((x, y), size, color, anchor, text, 0.0);
    }

    /// Text turned by `degrees` around its point.
    pub(crate) fn turned_text(
        &mut self,
        (x, y): (f64, f64),
        size: f64,
        color: Color,
        anchor: Anchor,
        text: &str,
        degrees: f64,
    ) {
        if text.is_empty() {
            return;
        }
        let (x, y) = (px(x), px(y));
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let turn = if degrees == 0.0 {
            String::new()
        } else {
            format!(" transform=\"rotate({degrees} {x} {y})\"")
        };
        let _ = writeln!(
            self.out,
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{}\" text-anchor=\"{anchor}\"{turn}>{}</text>",
            hex(color),
            escape(text),
        );
    }
}

/// `#rrggbb`.
pub(crate) fn hex(Color(r, g, b): Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A coordinate to the tenth of a pixel, without a useless ".0".
fn px(v: f64) -> String {
    let tenths = (v * 10.0).round();
    if tenths % 10.0 == 0.0 {
        // + 0.0 turns a negative zero into a plain one.
        format!("{:.0}", tenths / 10.0 + 0.0)
    } else {
        format!("{:.1}", tenths / 10.0)
    }
}

/// Makes any text safe inside an element or a quoted attribute. Characters XML forbids become U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\r' | '\t' => out.push(' '),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short() {
        assert_eq!(px(3.0), "3");
        assert_eq!(px(3.12), "3.1");
        assert_eq!(px(-0.01), "0");
    }

    #[test]
    fn foreign_text_cannot_leave_its_element() {
        assert_eq!(escape("a<b>&\"c\"\u{1}\n"), "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd} ");
    }
}
