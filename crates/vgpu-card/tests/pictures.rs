//! What each command draws, as small pictures in `tests/pictures`: by registers and by a stream, which
//! must be the same.
//!
//! `UPDATE_EXPECT=1 cargo test -p vgpu-card --test pictures` writes them anew: look at them before you
//! commit them.

mod lab;

use lab::{Lab, expect_picture};
use vgpu_card::ids::{DrawPrimitive, Fld, LogicOpOp, Named, Reg};
use vgpu_card::raster::LogicOp;

/// One step of a script.
#[derive(Clone, Copy)]
enum Step {
    Set(Reg, usize, u32),
    Draw(DrawPrimitive),
}

/// Runs a script both ways, and compares.
fn show(name: &str, script: impl Fn(&Lab) -> Vec<Step>) {
    let mut by_registers = Lab::new();
    for step in script(&by_registers) {
        match step {
            Step::Set(reg, index, value) => by_registers.write_at(reg, index, value),
            Step::Draw(primitive) => by_registers.draw(primitive),
        }
    }
    let mut by_stream = Lab::new();
    let stride = by_stream.field(Fld::WindowStridePixels, lab::WIDTH);
    let mut stream = by_stream.pair(Reg::WindowStride, 0, stride).to_vec();
    for step in script(&by_stream) {
        stream.extend(match step {
            Step::Set(reg, index, value) => by_stream.pair(reg, index as u32, value),
            Step::Draw(primitive) => by_stream.pair(Reg::Draw, 0, by_stream.code(primitive)),
        });
    }
    by_stream.buffer(&stream);
    for lab in [&by_registers, &by_stream] {
        assert_eq!(lab.faults, []);
        assert!(lab.memory[(lab::WIDTH * lab::HEIGHT) as usize..].iter().all(|pixel| *pixel == 0));
        expect_picture(name, &lab.picture());
    }
}

fn color(lab: &Lab, red: i32, green: i32, blue: i32) -> Step {
    let word = [(Fld::ColorRed, red), (Fld::ColorGreen, green), (Fld::ColorBlue, blue)];
    Step::Set(Reg::Color, 0, lab.fields(word))
}

fn rect(lab: &Lab, x: i32, y: i32, width: i32, height: i32) -> [Step; 2] {
    let position = lab.fields([(Fld::RectPositionX, x), (Fld::RectPositionY, y)]);
    let size = lab.fields([(Fld::RectSizeWidth, width), (Fld::RectSizeHeight, height)]);
    [Step::Set(Reg::RectPosition, 0, position), Step::Set(Reg::RectSize, 0, size)]
}

fn fill(lab: &Lab, x: i32, y: i32, width: i32, height: i32) -> Vec<Step> {
    let mut steps = rect(lab, x, y, width, height).to_vec();
    steps.push(Step::Draw(DrawPrimitive::Fill));
    steps
}

fn scissor(lab: &Lab, left: i32, top: i32, right: i32, bottom: i32) -> [Step; 3] {
    let min = lab.fields([(Fld::ScissorMinX, left), (Fld::ScissorMinY, top)]);
    let max = lab.fields([(Fld::ScissorMaxX, right), (Fld::ScissorMaxY, bottom)]);
    [
        Step::Set(Reg::ScissorMin, 0, min),
        Step::Set(Reg::ScissorMax, 0, max),
        Step::Set(Reg::RasterMode, 0, lab.field(Fld::RasterModeScissor, 1)),
    ]
}

/// In sixteenths of a pixel.
fn vertex(index: usize, x: i32, y: i32) -> [Step; 2] {
    [Step::Set(Reg::VertexX, index, x as u32), Step::Set(Reg::VertexY, index, y as u32)]
}

fn vertex_color(lab: &Lab, index: usize, red: i32, green: i32, blue: i32) -> Step {
    let word =
        [(Fld::VertexColorRed, red), (Fld::VertexColorGreen, green), (Fld::VertexColorBlue, blue)];
    Step::Set(Reg::VertexColor, index, lab.fields(word))
}

#[test]
fn rectangles_are_filled_and_clipped() {
    show("fill", |lab| {
        let mut steps = vec![color(lab, 0xff, 0x80, 0)];
        steps.extend(fill(lab, 2, 1, 5, 3));
        steps.push(color(lab, 0, 0, 0xff));
        steps.extend(fill(lab, -3, 8, 6, 100));
        steps.push(color(lab, 0, 0xff, 0));
        steps.extend(fill(lab, 20, -1, 30, 3));
        steps.extend(fill(lab, 5, 5, 0, 7));
        // Below the window of the picture there is more of the card's memory.
        steps.extend(scissor(lab, 0, 0, 24, 12));
        let clip = steps.split_off(steps.len() - 3);
        [clip, steps].concat()
    });
}

