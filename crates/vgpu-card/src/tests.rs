//! What the unit tests share.

use crate::layout::Layout;

/// The base card's layout.
pub(crate) fn layout() -> Layout {
    let text = include_str!("../../../configs/cards/base.toml");
    let description = regmap::parse("base.toml", text).expect("the base card is sound");
    Layout::bind(&description).expect("it has all ids")
}

mod bound {
    use regmap::Access;

    use super::layout;
    use crate::Card;
    use crate::action::Action;
    use crate::ids::{ControlAction, DrawPrimitive, Fld, Reg};
    use crate::layout::{BindError, Layout, Target};

    #[test]
    fn what_the_card_fills_in_is_what_the_manual_says() {
        let layout = layout();
        let description = layout.description().clone();
        let mut card = Card::new(layout);
        let mut seen = 0;
        for action in card.actions() {
            let Action::Write { offset, value } = action else { panic!("{action:?}") };
            let (reg, _) = card_register(&description, offset);
            let hash = reg == description.hash_register;
            let wanted = description.register(&reg).expect("it is there").reset;
            assert!(hash || wanted == value, "{reg}: {wanted:#x} {value:#x}");
            seen += 1;
        }
        let resets = description.registers().filter(|one| one.reset != 0).count();
        assert_eq!(seen, resets + 1, "all of them, and the hash");
    }

    fn card_register(description: &regmap::Card, offset: u32) -> (String, Access) {
        let found = description.registers().find(|one| one.offset == offset);
        let register = found.unwrap_or_else(|| panic!("no register at {offset:#x}"));
        (register.id.clone(), register.access)
    }

    #[test]
    fn a_description_without_a_needed_register_is_refused() {
        let mut description = layout().description().clone();
        description.blocks.iter_mut().for_each(|block| {
            block
                .registers
                .retain(|one| !["draw", "status", "vertex_x"].contains(&one.id.as_str()));
        });
        let error = Layout::bind(&description).expect_err("draw and status are needed");
        assert_eq!(error, BindError::Registers(vec!["status", "draw"]));
        let mut description = layout().description().clone();
        description.blocks.iter_mut().flat_map(|block| &mut block.registers).for_each(|one| {
            one.fields.retain(|field| field.id != "stride" && field.id != "sync");
        });
        let error = Layout::bind(&description).expect_err("fields are needed").to_string();
        assert!(error.contains("int_count.sync, int_ack.sync, int_enable.sync"), "{error}");
    }

    #[test]
    fn other_places_and_codes_have_the_same_meaning() {
        let mut description = layout().description().clone();
        for register in description.blocks.iter_mut().flat_map(|block| &mut block.registers) {
            register.offset ^= 0x800;
            register.tag = register.tag.map(|tag| tag + 0x100);
            for field in &mut register.fields {
                if field.id == "primitive" {
                    field.shift = 16;
                    field.values.iter_mut().for_each(|value| value.value += 40);
                }
            }
        }
        let (base, other) = (layout(), Layout::bind(&description).expect("all ids are there"));
        assert_ne!(base.hash(), other.hash());
        assert_eq!(other.offset(Reg::Palette, 3), Some(0x1800 + 12));
        assert_eq!(other.register_at(0x180c), Some((Reg::Palette, 3)));
        assert_eq!(other.target(0x117), Target::Draw);
        assert_eq!(other.target(0x17), Target::None);
        let word = other.put_named(0, DrawPrimitive::Triangle);
        assert_eq!(word, 46 << 16);
        assert_eq!(other.named(word), Some(DrawPrimitive::Triangle));
        assert_eq!(base.named::<DrawPrimitive>(word), None);
        assert_eq!(base.named(1), Some(ControlAction::Reset));
        assert_eq!(base.signed(Fld::RectPositionY, 0xfffe_0000), -2);
    }

    #[test]
    fn writes_and_pairs_can_be_read_by_people() {
        let layout = layout();
        let said = layout.show_write(0x100, 0x01e0_0280);
        assert_eq!(said, "MODE_SIZE = 0x01e00280 (WIDTH 640, HEIGHT 480)");
        assert_eq!(
            layout.show_write(0x1004, 1),
            "PALETTE(1) = 0x00000001 (BLUE 1, GREEN 0, RED 0)"
        );
        assert_eq!(layout.show_pair(0x31, 0x18), "VERTEX_X(1) = 0x00000018 (1.5)");
        assert_eq!(layout.show_pair(0x17, 6), "DRAW = 0x00000006 (PRIMITIVE TRIANGLE)");
        assert_eq!(layout.show_pair(2, 7), "SYNC 0x00000007");
        assert!(layout.show_pair(0x7ff, 7).contains("unknown"));
        assert!(layout.show_write(0x18, 7).contains("no register"));
    }
}
