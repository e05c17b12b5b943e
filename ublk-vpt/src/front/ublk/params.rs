//! What the driver is told about the disk.

use libublk::sys;

use super::UblkOptions;

/// Bytes of a sector, the driver's unit.
const SECTOR_SHIFT: u32 = 9;
/// Holes in an image are made of whole pages.
const HOLE_BYTES: u32 = 4096;

/// The device's parameters: a spinning disk with a volatile cache (the page cache of its image) that
/// can be flushed and written through.
pub(super) fn params(options: &UblkOptions, max_request_bytes: u32) -> sys::ublk_params {
    let block_shift = options.block_size.trailing_zeros() as u8; // 9 or 12
    let mut attrs = sys::UBLK_ATTR_ROTATIONAL | sys::UBLK_ATTR_VOLATILE_CACHE | sys::UBLK_ATTR_FUA;
    if options.read_only {
        attrs |= sys::UBLK_ATTR_READ_ONLY;
    }
    let mut params = sys::ublk_params {
        types: sys::UBLK_PARAM_TYPE_BASIC,
        basic: sys::ublk_param_basic {
            attrs,
            logical_bs_shift: block_shift,
            physical_bs_shift: block_shift,
            io_opt_shift: block_shift,
            io_min_shift: block_shift,
            max_sectors: max_request_bytes >> SECTOR_SHIFT,
            dev_sectors: options.bytes >> SECTOR_SHIFT,
            ..Default::default()
        },
        ..Default::default()
    };
    if !options.read_only {
        // No real disk of this kind discards; it gives the image's space back.
        params.types |= sys::UBLK_PARAM_TYPE_DISCARD;
        params.discard = sys::ublk_param_discard {
            discard_granularity: HOLE_BYTES.max(options.block_size),
            max_discard_sectors: u32::MAX >> SECTOR_SHIFT,
            max_write_zeroes_sectors: u32::MAX >> SECTOR_SHIFT,
            max_discard_segments: 1,
            ..Default::default()
        };
    }
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_described_as_one() {
        let mut options = UblkOptions {
            id: 0,
            bytes: 1 << 30,
            block_size: 4096,
            depth: 64,
            read_only: false,
            recovery: false,
            unprivileged: false,
            recover: false,
        };
        let p = params(&options, 512 << 10);
        assert_eq!((p.basic.logical_bs_shift, p.basic.max_sectors), (12, 1024));
        assert_eq!(p.basic.dev_sectors, 1 << 21);
        assert_ne!(p.basic.attrs & sys::UBLK_ATTR_ROTATIONAL, 0);
        assert_ne!(p.types & sys::UBLK_PARAM_TYPE_DISCARD, 0);
        options.read_only = true;
        let p = params(&options, 512 << 10);
        assert_ne!(p.basic.attrs & sys::UBLK_ATTR_READ_ONLY, 0);
        assert_eq!(p.types & sys::UBLK_PARAM_TYPE_DISCARD, 0);
    }
}
