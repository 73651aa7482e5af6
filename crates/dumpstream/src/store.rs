// SPDX-License-Identifier: BSD-2-Clause
//! Names in memory, in order of arrival: none is moved when there are more, and each costs its bytes, one for its length, and `HEAD`
//! bytes that the caller puts before it.

/// Bytes of the pieces that names are kept in. No name crosses from one into the next.
const PIECE: usize = 1 << 20;

/// The names.
#[derive(Debug, Default)]
pub struct Store<const HEAD: usize> {
    pieces: Vec<Vec<u8>>,
}

/// How far names had got.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pieces: usize,
    /// Bytes in the last of them.
    last: usize,
}

impl<const HEAD: usize> Store<HEAD> {
    /// Adds a name, and gives its place. None: it has more than 255 bytes, or all pieces would have more than `most`.
    pub fn push(&mut self, head: [u8; HEAD], name: &[u8], most: u64) -> Option<u64> {
        let length = u8::try_from(name.len()).ok()?;
        if self.pieces.last().is_none_or(|piece| piece.len() + HEAD + 1 + name.len() > PIECE) {
            if (self.pieces.len() as u64 + 1) * PIECE as u64 > most {
                return None;
            }
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        let place = self.end();
        let piece = self.pieces.last_mut()?;
        piece.extend_from_slice(&head);
        piece.push(length);
        piece.extend_from_slice(name);
        Some(place)
    }

    /// What is at a place; none if no name begins there because the rest of a piece is not in use.
    pub fn at(&self, place: u64) -> Option<([u8; HEAD], &[u8])> {
        let piece = self.pieces.get(usize::try_from(place / PIECE as u64).ok()?)?;
        let (head, rest) = piece.get((place % PIECE as u64) as usize..)?.split_first_chunk::<HEAD>()?;
        let (length, rest) = rest.split_first()?;
        Some((*head, rest.get(..usize::from(*length))?))
    }

    /// The names from the place `start` up to `end`, with their places.
    pub fn range(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, [u8; HEAD], &[u8])> + '_ {
        let mut next = start;
        std::iter::from_fn(move || {
            while next < end {
                let at = next;
                match self.at(at) {
                    Some((head, name)) => {
                        next += (HEAD + 1 + name.len()) as u64;
                        return Some((at, head, name));
                    }
                    None => next = (at / PIECE as u64 + 1) * PIECE as u64,
                }
            }
            None
        })
    }

    /// The place behind the last name.
    pub fn end(&self) -> u64 {
        match self.pieces.split_last() {
            Some((last, before)) => (before.len() * PIECE + last.len()) as u64,
            None => 0,
        }
    }

    /// How far names have got.
    pub fn mark(&self) -> Mark {
        Mark { pieces: self.pieces.len(), last: self.pieces.last().map_or(0, Vec::len) }
    }

    /// Forgets what came after a mark.
    pub fn go_back(&mut self, mark: &Mark) {
        self.pieces.truncate(mark.pieces);
        if let Some(last) = self.pieces.last_mut() {
            last.truncate(mark.last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "megabytes of names, each byte of them interpreted")]
    fn names_come_back_over_many_pieces() {
        let mut store = Store::<4>::default();
        let name = |n: u32| vec![n as u8; n as usize % 256];
        let start = store.mark();
        assert!(store.push([9; 4], b"forgotten", u64::MAX).is_some());
        store.go_back(&start);
        let places: Vec<u64> =
            (0..30_000_u32).map(|n| store.push(n.to_ne_bytes(), &name(n), u64::MAX).unwrap()).collect();
        assert!(store.pieces.len() > 3);
        for (n, found) in (0_u32..).zip(store.range(0, store.end())) {
            assert_eq!(found, (places[n as usize], n.to_ne_bytes(), &name(n)[..]));
            assert_eq!(store.at(found.0), Some((found.1, found.2)));
        }
        assert_eq!(store.range(0, store.end()).count(), 30_000);
        assert_eq!(store.range(places[7], places[9]).count(), 2);
    }

    #[test]
    fn what_has_no_room_is_refused() {
        let mut store = Store::<1>::default();
        assert_eq!(store.push([1], b"x", PIECE as u64 - 1), None);
        assert_eq!(store.push([1], &[b'x'; 256], u64::MAX), None);
        assert_eq!(store.push([1], b"x", PIECE as u64), Some(0));
        assert_eq!((store.at(0), store.at(3), store.at(PIECE as u64)), (Some(([1], &b"x"[..])), None, None));
    }
}
