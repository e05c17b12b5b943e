//! Command buffers and the ring: what is carried out, and what a driver is told about mistakes.

mod lab;

use lab::{DMA, Lab};
use vgpu_card::ids::{
    Cmd, ControlAction, DrawPrimitive, ErrorCodeCode, ErrorCodeSource, Fld, Reg, RingControlAction,
};

/// Words of the rings used here.
const RING: u32 = 64;

/// A pixel at the window's beginning, of a colour.
fn pixel(lab: &Lab, color: u32) -> Vec<u32> {
    let size = lab.fields([(Fld::RectSizeWidth, 1), (Fld::RectSizeHeight, 1)]);
    [
        lab.pair(Reg::WindowStride, 0, lab.field(Fld::WindowStridePixels, lab::WIDTH)),
        lab.pair(Reg::RectSize, 0, size),
        lab.pair(Reg::Color, 0, color),
        lab.pair(Reg::Draw, 0, lab.code(DrawPrimitive::Fill)),
    ]
    .concat()
}

/// A lab whose ring runs, with memory for it.
fn with_ring() -> Lab {
    let mut lab = Lab::new();
    lab.driver = vec![0; RING as usize];
    lab.write(Reg::RingBase, DMA);
    lab.write(Reg::RingSize, RING);
    lab.write(Reg::RingControl, lab.code(RingControlAction::Start));
    lab.turn();
    assert_eq!((lab.read(Reg::RingControl), lab.get(Fld::StatusRing)), (0, 1));
    lab
}

/// Puts words into the ring at a position.
fn put(lab: &mut Lab, at: u32, words: &[u32]) -> u32 {
    for (position, word) in (at..).zip(words) {
        lab.driver[(position % RING) as usize] = *word;
    }
    let end = at.wrapping_add(words.len() as u32);
    lab.write(Reg::RingPut, end);
    end
}

#[test]
fn a_buffer_drains_and_is_counted() {
    let mut lab = Lab::new();
    let stream = [pixel(&lab, 0x12_3456), lab.command(Cmd::Fence, 77).to_vec()].concat();
    lab.buffer(&stream);
    assert_eq!(lab.memory[0], 0x12_3456);
    assert_eq!(lab.read(Reg::FenceDone), 77);
    assert_eq!((lab.get(Fld::IntCountBuffer), lab.get(Fld::IntCountSync)), (1, 0));
    assert_eq!(lab.faults, []);
}

#[test]
fn the_stream_s_state_stays_and_is_not_the_registers() {
    let mut lab = Lab::new();
    let stream = pixel(&lab, 0x11);
    lab.buffer(&stream);
    lab.write(Reg::Color, 0x22);
    let again = lab.pair(Reg::Draw, 0, lab.code(DrawPrimitive::Fill));
    lab.buffer(&again);
    assert_eq!(lab.memory[0], 0x11, "as the buffer before has said");
    let size = lab.fields([(Fld::RectSizeWidth, 1), (Fld::RectSizeHeight, 1)]);
    lab.write(Reg::RectSize, size);
    lab.draw(DrawPrimitive::Fill);
    assert_eq!(lab.memory[0], 0x22);
}

#[test]
fn a_long_buffer_is_read_in_pieces_and_looked_at_in_between() {
    let mut lab = Lab::new();
    let mut stream = lab.command(Cmd::Nop, 0).repeat(20_000);
    stream.extend(lab.command(Cmd::Sync, 5));
    lab.driver = stream.clone();
    lab.write(Reg::DmaAddress, DMA);
    lab.write(Reg::DmaCount, stream.len() as u32);
    lab.scan();
    assert!(lab.feed());
    assert_eq!(lab.read(Reg::DmaCount), stream.len() as u32, "it is still under way");
    lab.scan();
    assert!(lab.feed() && lab.feed() && !lab.feed(), "looking does not start it again");
    assert_eq!((lab.read(Reg::DmaCount), lab.read(Reg::FenceDone)), (0, 5));
    assert_eq!((lab.get(Fld::IntCountBuffer), lab.get(Fld::IntCountSync)), (1, 1));
}

