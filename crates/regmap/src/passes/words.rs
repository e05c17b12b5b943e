//! Words for names: plausible for hardware, and none for two.
//!
//! No word is one that C, C++, Rust or the kernel keeps to itself, and none is a name of the base card. In
//! C every name has a prefix, of which the kernel has none.

use crate::validate::names::is_reserved;

/// For each word of a name, others that mean as much. What everybody calls so keeps its name.
pub(super) const THESAURUS: &[(&str, &[&str])] = &[
    ("ack", &["ACKN", "SEEN", "SETTLE"]),
    ("action", &["REQUEST", "TRIGGER", "OPCODE"]),
    ("address", &["ADDR", "PTR", "FETCHPTR"]),
    ("and", &["CONJ", "MEET", "BOTH"]),
    ("bad", &["INVALID", "ILLEGAL", "WRONG"]),
    ("base", &["ORIGIN", "HEAD", "ANCHOR"]),
    ("black", &["KEY", "INK", "CARBON"]),
    ("blank", &["DARK", "SHROUD", "HIDE"]),
    ("blanking", &["DARKENING", "MASKING", "MUTING"]),
    ("blue", &["BLU", "BCH"]),
    ("buffer", &["BATCH", "PACKET", "BUNDLE"]),
    ("busy", &["OCCUPIED", "ENGAGED", "INUSE"]),
    ("card", &["ADAPTER", "CHIP", "BOARD"]),
    ("clear", &["ZEROES", "ALLOFF", "NIL"]),
    ("cmyk", &["CMYK"]),
    ("code", &["CAUSE", "REASON", "WHY"]),
    ("color", &["TINT", "HUE", "PAINT"]),
    ("command", &["CMD", "ORDER", "DIRECTIVE"]),
    ("continue", &["RESUME", "EXTEND", "FOLLOWON"]),
    ("control", &["CTL", "CTRL", "CFG"]),
    ("copy", &["BLIT", "MOVEPIX", "TRANSFER"]),
    ("count", &["LEN", "TALLY", "QTY"]),
    ("cursor", &["SPRITE", "POINTERIMG", "HWCUR"]),
    ("cyan", &["CYN", "CCH"]),
    ("d", &["DST", "DEST", "OLDPIX"]),
    ("data", &["PAYLOAD", "OPERAND", "DETAIL"]),
    ("display", &["VIEW", "SCANOUT", "OUTPUT"]),
    ("dma", &["XFER", "BUSM", "MEMRD"]),
    ("dom", &["MAJ", "LEAD", "PRIME"]),
    ("done", &["REACHED", "PASSED", "ATTAINED"]),
    ("draw", &["RENDER", "EXEC", "GO"]),
    ("dx", &["XSTEP", "HSTEP", "XINC"]),
    ("dy", &["YSTEP", "VSTEP", "YINC"]),
    ("enable", &["EN", "MASK", "ALLOW"]),
    ("enter", &["OPEN", "ACTIVATE", "SHOWON"]),
    ("equiv", &["SAMEBITS", "EQV", "XNORBITS"]),
    ("error", &["FAULT", "EXC", "FAILURE"]),
    ("features", &["CAPS", "ABILITIES", "OPTIONS"]),
    ("fence", &["MARK", "SEQNO", "CHECKPT"]),
    ("fill", &["SOLID", "BLOCKFILL", "FLOOD"]),
    ("format", &["PIXFMT", "PIXORDER", "DEPTH"]),
    ("frame", &["FIELDNO", "REFRESH", "VSCAN"]),
    ("get", &["RDPOS", "TAIL", "CONSUMED"]),
    ("graphics", &["VIDEO", "SHOWING", "PICTURE"]),
    ("green", &["GRN", "GCH"]),
    ("hash", &["DIGEST", "SIGN", "FPRINT"]),
    ("height", &["LINESV", "VEXTENT", "NROWS"]),
    ("hotspot", &["HOTPIX", "TIP", "FOCUS"]),
    ("id", &["IDENT", "MAGIC", "WHO"]),
    ("int", &["IRQ", "EVT", "NOTIFY"]),
    ("intx", &["INTX"]),
    ("invert", &["FLIPDST", "COMPL", "TOGGLE"]),
    ("inverted", &["FLIPPED", "NEGATED", "TURNED"]),
    ("layout", &["REGMAP", "SCHEME", "PLAN"]),
    ("leave", &["SHUT", "DEACTIVATE", "SHOWOFF"]),
    ("line", &["SEGMENT", "VECTOR", "STROKE"]),
    ("lines", &["SEGMENTS", "VECTORS", "STROKES"]),
    ("logic", &["ROP", "BITOP", "MIX"]),
    ("magenta", &["MAG", "MCH"]),
    ("major", &["EDITION", "GENERATION", "SERIES"]),
    ("max", &["UPPER", "LIMIT", "CEIL"]),
    ("memory", &["VRAM", "STORE", "LOCALMEM"]),
    ("min", &["LOWER", "FLOOR", "BOTTOM"]),
    ("minor", &["PATCHLEVEL", "STEPPING", "REVNO"]),
    ("mode", &["TIMING", "CRTC", "SETUP"]),
    ("msi", &["MSI"]),
    ("nand", &["NOTBOTH", "NCONJ", "NMEET"]),
    ("none", &["OKAY", "CLEAN", "NOTHING"]),
    ("noop", &["KEEP", "HOLD", "UNCHANGED"]),
    ("nop", &["PAD", "SKIP", "FILLER"]),
    ("nor", &["NEITHER", "NJOIN", "NDISJ"]),
    ("op", &["FUNC", "KIND", "SELECTOR"]),
    ("or", &["JOIN", "DISJ", "EITHER"]),
    ("outline", &["FRAMERECT", "BORDER", "HOLLOW"]),
    ("palette", &["LUT", "CLUT", "GAMMA"]),
    ("pixels", &["PIX", "DOTCOUNT", "PELS"]),
    ("point", &["DOT", "SPOT", "PLOT"]),
    ("points", &["DOTS", "SPOTS", "PLOTS"]),
    ("position", &["PLACE", "CORNER", "XY"]),
    ("primitive", &["SHAPE", "FIGURE", "OBJECT"]),
    ("put", &["WRPOS", "FRONT", "PRODUCED"]),
    ("raster", &["DRAWCFG", "PIPE", "STYLE"]),
    ("rect", &["RCT", "AREA", "QUAD"]),
    ("rectangles", &["RCTS", "AREAS", "QUADS"]),
    ("red", &["RCH", "ROT"]),
    ("reset", &["RESTART", "REINIT", "INITIALIZE"]),
    ("reverse", &["BACKWARD", "CONVERSE", "OPPOSITE"]),
    ("rgb", &["RGB"]),
    ("ring", &["QUEUE", "FIFO", "CIRC"]),
    ("row", &["SCANL", "SPAN", "STRIPE"]),
    ("rows", &["SCANLS", "SPANS", "STRIPES"]),
    ("s", &["SRC", "FROM", "NEWPIX"]),
    ("scissor", &["CLIP", "CROP", "BOUND"]),
    ("set", &["ONES", "ALLON", "FULL"]),
    ("single", &["ONESHOT", "DIRECT", "PLAIN"]),
    ("size", &["EXTENT", "DIM", "MEASURE"]),
    ("smooth", &["SHADED", "GOURAUD", "BLENDED"]),
    ("source", &["SITE", "PLACEOF", "WHENCE"]),
    ("start", &["BEGIN", "FIRST", "INIT"]),
    ("status", &["STATE", "STAT", "CONDITION"]),
    ("stop", &["HALT", "END", "QUIT"]),
    ("stride", &["PITCH", "ADVANCE", "ROWSTEP"]),
    ("sub", &["MINR", "TRAIL", "SECOND"]),
    ("sync", &["BARRIER", "RENDEZ", "FLUSHPT"]),
    ("tag", &["OPC", "TOKEN", "LABEL"]),
    ("trapezoid", &["TRAPZ", "SLAB", "WEDGE"]),
    ("trapezoids", &["TRAPZS", "SLABS", "WEDGES"]),
    ("triangle", &["TRI", "FACET", "TRIGON"]),
    ("triangles", &["TRIS", "FACETS", "TRIGONS"]),
    ("truncated", &["TORN", "SHORTAGE", "CUTOFF"]),
    ("vblank", &["VRETRACE", "VBI", "VEND"]),
    ("version", &["RELEASE", "ISSUE", "VERS"]),
    ("vertex", &["NODE", "CRNR", "VTX"]),
    ("where", &["ATPLACE", "LOCUS", "SPOTADDR"]),
    ("width", &["HEXTENT", "NCOLS", "ACROSS"]),
    ("window", &["CANVAS", "TARGET", "SURFACE"]),
    ("x", &["HPOS", "COL", "XC"]),
    ("xor", &["EXCL", "DIFFER", "SYMDIFF"]),
    ("xrgb8888", &["XRGB8888"]),
    ("y", &["VPOS", "ROWNO", "YC"]),
    ("yellow", &["YLW", "YCH"]),
];

