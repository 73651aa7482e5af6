// SPDX-License-Identifier: BSD-2-Clause
//! `--check --sample`: a part of the dump is read, from the places that the index has, and compared with its digests.
//!
//! The parts follow each other in the order of the dump. Each begins at the header of an inode and ends where the next one begins, so that
//! all parts together are the whole dump; the first one has the maps, too, and the last one the end.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::inspect::feed::Feed;
use crate::inspect::indexed;
use crate::inspect::input::Input;
use crate::inspect::refuse;
use crate::inspect::sinks::Check;
use crate::inspect::stream::Enough;
use crate::inspect::told::Told;
use crate::inspect::volumes::start_volume;
use crate::job::{Reading, Sample};
use crate::operator::SampleLine;
use dumpstream::index::Line;
use dumpstream::reading::{Fault, Finding, Names, Place, Reader, Sink, Summary};
use dumpstream::{Block, Decoded, TP_BSIZE};
use ufs::Ino;

/// Where an inode is.
struct Spot {
    place: Place,
    /// Where to begin reading: a place of the volume, and bytes of the stream that are passed over from there.
    from: (u64, u64),
    ino: Ino,
    /// Its tape blocks.
    blocks: u64,
}

impl Spot {
    fn of(line: &Line) -> Spot {
        let from = match line.frame {
            Some((frame, start)) => (frame, line.offset - start),
            None => (line.offset, 0),
        };
        let place = Place { volume: line.volume, block: line.offset / TP_BSIZE as u64 };
        Spot { place, from, ino: line.ino, blocks: line.blocks }
    }

    fn key(&self) -> (u32, u64) {
        key(self.place)
    }
}

fn key(place: Place) -> (u32, u64) {
    (place.volume, place.block)
}

/// Checks a part of the dump; gives the exit code.
pub fn check(
    reading: &Reading,
    inputs: &mut [Input],
    index: &mut Input,
    sample: Sample,
    mut told: Told,
) -> u8 {
    let mut spots = Vec::new();
    let (head, digests) = match indexed::digests(index, |line| spots.push(Spot::of(line))) {
        Ok(found) => found,
        Err(reason) => return refuse(told, &reason),
    };
    spots.sort_unstable_by_key(Spot::key);
    spots.dedup_by_key(|spot| spot.ino);
    let missing = spots.last().map_or(0, |spot| spot.place.volume as usize);
    if missing > inputs.len() {
        let reason = format!("--sample requires all volumes: the index has {missing}, not {}", inputs.len());
        return refuse(told, &reason);
    }
    if let Some(input) = inputs.iter().find(|input| !input.is_seekable()) {
        let reason = format!("{}: not a file, as --sample requires", input.name.display());
        return refuse(told, &reason);
    }
    let (part, of) = choose(sample);
    let first = first_of(&spots, part, of);
    let end = first_of(&spots, part + 1, of);
    let is_empty = part > 1 && first == end;
    let wanted = &spots[first..end];
    let blocks = wanted.iter().map(|spot| spot.blocks).sum();
    let all = spots.iter().map(|spot| spot.blocks).sum();
    told.sample(&SampleLine { part, of, blocks, all });
    let mut of_part = Part {
        check: Check::new(told, Some(digests)),
        end: spots.get(end).map(|spot| spot.place),
        ended: is_empty,
        current: None,
        seen: HashSet::new(),
        damage: 0,
    };
    let read = match is_empty {
        true => Ok(()),
        false => read(reading, inputs, wanted.first().filter(|_| part > 1), &mut of_part),
    };
    if let Err(code) = read {
        return code;
    }
    if let Some(code) = of_part.check.told.interrupted() {
        return code;
    }
    if of_part.check.date.is_some_and(|found| found != head.date) {
        let name = reading.index.clone().unwrap_or_default();
        return refuse(of_part.check.told, &format!("{}: an index of another dump", name.display()));
    }
    of_part.finish(wanted, blocks)
}

/// The part that is read, and of how many.
fn choose(sample: Sample) -> (u64, u64) {
    match sample {
        Sample::Part { part, of } => (part.into(), of.into()),
        // Another one each time.
        Sample::Any { of } => (RandomState::new().hash_one(of) % u64::from(of) + 1, of.into()),
    }
}

/// Which spot a part begins with: each part has as many tape blocks, as far as inodes can be divided.
fn first_of(spots: &[Spot], part: u64, of: u64) -> usize {
    let all: u64 = spots.iter().map(|spot| spot.blocks).sum();
    let mut before = 0_u64;
    spots
        .iter()
        .position(|spot| {
            let begins = u128::from(before) * u128::from(of) >= u128::from(part - 1) * u128::from(all);
            before += spot.blocks;
            begins
        })
        .filter(|_| part <= of)
        .unwrap_or(spots.len())
}