/// What a buffer with a mistake in its third pair leaves.
fn mistake(third: [u32; 2]) -> Lab {
    let mut lab = Lab::new();
    let stream = [
        lab.command(Cmd::Fence, 1),
        lab.pair(Reg::WindowStride, 0, 0),
        third,
        lab.command(Cmd::Fence, 2),
    ];
    lab.buffer(&stream.concat());
    assert_eq!(lab.read(Reg::FenceDone), 1, "what is before it was done, what is behind was not");
    assert_eq!((lab.get(Fld::IntCountBuffer), lab.get(Fld::IntCountError)), (0, 1));
    assert_eq!(lab.read(Reg::ErrorWhere), DMA + 16);
    let source = lab.layout.named(lab.read(Reg::ErrorCode));
    assert_eq!(source, Some(ErrorCodeSource::Buffer));
    lab
}

#[test]
fn a_mistake_ends_the_buffer_and_says_where_it_is() {
    let lab = mistake([0x7ff, 9]);
    assert_eq!((lab.error(), lab.read(Reg::ErrorData)), (Some(ErrorCodeCode::BadTag), 0x7ff));
    let lab = mistake([0x8000_0017, 1]);
    assert_eq!(lab.error(), Some(ErrorCodeCode::BadTag), "no tag has so many bits");
    let draw = lab.pair(Reg::Draw, 0, 99);
    let lab = mistake(draw);
    assert_eq!((lab.error(), lab.read(Reg::ErrorData)), (Some(ErrorCodeCode::BadDraw), 99));
    let draw = lab.pair(Reg::Draw, 0, lab.code(DrawPrimitive::Fill));
    assert_eq!(mistake(draw).error(), Some(ErrorCodeCode::BadWindow));
}

#[test]
fn a_torn_pair_is_told() {
    let mut lab = Lab::new();
    let stream = [&lab.command(Cmd::Fence, 3)[..], &[1]].concat();
    lab.buffer(&stream);
    assert_eq!((lab.error(), lab.read(Reg::FenceDone)), (Some(ErrorCodeCode::Truncated), 3));
    assert_eq!((lab.read(Reg::ErrorWhere), lab.read(Reg::ErrorData)), (DMA + 8, 1));
}

#[test]
fn memory_that_cannot_be_read_is_told() {
    for (address, count) in [(DMA + 4, 2), (0, 2), (DMA, u32::MAX), (u32::MAX - 3, 2), (DMA + 2, 2)]
    {
        let mut lab = Lab::new();
        lab.driver = vec![0; 2];
        lab.write(Reg::DmaAddress, address);
        lab.write(Reg::DmaCount, count);
        lab.turn();
        assert_eq!(lab.error(), Some(ErrorCodeCode::BadAddress), "{address:#x}");
        assert_eq!((lab.read(Reg::DmaCount), lab.get(Fld::IntCountError)), (0, 1));
        lab.buffer(&[0, 0]);
        assert_eq!(lab.get(Fld::IntCountBuffer), 1, "the next one is carried out");
    }
}

#[test]
fn the_ring_goes_around_its_end() {
    let mut lab = with_ring();
    let mut at = 0;
    for n in 1..100 {
        let words =
            [lab.command(Cmd::Nop, 0).repeat(8), lab.command(Cmd::Sync, n).to_vec()].concat();
        at = put(&mut lab, at, &words);
        lab.turn();
        assert_eq!((lab.read(Reg::RingGet), lab.read(Reg::FenceDone)), (at, n));
    }
    assert_eq!(lab.get(Fld::IntCountBuffer), 0, "only buffers count as buffers");
    // Stopped, it stays where it is, and begins anew when it is started.
    lab.write(Reg::RingControl, lab.code(RingControlAction::Stop));
    lab.turn();
    assert_eq!((lab.get(Fld::StatusRing), lab.read(Reg::RingGet)), (0, at));
    lab.write(Reg::RingPut, 0);
    lab.write(Reg::RingControl, lab.code(RingControlAction::Start));
    lab.turn();
    assert_eq!((lab.get(Fld::StatusRing), lab.read(Reg::RingGet)), (1, 0));
    assert_eq!(lab.faults, []);
}