/// Prefixes that no name of the kernel begins with.
pub(super) const PREFIXES: &[&str] = &[
    "VXR", "KTD", "QPG", "ZGA", "TVX", "GXK", "RVD", "NVG", "PXC", "LGX", "SVQ", "DXV", "WGA",
    "MVX", "KRG", "FXD", "JGC", "VQA", "XGT", "ZVC", "PLX", "GVT", "CRX", "NXG", "TGQ", "QVX",
    "DGK", "HVX", "RXG",
];

/// Whether a word may be made up: it is nobody's.
pub(super) fn is_free(word: &str) -> bool {
    let listed = THESAURUS
        .iter()
        .any(|(known, others)| known.eq_ignore_ascii_case(word) || others.contains(&word));
    !listed && !is_reserved(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_used_for_two_or_reserved() {
        let known: Vec<&str> = THESAURUS.iter().map(|(word, _)| *word).collect();
        assert!(known.is_sorted());
        let all: Vec<&str> =
            THESAURUS.iter().flat_map(|(_, others)| others.iter().copied()).collect();
        for (index, word) in all.iter().enumerate() {
            assert!(!all[..index].contains(word), "{word} is there twice");
            assert!(!is_reserved(word), "{word} is reserved");
            assert!(!word.contains('_'), "{word} would be two words");
        }
        for (word, others) in THESAURUS {
            let kept = others.len() == 1 && others[0].eq_ignore_ascii_case(word);
            assert!(kept || others.len() >= 2, "{word}");
            let base = known.iter().find(|known| {
                !kept && others.iter().any(|other| other.eq_ignore_ascii_case(known))
            });
            assert_eq!(base, None, "{word} becomes a word of the base card");
        }
        assert!(PREFIXES.iter().all(|prefix| !is_reserved(prefix)));
    }
}