/// Reads from a place, or from the beginning, up to where the part ends.
///
/// Errors: the exit code, if a volume is not a dump, which is reported.
fn read(reading: &Reading, inputs: &mut [Input], from: Option<&Spot>, part: &mut Part) -> Result<(), u8> {
    let mut reader = match from {
        Some(spot) => Reader::resume(spot.place, None, Names::default()),
        None => Reader::default(),
    };
    reader.set_limit(reading.volume_blocks);
    let first = from.map_or(1, |spot| spot.place.volume);
    for (volume, input) in (1..).zip(inputs) {
        if volume < first || part.is_enough() {
            continue;
        }
        let resumes = from.filter(|_| volume == first);
        if resumes.is_none() {
            reader.begin_volume(volume);
        }
        part.told().begin_volume(volume);
        start_volume(reading, volume, input, &mut reader, part)?;
        let ahead = resumes.map_or(0, |spot| {
            input.go_to(spot.from.0);
            spot.from.1
        });
        Feed::new(false, reading.window_log).after(ahead).run(input, &mut reader, part);
    }
    if !part.ended && !part.check.told.is_stopped() && !reader.is_over() {
        let finding = Finding { place: Some(reader.place()), ino: None, last: None, fault: Fault::NoEnd };
        part.tell(&finding);
    }
    Ok(())
}

/// A part of a dump.
struct Part {
    check: Check,
    /// Where the next part begins; none of the last one.
    end: Option<Place>,
    /// That has been reached.
    ended: bool,
    current: Option<Ino>,
    seen: HashSet<Ino>,
    damage: u64,
}

impl Part {
    fn is_behind(&self, place: Place) -> bool {
        self.end.is_some_and(|end| key(place) >= key(end))
    }

    fn tell(&mut self, finding: &Finding) {
        self.damage += u64::from(finding.fault.is_damage());
        let path = finding.ino.and_then(|ino| self.check.path(ino));
        self.check.told.finding_at(finding, path.as_deref());
    }

    /// The part has been read; gives the exit code.
    fn finish(mut self, wanted: &[Spot], blocks: u64) -> u8 {
        self.check.end_content();
        let (mut lost, inodes) = (0, self.seen.len() as u64);
        for spot in wanted.iter().filter(|spot| !self.seen.contains(&spot.ino)).collect::<Vec<_>>() {
            lost += 1;
            let place = Some(spot.place);
            self.tell(&Finding { place, ino: Some(spot.ino), last: None, fault: Fault::Lost });
        }
        let damaged = self.check.changed;
        let damage = self.damage + damaged;
        self.check.told.contents_are_checked();
        let announced = wanted.len() as u64;
        let complete = true;
        self.check.told.end(&Summary {
            blocks,
            inodes,
            announced,
            lost,
            unseen: 0,
            complete,
            damaged,
            damage,
        })
    }
}

impl Enough for Part {
    type Told = Told;

    fn told(&mut self) -> &mut Told {
        self.check.told()
    }

    fn is_enough(&self) -> bool {
        self.ended || self.check.is_enough()
    }
}

impl Sink for Part {
    fn finding(&mut self, finding: Finding, _names: &mut Names) {
        // What is wrong with the inode that the next part begins with is not of this one.
        let is_own = finding.ino.is_some() && finding.ino == self.current;
        if !self.ended && (is_own || !finding.place.is_some_and(|place| self.is_behind(place))) {
            self.tell(&finding);
        }
    }

    fn volume(&mut self, header: &Decoded, place: Place) {
        if !self.ended {
            self.check.volume(header, place);
        }
    }

    fn inode(&mut self, header: &Decoded, place: Place, names: &mut Names) {
        if self.is_behind(place) {
            self.check.end_content();
            self.ended = true;
        }
        if self.ended {
            return;
        }
        self.check.date.get_or_insert(header.identity.date);
        self.current = Some(header.header.inumber);
        self.seen.insert(header.header.inumber);
        self.check.inode(header, place, names);
    }

    fn addr(&mut self, header: &Decoded) {
        if !self.ended {
            self.check.addr(header);
        }
    }

    fn data(&mut self, ino: Ino, is_data: bool, block: &Block) {
        if !self.ended {
            self.check.data(ino, is_data, block);
        }
    }
}