#[test]
fn a_mistake_in_the_ring_stops_it_there() {
    let mut lab = with_ring();
    let words = [lab.command(Cmd::Fence, 1), [0x7fe, 0], lab.command(Cmd::Fence, 2)].concat();
    put(&mut lab, 0, &words);
    lab.turn();
    assert_eq!((lab.read(Reg::RingGet), lab.read(Reg::FenceDone)), (2, 1));
    assert_eq!((lab.get(Fld::StatusRing), lab.error()), (0, Some(ErrorCodeCode::BadTag)));
    assert_eq!(lab.read(Reg::ErrorWhere), DMA + 8);
}

#[test]
fn impossible_rings_are_told() {
    let mut lab = with_ring();
    put(&mut lab, 0, &[0; 66]);
    lab.turn();
    assert_eq!((lab.error(), lab.get(Fld::StatusRing)), (Some(ErrorCodeCode::BadRing), 0));
    let mut lab = Lab::new();
    lab.write(Reg::RingSize, 100);
    lab.write(Reg::RingControl, lab.code(RingControlAction::Start));
    lab.turn();
    assert_eq!((lab.error(), lab.get(Fld::StatusRing)), (Some(ErrorCodeCode::BadRing), 0));
    lab.write(Reg::RingControl, 0x55);
    lab.turn();
    assert_eq!((lab.read(Reg::RingControl), lab.faults[1].code), (0, ErrorCodeCode::BadCommand));
    // A ring in memory that is not there.
    let mut lab = with_ring();
    lab.driver.clear();
    lab.write(Reg::RingPut, 2);
    lab.turn();
    assert_eq!((lab.error(), lab.get(Fld::StatusRing)), (Some(ErrorCodeCode::BadAddress), 0));
}

#[test]
fn a_buffer_and_the_ring_exclude_each_other() {
    let mut lab = with_ring();
    lab.write(Reg::DmaCount, 2);
    lab.turn();
    assert_eq!((lab.read(Reg::DmaCount), lab.error()), (0, Some(ErrorCodeCode::Busy)));
    assert_eq!(lab.get(Fld::StatusRing), 1, "the ring goes on");
    let mut lab = Lab::new();
    lab.driver = vec![0; 4];
    lab.write(Reg::DmaAddress, DMA);
    lab.write(Reg::DmaCount, 4);
    lab.write(Reg::RingSize, RING);
    lab.scan();
    lab.write(Reg::RingControl, lab.code(RingControlAction::Start));
    lab.turn();
    assert_eq!((lab.get(Fld::StatusRing), lab.error()), (0, Some(ErrorCodeCode::Busy)));
    assert_eq!(lab.get(Fld::IntCountBuffer), 1, "the buffer was carried out");
}

#[test]
fn a_reset_ends_everything() {
    let mut lab = Lab::new();
    lab.driver = lab.command(Cmd::Fence, 9).repeat(30_000);
    lab.write(Reg::DmaAddress, DMA);
    lab.write(Reg::DmaCount, 60_000);
    lab.scan();
    lab.feed();
    assert_eq!(lab.read(Reg::FenceDone), 9);
    lab.write(Reg::Control, lab.code(ControlAction::Reset));
    lab.scan();
    assert!(!lab.feed(), "the buffer is forgotten");
    assert_eq!((lab.read(Reg::Control), lab.read(Reg::DmaCount)), (0, 0));
    assert_eq!((lab.read(Reg::FenceDone), lab.read(Reg::Status)), (0, 0));
    lab.scan();
    assert!(!lab.feed(), "and does not begin anew");
    // The stream's state is that of the beginning: no window.
    let draw = lab.pair(Reg::Draw, 0, lab.code(DrawPrimitive::Fill));
    lab.buffer(&draw);
    assert_eq!(lab.error(), Some(ErrorCodeCode::BadWindow));
    lab.write(Reg::Control, lab.code(ControlAction::Reset));
    lab.scan();
    assert_eq!(lab.error(), Some(ErrorCodeCode::None));
}

