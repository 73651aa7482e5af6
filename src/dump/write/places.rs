// SPDX-License-Identifier: BSD-2-Clause
//! Tracks what is written to the media, and collects the positions for an index.
//!
//! Where headers stand is what the planner itself has placed; names are read from the directories as they are on the dump, so that
//! the index and the dump cannot differ on a file system in use. All is in the order of the dump, and is kept until the dump is
//! done: 44 bytes for each inode, 5 and the name for each entry of a directory, 8 for each directory, 24 for each compressed frame, 40 for
//! each volume.

use crate::dump::volumes::{Chunk, What};
use dumpstream::Content;
use dumpstream::TP_BSIZE;
use dumpstream::decode;
use dumpstream::index::{Places, PlacesMark, Tree, TreeMark, Volume, Walk};
use dumpstream::reading::File;
use dumpstream::{Block, Header, RecordType};
use ufs::FileType;
use ufs::Ino;

/// What an index will say.
#[derive(Debug, Default)]
pub struct Indexing {
    places: Places,
    tree: Tree,
    /// The directory under way.
    directory: Option<File>,
    /// The content of the inode under way.
    content: Option<Content>,
    /// The volumes that are written.
    volumes: Vec<Volume>,
    /// Whether all directories have come.
    has_names: bool,
    /// Whether names had no room.
    is_full: bool,
}

/// How far it had got.
pub struct IndexingMark {
    places: PlacesMark,
    tree: TreeMark,
    directory: Option<File>,
    content: Option<Content>,
    volumes: usize,
    has_names: bool,
}

impl Indexing {
    /// For a dump of so many inodes.
    pub fn new(inodes: u64) -> Indexing {
        let places = Places::with_room(usize::try_from(inodes).unwrap_or(0));
        Indexing { places, ..Indexing::default() }
    }

    /// How far it has got: a volume may have to be written again from here.
    pub fn mark(&self) -> IndexingMark {
        let (places, tree) = (self.places.mark(), self.tree.mark());
        let (directory, content) = (self.directory.clone(), self.content.clone());
        let volumes = self.volumes.len();
        IndexingMark { places, tree, directory, content, volumes, has_names: self.has_names }
    }

    /// Forgets what came after a mark.
    pub fn go_back(&mut self, mark: IndexingMark) {
        self.places.go_back(&mark.places);
        self.tree.go_back(&mark.tree);
        (self.directory, self.content) = (mark.directory, mark.content);
        self.volumes.truncate(mark.volumes);
        self.has_names = mark.has_names;
    }

    /// The next volume begins.
    pub fn begin_volume(&mut self) {
        self.places.begin_volume();
    }

    /// The first `blocks` tape blocks of `chunk`, filled into `buffer`, are on the medium; in a frame behind so many bytes of the
    /// volume's file, and of its uncompressed stream.
    pub fn wrote(&mut self, chunk: &Chunk, blocks: u32, buffer: &[u8], frame: Option<(u64, u64)>) {
        if let Some((file, stream)) = frame.filter(|_| blocks > 0) {
            self.places.begin_frame(file, stream);
        }
        let (buffer, _) = buffer.as_chunks::<TP_BSIZE>();
        for piece in chunk.pieces.iter().take_while(|piece| piece.at < blocks) {
            let end = blocks.min(piece.at + piece.blocks);
            let Some(bytes) = buffer.get(piece.at as usize..end as usize) else { return };
            match piece.what {
                // What it interrupts goes on behind it.
                What::VolumeHeader => {}
                What::Header(kind) => self.header(kind, piece.ino, bytes),
                What::Bytes | What::Zeros | What::Disk(_) => {
                    self.places.blocks(end - piece.at);
                    self.content.iter_mut().for_each(|content| content.blocks(bytes));
                    if self.directory.is_some() {
                        bytes.iter().for_each(|block| self.data(block));
                    }
                }
            }
        }
    }

    /// The volume under way is written.
    pub fn volume(&mut self, volume: Volume) {
        self.volumes.push(volume);
    }

    /// The volumes that are written.
    pub fn volumes(&self) -> &[Volume] {
        &self.volumes
    }

    fn header(&mut self, kind: RecordType, ino: Ino, block: &[Block]) {
        match kind {
            RecordType::Inode => {
                self.end_content();
                self.places.inode(ino);
                self.begin_content(ino, block);
                self.directory = None;
                if !self.has_names {
                    self.begin_directory(ino, block);
                }
            }
            RecordType::End => {
                self.end_content();
                self.places.end();
                self.directory = None;
            }
            RecordType::Addr => {
                self.places.blocks(1);
                if let [block] = block
                    && let Ok(decoded) = decode(block)
                {
                    self.directory.iter_mut().for_each(|file| file.announce(&decoded.header));
                    self.content.iter_mut().for_each(|content| content.announce(&decoded.header));
                }
            }
            RecordType::Tape | RecordType::Bits | RecordType::Clri => self.places.blocks(1),
        }
    }

    fn begin_content(&mut self, ino: Ino, block: &[Block]) {
        // A worker had the block.
        let decoded = block.first().and_then(|block| decode(block).ok());
        let header = decoded.map(|decoded| decoded.header).filter(|header| header.inumber == ino);
        // Without it there is a digest of nothing, which is not that of the file.
        let header = header.unwrap_or_else(|| Header::new(RecordType::Inode, ino));
        self.content = Some(Content::new(&header));
    }

    fn end_content(&mut self) {
        if let Some(content) = self.content.take() {
            self.places.digest(content.digest());
        }
    }

    fn begin_directory(&mut self, ino: Ino, block: &[Block]) {
        // A worker had the block: it may be anything, also another inode's header.
        let decoded = block.first().and_then(|block| decode(block).ok());
        let is_directory = |mode| FileType::of(mode) == FileType::Dir;
        match decoded
            .filter(|decoded| decoded.header.inumber == ino && is_directory(decoded.header.inode.mode))
        {
            Some(decoded) => {
                self.tree.directory();
                self.directory = Some(File::directory(&decoded));
            }
            None => self.has_names = true,
        }
    }

    fn data(&mut self, block: &Block) {
        let Some(file) = self.directory.as_mut().filter(|file| file.wants_data()) else { return };
        let (is_data, tree, is_full) = (file.is_data(), &mut self.tree, &mut self.is_full);
        if let Some(scan) = file.scan.as_mut().filter(|_| is_data) {
            let mut take = |ino, _, name: &[u8]| {
                *is_full |= !tree.entry(ino, name);
                true
            };
            // Damage to a directory is reported when the disk and when the dump is read.
            scan.block(block, &mut take, |_| (true, true));
        }
        file.advance();
    }

    /// Whether some names had no room.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Where the first file that is not a directory begins: its volume, and its offset there.
    pub fn files(&self) -> Option<(u32, u64)> {
        self.places.place(self.tree.directories()).map(|place| (place.volume, place.offset))
    }

    /// The lines, when the dump is done.
    pub fn walk(&self) -> Walk<'_> {
        Walk::new(&self.tree, &self.places)
    }
}
