// SPDX-License-Identifier: BSD-2-Clause
//! Writes a dump of one volume, header by header, in whole records.

use std::io;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};

use crate::inspect::interruptible::Interruptible;
use crate::os::output;
use dumpstream::{Block, Encoder, Header, Identity, InodeMap, Place, RecordType};
use dumpstream::{TP_BSIZE, TP_NINDIR, TapeBlock};
use ufs::Ino;

/// The dump that is written.
pub struct Writer {
    output: Interruptible<OwnedFd>,
    encoder: Encoder,
    record: Vec<u8>,
    /// Bytes of a record.
    length: usize,
    tapea: u64,
    last: Ino,
}

impl Writer {
    /// Begins a dump in records of `ntrec` tape blocks: the volume's header and the two maps.
    ///
    /// Errors: those of write(2).
    pub fn new(
        output: Interruptible<OwnedFd>,
        ntrec: u32,
        identity: &Identity,
        used: &InodeMap,
        dumped: &InodeMap,
    ) -> io::Result<Writer> {
        let length = ntrec as usize * TP_BSIZE;
        let (encoder, record) = (Encoder::new(identity), Vec::with_capacity(length));
        let last =
            Ino((u64::from(used.tape_blocks()) * 8192).saturating_sub(1).try_into().unwrap_or(u32::MAX));
        let mut writer = Writer { output, encoder, record, length, tapea: 0, last };
        let mut tape = Header::new(RecordType::Tape, Ino(0));
        tape.count = 1;
        writer.header(&tape)?;
        writer.map(RecordType::Clri, last, used)?;
        writer.map(RecordType::Bits, dumped.next_from(0).unwrap_or(Ino::ROOT), dumped)?;
        Ok(writer)
    }

    fn map(&mut self, kind: RecordType, ino: Ino, map: &InodeMap) -> io::Result<()> {
        let mut header = Header::new(kind, ino);
        header.count = map.tape_blocks();
        self.header(&header)?;
        let mut block = [0; TP_BSIZE];
        for index in 0..map.tape_blocks() {
            map.copy_block(index, &mut block);
            self.block(&block)?;
        }
        Ok(())
    }

    /// A header; it gets the number that it has here.
    pub fn header(&mut self, header: &Header) -> io::Result<()> {
        let mut block = [0; TP_BSIZE];
        let place = Place { volume: 1, tapea: TapeBlock(self.tapea), firstrec: TapeBlock(0) };
        self.encoder.encode(header, &place, &mut block);
        self.block(&block)
    }

    /// A file that is in memory: its `header` is that of its inode, with its size; attributes come after `data`.
    pub fn file(&mut self, mut header: Header, data: &[u8], attributes: &[u8]) -> io::Result<()> {
        let whole = |bytes: &[u8]| bytes.len().div_ceil(TP_BSIZE);
        let mut blocks = data.chunks(TP_BSIZE).chain(attributes.chunks(TP_BSIZE));
        let mut left = whole(data) + whole(attributes);
        loop {
            let count = left.min(TP_NINDIR);
            header.count = count as u32;
            header.addr[..count].fill(1);
            self.header(&header)?;
            for bytes in blocks.by_ref().take(count) {
                let mut block = [0; TP_BSIZE];
                block[..bytes.len()].copy_from_slice(bytes);
                self.block(&block)?;
            }
            left -= count;
            header.kind = RecordType::Addr;
            if left == 0 {
                return Ok(());
            }
        }
    }

    /// A tape block.
    pub fn block(&mut self, block: &Block) -> io::Result<()> {
        self.record.extend_from_slice(block);
        self.tapea += 1;
        if self.record.len() < self.length {
            return Ok(());
        }
        self.output.write_all(&self.record)?;
        self.record.clear();
        Ok(())
    }

    /// The end of the dump: `TS_END` up to the end of the record. Gives the tape blocks of the dump.
    pub fn finish(mut self) -> io::Result<u64> {
        let end = Header::new(RecordType::End, self.last);
        self.header(&end)?;
        while !self.record.is_empty() {
            self.header(&end)?;
        }
        output::sync(self.output.as_fd())?;
        Ok(self.tapea)
    }
}
