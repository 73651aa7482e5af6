// SPDX-License-Identifier: BSD-2-Clause
//! The table at the end of a compressed volume: zstd's seekable format 0.1.0 (contrib/seekable_format in zstd's source). To a reader
//! that does not know it, it is a frame to be skipped.

/// `Skippable_Magic_Number` of the table's frame.
const SKIPPABLE: u32 = 0x184D_2A5E;
/// `Seekable_Magic_Number`, the last word of the table.
const SEEKABLE: u32 = 0x8F92_EAB1;
/// `Seek_Table_Descriptor`: entries have a checksum (`Checksum_Flag`).
const WITH_CHECKSUMS: u8 = 0x80;
/// Bytes of an entry with a checksum.
const ENTRY_BYTES: u64 = 12;
/// Bytes around the entries: `Skippable_Magic_Number`, `Frame_Size`; `Number_Of_Frames`, descriptor, `Seekable_Magic_Number`.
const AROUND_BYTES: u64 = 8 + 9;

/// Bytes of the table of a volume of `frames` frames.
pub fn table_bytes(frames: u64) -> u64 {
    AROUND_BYTES + frames * ENTRY_BYTES
}

/// One frame of a volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Bytes on the medium (`Compressed_Size`).
    pub compressed: u32,
    /// Bytes that they are made from (`Decompressed_Size`).
    pub decompressed: u32,
    /// The low half of their XXH64 (`Checksum`).
    pub checksum: u32,
}

/// The frames of a volume, in order.
#[derive(Debug, Default)]
pub struct SeekTable {
    entries: Vec<Entry>,
}

impl SeekTable {
    /// No frames: a volume begins.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Adds the next frame.
    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// So many bytes pad the last frame.
    pub fn pad(&mut self, bytes: u64) {
        if let Some(last) = self.entries.last_mut() {
            last.compressed = last.compressed.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }

    /// The frames so far.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How the table is written. None if it has more entries than its frame can say the size of.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let frames = u32::try_from(self.entries.len()).ok()?;
        let size = u32::try_from(table_bytes(frames.into()) - 8).ok()?;
        let mut out = Vec::with_capacity(size as usize + 8);
        let mut word = |word: u32| out.extend_from_slice(&word.to_le_bytes());
        word(SKIPPABLE);
        word(size);
        for entry in &self.entries {
            word(entry.compressed);
            word(entry.decompressed);
            word(entry.checksum);
        }
        word(frames);
        out.push(WITH_CHECKSUMS);
        out.extend_from_slice(&SEEKABLE.to_le_bytes());
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_long_as_it_is_said_to_be() {
        let mut table = SeekTable::default();
        for n in 0..3 {
            assert_eq!(table.encode().unwrap().len() as u64, table_bytes(n));
            table.push(Entry { compressed: 1, decompressed: 2, checksum: 3 });
        }
        let bytes = table.encode().unwrap();
        assert_eq!(bytes[..8], [0x5e, 0x2a, 0x4d, 0x18, 45, 0, 0, 0]);
        assert_eq!(bytes[8..20], [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(bytes[44..], [3, 0, 0, 0, 0x80, 0xb1, 0xea, 0x92, 0x8f]);
    }
}