#[test]
fn outlines_have_each_pixel_once() {
    show("outline", |lab| {
        let xor = Step::Set(Reg::LogicOp, 0, lab.code(LogicOpOp::SXorD));
        let mut steps = vec![color(lab, 0x10, 0x20, 0x30), xor];
        for (x, y, width, height) in
            [(1, 1, 8, 5), (11, 2, 1, 4), (13, 2, 4, 1), (19, 1, 2, 2), (5, 8, 1, 1), (4, 3, 9, 7)]
        {
            steps.extend(rect(lab, x, y, width, height));
            steps.push(Step::Draw(DrawPrimitive::Outline));
        }
        steps
    });
}

#[test]
fn the_scissor_keeps_what_is_outside() {
    show("scissor", |lab| {
        let mut steps = scissor(lab, 3, 2, 10, 9).to_vec();
        steps.push(color(lab, 0xff, 0xff, 0xff));
        steps.extend(fill(lab, 0, 0, 24, 12));
        steps.extend(scissor(lab, 15, 5, 15, 9)); // nothing is inside
        steps.extend(fill(lab, 0, 0, 24, 12));
        steps.extend(scissor(lab, 12, 10, 1000, 12));
        steps.extend(fill(lab, 0, 0, 24, 12));
        steps
    });
}

#[test]
fn copies_may_overlap() {
    show("copy", |lab| {
        let mut steps = Vec::new();
        for n in 0..6 {
            steps.push(color(lab, 40 * n, 10, 10));
            steps.extend(fill(lab, n, n, 1, 2));
        }
        for (from, to, size) in [
            ((0, 0), (2, 1), (6, 6)),    // down and to the right, over itself
            ((2, 1), (14, 2), (8, 8)),   // elsewhere
            ((14, 3), (13, 2), (9, 9)),  // up and to the left, over itself
            ((-2, -2), (10, 8), (6, 6)), // what is outside is not read
        ] {
            let source = lab.fields([(Fld::CopySourceX, from.0), (Fld::CopySourceY, from.1)]);
            steps.push(Step::Set(Reg::CopySource, 0, source));
            steps.extend(rect(lab, to.0, to.1, size.0, size.1));
            let clip = scissor(lab, 0, 0, 24, 12);
            steps.extend(clip);
            steps.push(Step::Draw(DrawPrimitive::Copy));
        }
        steps
    });
}

#[test]
fn points_are_where_their_vertex_is() {
    show("points", |lab| {
        let mut steps = vec![color(lab, 1, 2, 3)];
        for (x, y) in
            [(0, 0), (31, 16), (32 * 3 - 1, 5), (23 * 16 + 15, 11 * 16), (-1, 8), (77, -1)]
        {
            steps.extend(vertex(0, x, y));
            steps.push(Step::Draw(DrawPrimitive::Point));
        }
        // In its own colour if that is smooth.
        steps.push(Step::Set(Reg::RasterMode, 0, lab.field(Fld::RasterModeSmooth, 1)));
        steps.extend(vertex(0, 160, 80));
        steps.push(vertex_color(lab, 0, 9, 8, 7));
        steps.push(Step::Draw(DrawPrimitive::Point));
        steps
    });
}

#[test]
fn lines_leave_their_last_pixel_out() {
    show("lines", |lab| {
        let mut steps = vec![color(lab, 0xff, 0xff, 0)];
        let at = |pixel: i32| pixel * 16 + 8;
        for (from, to) in [
            ((1, 1), (8, 1)),
            ((1, 3), (1, 9)),
            ((3, 3), (10, 6)),
            ((12, 1), (15, 10)),
            ((22, 2), (17, 7)),
            ((5, 9), (5, 9)), // no length, no pixel
            ((20, 10), (40, 11)),
        ] {
            steps.extend(vertex(0, at(from.0), at(from.1)));
            steps.extend(vertex(1, at(to.0), at(to.1)));
            steps.push(Step::Draw(DrawPrimitive::Line));
        }
        steps
    });
}

