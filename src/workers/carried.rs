// SPDX-License-Identifier: BSD-2-Clause
//! Encrypted chunks on a tape, which do not end where its records do: a partial record is written with the next chunk. Pure.

use std::io;

use crate::encrypt::Seal;
use crate::workers::Sealing;
use agefile::sealed_length;
use ufs::Buffer;

/// What goes to a medium of `plain`: that, or what it is encrypted to for byte `at` of the volume, made in `out` with `front` before it.
/// None: there is no key.
pub fn pack<'a>(
    plain: &'a [u8],
    front: Option<&[u8]>,
    (sealing, seal, at): (Sealing, Option<&Seal>, u64),
    out: &'a mut Buffer,
) -> Option<&'a [u8]> {
    if sealing == Sealing::No && front.is_none() {
        return Some(plain);
    }
    let front = front.unwrap_or_default();
    let length = match sealing {
        Sealing::No => plain.len(),
        _ => sealed_length(plain.len() as u64) as usize,
    };
    out.set_length(front.len() + length);
    let (before, behind) = out.split_at_mut(front.len());
    before.copy_from_slice(front);
    match sealing {
        Sealing::No => behind.copy_from_slice(plain),
        _ => seal?.seal(at, sealing == Sealing::Last, plain, behind),
    }
    Some(out)
}

/// Fills `buffer` with what is on a tape from byte `offset` of the volume on: first what `record` has from the read before, then the next
/// records, each by a call of `read`. Gives how much of it was there; a record that is shorter counts as its end.
pub fn read_on(
    buffer: &mut [u8],
    offset: u64,
    record: &mut [u8],
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut at = (offset % record.len() as u64) as usize;
    let mut got = 0;
    while got < buffer.len() {
        if at == 0 && read(record)? != record.len() {
            break;
        }
        let count = (record.len() - at).min(buffer.len() - got);
        buffer[got..got + count].copy_from_slice(&record[at..at + count]);
        (at, got) = (0, got + count);
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use super::*;
    use agefile::PayloadKey;

    #[test]
    fn what_was_left_is_in_front() {
        let seal = Seal { key: PayloadKey::from_bytes([5; 32]), head: 100 };
        let mut out = Buffer::default();
        assert_eq!(pack(b"plain", None, (Sealing::No, None, 0), &mut out), Some(&b"plain"[..]));
        assert_eq!(pack(b"plain", Some(b"left"), (Sealing::No, None, 0), &mut out), Some(&b"leftplain"[..]));
        assert_eq!(pack(b"plain", None, (Sealing::Last, None, 100), &mut out), None);
        let alone = pack(b"plain", None, (Sealing::Last, Some(&seal), 100), &mut out).unwrap().to_vec();
        assert_eq!(alone.len(), 5 + agefile::TAG);
        let behind = pack(b"plain", Some(b"left"), (Sealing::Last, Some(&seal), 100), &mut out).unwrap();
        assert_eq!((&behind[..4], &behind[4..]), (&b"left"[..], &alone[..]));
    }

    #[test]
    fn parts_are_read_from_records() {
        let tape: Vec<u8> = (0..60).collect();
        let mut records = tape.chunks(10);
        let mut record = [0; 10];
        let mut read = |into: &mut [u8]| {
            let next = records.next().unwrap_or_default();
            into[..next.len()].copy_from_slice(next);
            Ok(next.len())
        };
        let mut offset = 0;
        for length in [7, 3, 1, 1, 25, 13] {
            let mut part = vec![0; length];
            assert_eq!(read_on(&mut part, offset as u64, &mut record, &mut read).unwrap(), length);
            assert_eq!(part, tape[offset..offset + length]);
            offset += length;
        }
        assert_eq!(read_on(&mut [0; 20], 50, &mut record, &mut read).unwrap(), 10);
        assert_eq!(read_on(&mut [0; 20], 60, &mut record, &mut read).unwrap(), 0);
        assert_eq!(read_on(&mut [0; 20], 60, &mut record, |_| Ok(9)).unwrap(), 0);
        assert!(read_on(&mut [0; 20], 60, &mut record, |_| Err(io::ErrorKind::Other.into())).is_err());
    }
}