#[test]
fn the_first_error_stays_until_it_is_acknowledged() {
    let mut lab = Lab::new();
    lab.buffer(&[0x7ff, 0]);
    lab.buffer(&[1]);
    assert_eq!((lab.error(), lab.get(Fld::IntCountError)), (Some(ErrorCodeCode::BadTag), 2));
    lab.acknowledge();
    assert_eq!(lab.error(), Some(ErrorCodeCode::BadTag), "until there is another");
    lab.buffer(&[1]);
    assert_eq!((lab.error(), lab.get(Fld::IntCountError)), (Some(ErrorCodeCode::Truncated), 3));
}

/// A driver writes parameters, then the command; the card looks at the same time. If it has seen the
/// command, it must see the parameters.
#[test]
fn commands_are_looked_at_before_their_parameters() {
    let mut lab = Lab::new();
    let offset = |reg: Reg| lab.layout.offset(reg, 0).expect("the card has it");
    let commands = [Reg::Control, Reg::ModeControl, Reg::RingControl, Reg::DmaCount, Reg::Draw];
    let commands = commands.map(offset);
    let mut order = Vec::new();
    let read = |offset: u32| {
        order.push(offset);
        0
    };
    lab.card.scan(u32::MAX, read, &mut vgpu_card::Memory(&mut lab.memory));
    assert_eq!(order[..5].iter().filter(|at| commands.contains(at)).count(), 5, "{order:x?}");
    let page = |pages: u32| {
        let mut lab = Lab::new();
        let mut read = 0;
        let mut count = |_| {
            read += 1;
            0
        };
        lab.card.scan(pages, &mut count, &mut vgpu_card::Memory(&mut lab.memory));
        read
    };
    assert_eq!((page(0), page(2), page(1) + page(2)), (0, 256, order.len()));
}

#[test]
fn what_takes_long_is_done_in_pieces() {
    let mut lab = Lab::new();
    // Rows that lie on each other, as many as there can be: as much drawing as fits into few words.
    let mut stream =
        lab.pair(Reg::WindowStride, 0, lab.field(Fld::WindowStridePixels, 2048)).to_vec();
    stream.extend(lab.pair(Reg::StartXSub, 0, 2048 << 16));
    stream.extend(lab.pair(Reg::Dy, 0, 0));
    stream.extend(lab.pair(Reg::RowCount, 0, lab.field(Fld::RowCountRows, 0xffff)));
    stream.extend(lab.pair(Reg::Draw, 0, lab.code(DrawPrimitive::Trapezoid)).repeat(20));
    let bytes: Vec<u8> = stream.iter().flat_map(|word| word.to_le_bytes()).collect();
    lab.write(Reg::DmaAddress, DMA);
    lab.write(Reg::DmaCount, stream.len() as u32);
    lab.scan();
    let mut pieces = 0;
    while let Some(fetch) = lab.card.fetch() {
        let at = (fetch.address - u64::from(DMA)) as usize;
        lab.card.feed(Some(&bytes[at..at + fetch.bytes]), &mut vgpu_card::paint::Blind);
        pieces += 1;
    }
    assert_eq!(pieces, 7, "three of them at a time are enough");
}

/// What was known about pages is older than a command that is found on one of them.
#[test]
fn parameters_of_a_command_are_looked_at_on_any_page() {
    let mut description = lab::base();
    let mut registers = description.blocks.iter_mut().flat_map(|block| &mut block.registers);
    registers.find(|one| one.id == "rect_size").expect("it is there").offset = 0x1800;
    let mut lab = Lab::of(&description);
    lab.scan();
    let size = lab.fields([(Fld::RectSizeWidth, 1), (Fld::RectSizeHeight, 1)]);
    lab.write(Reg::RectSize, size);
    lab.write(Reg::Color, 7);
    lab.write(Reg::Draw, lab.code(DrawPrimitive::Fill));
    let registers = lab.registers.clone();
    let read = |offset: u32| registers[offset as usize / 4];
    lab.card.scan(1, read, &mut vgpu_card::Memory(&mut lab.memory));
    assert_eq!(lab.memory[0], 7);
}