#[test]
fn triangles_share_edges_and_no_pixel() {
    show("triangles", |lab| {
        let xor = Step::Set(Reg::LogicOp, 0, lab.code(LogicOpOp::SXorD));
        let mut steps = vec![xor];
        let fan = [(8, 8), (370, 20), (300, 180), (20, 150)];
        for (n, index) in [(1, 1), (2, 2)] {
            steps.push(color(lab, n, 0, 0));
            steps.extend(vertex(0, fan[0].0, fan[0].1));
            steps.extend(vertex(1, fan[index].0, fan[index].1));
            steps.extend(vertex(2, fan[index + 1].0, fan[index + 1].1));
            steps.push(Step::Draw(DrawPrimitive::Triangle));
        }
        steps
    });
}

#[test]
fn smooth_triangles_have_their_corners_colours() {
    let mut lab = Lab::new();
    lab.write(Reg::RasterMode, lab.field(Fld::RasterModeSmooth, 1));
    let corners = [(0, 0, 0xff), (24 * 16, 0, 0), (0, 12 * 16, 0)];
    for (index, (x, y, red)) in corners.into_iter().enumerate() {
        lab.write_at(Reg::VertexX, index, x as u32);
        lab.write_at(Reg::VertexY, index, y as u32);
        lab.write_at(Reg::VertexColor, index, lab.field(Fld::VertexColorRed, red));
    }
    lab.draw(DrawPrimitive::Triangle);
    let red = |x: usize, y: usize| lab.memory[y * lab::WIDTH as usize + x] >> 16;
    assert!(red(0, 0) > 0xe0 && red(0, 0) > red(5, 0) && red(5, 0) > red(10, 0), "{}", red(0, 0));
    assert!(red(0, 0) > red(0, 5) && red(0, 11) < 0x20);
}

fn fixed(reg: Reg, value: f64) -> Step {
    Step::Set(reg, 0, (value * 65536.0) as i32 as u32)
}

#[test]
fn trapezoids_go_on() {
    show("trapezoids", |lab| {
        let mut steps = vec![color(lab, 0, 0, 0x40)];
        steps.extend([
            fixed(Reg::StartXDom, 2.0),
            fixed(Reg::DxDom, 0.5),
            fixed(Reg::StartXSub, 2.0),
            fixed(Reg::DxSub, 3.0),
            fixed(Reg::StartY, 1.0),
            fixed(Reg::Dy, 1.0),
            Step::Set(Reg::RowCount, 0, lab.field(Fld::RowCountRows, 4)),
            Step::Draw(DrawPrimitive::Trapezoid),
            color(lab, 0, 0x40, 0),
            fixed(Reg::StartXSub, 14.0),
            fixed(Reg::DxSub, -1.5),
            Step::Set(Reg::RowCount, 0, lab.field(Fld::RowCountRows, 5)),
            Step::Draw(DrawPrimitive::ContinueSub),
        ]);
        steps
    });
}

#[test]
fn smooth_trapezoids_go_on_with_their_colours() {
    show("smooth-trapezoids", |lab| {
        let mut steps = vec![
            Step::Set(Reg::RasterMode, 0, lab.field(Fld::RasterModeSmooth, 1)),
            fixed(Reg::StartXDom, 20.0),
            fixed(Reg::StartXSub, 4.0),
            fixed(Reg::StartY, 10.0),
            fixed(Reg::Dy, -1.0),
            Step::Set(Reg::RowCount, 0, lab.field(Fld::RowCountRows, 3)),
        ];
        // Red from row to row, blue by steps of 4 columns.
        let channel =
            |reg: Reg, n: usize, value: f64| Step::Set(reg, n, (value * 65536.0) as i32 as u32);
        steps.extend([
            channel(Reg::ColorDy, 0, 16.0),
            channel(Reg::ColorDx, 2, 0.25),
            channel(Reg::ColorStart, 2, 8.0),
            Step::Draw(DrawPrimitive::Trapezoid),
            fixed(Reg::StartXSub, 8.0),
            Step::Draw(DrawPrimitive::ContinueSub),
        ]);
        steps
    });
}

#[test]
fn logical_operations_are_those_of_the_manual() {
    for (op, reference) in LogicOpOp::ALL.iter().zip(LogicOp::ALL) {
        let mut lab = Lab::new();
        let (there, drawn) = (0x00f0_aa35, 0x0033_cc53);
        lab.memory[..24].fill(there);
        lab.write(Reg::LogicOp, lab.code(*op));
        lab.write(Reg::Color, drawn);
        let size = [(Fld::RectSizeWidth, 3), (Fld::RectSizeHeight, 1)];
        lab.write(Reg::RectSize, lab.fields(size));
        lab.draw(DrawPrimitive::Fill);
        assert_eq!(lab.memory[..3], [reference.apply(drawn, there); 3], "{}", op.id());
        assert_eq!(lab.memory[3], there);
    }
}
