// SPDX-License-Identifier: BSD-2-Clause
//! Extended attributes as UFS2 keeps them (`struct extattr`, ufs/ufs/extattr.h). Pure.

use crate::os::tree::{self, Space};

/// Bytes of an attribute before its name.
const HEAD: usize = 7;

/// An attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The name space: 1 for users, 2 for the system (sys/extattr.h).
    pub space: u8,
    /// Its name.
    pub name: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// Bytes of the record, with all of this (`ea_length`).
    pub length: usize,
}

impl Attribute<'_> {
    /// What the writer sets. None: there is no such name space.
    pub fn for_writer(&self) -> Option<tree::Attribute> {
        let space = match self.space {
            1 => Space::User,
            2 => Space::System,
            _ => return None,
        };
        let mut value = self.value.to_vec();
        if space == Space::System {
            match self.name {
                b"posix1e.acl_access" | b"posix1e.acl_default" => acl_to_host(&mut value, 0, &[4, 4, 2, 2]),
                b"nfs4.acl" => acl_to_host(&mut value, 4, &[4, 4, 4, 2, 2]),
                _ => {}
            }
        }
        Some(tree::Attribute { space, name: self.name.to_vec(), value })
    }
}

/// Most entries of an ACL (`ACL_MAX_ENTRIES`, sys/acl.h).
const MOST_ENTRIES: u32 = 254;

/// Turns an ACL that a machine of the other byte order made. It has the number of its entries at `count`, and its fields have these sizes: a
/// few words of 32 bits, up to the entries, then those of each.
fn acl_to_host(value: &mut [u8], count: usize, fields: &[usize]) {
    let Some(number) =
        value.get(count..).and_then(|rest| rest.first_chunk()).map(|bytes| u32::from_ne_bytes(*bytes))
    else {
        return;
    };
    if number <= MOST_ENTRIES || number.swap_bytes() > MOST_ENTRIES {
        return;
    }
    // An NFSv4 ACL has six words before its entries, a POSIX.1e one has its number only.
    let words = if count == 0 { 1 } else { 6 };
    let mut sizes = std::iter::repeat_n(4, words).chain(fields.iter().copied().cycle());
    let mut rest = value;
    while let Some((field, after)) = sizes.next().and_then(|size| rest.split_at_mut_checked(size)) {
        field.reverse();
        rest = after;
    }
}

/// The attributes in `bytes`, in the host's byte order. Errors: the byte that a damaged one begins at; nothing comes after it.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = Result<Attribute<'_>, usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let start = at;
        let parsed = parse(rest);
        // The area can be longer than what is in it.
        let is_padding = rest.iter().all(|&byte| byte == 0);
        at = parsed.as_ref().map_or(bytes.len(), |(_, length)| start + length);
        match parsed {
            Some((attribute, _)) => Some(Ok(attribute)),
            None if is_padding => None,
            None => Some(Err(start)),
        }
    })
}

/// The first attribute, and its length with padding.
fn parse(rest: &[u8]) -> Option<(Attribute<'_>, usize)> {
    let length = usize::try_from(u32::from_ne_bytes(*rest.first_chunk()?)).ok()?;
    let whole = rest.get(..length)?;
    let [space, padding, name] = *whole.get(4..HEAD)?.first_chunk()?;
    let name =
        whole.get(HEAD..HEAD + usize::from(name)).filter(|name| !name.is_empty() && !name.contains(&0))?;
    // The value begins at a multiple of 8.
    let start = (HEAD + name.len()).next_multiple_of(8);
    let value = whole.get(start..length.checked_sub(usize::from(padding))?)?;
    Some((Attribute { space, name, value, length }, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn area() -> Vec<u8> {
        let mut area = Vec::new();
        for (space, name, value) in
            [(1, "comment", &b"hello"[..]), (2, "posix1e.acl_access", &[7; 16]), (1, "e", b"")]
        {
            let start = (HEAD + name.len()).next_multiple_of(8);
            let length = (start + value.len()).next_multiple_of(8);
            let padding = length - start - value.len();
            area.extend((length as u32).to_ne_bytes());
            area.extend([space, padding as u8, name.len() as u8]);
            area.extend(name.as_bytes());
            area.resize(area.len().next_multiple_of(8), 0);
            area.extend(value);
            area.resize(area.len() + padding, 0);
        }
        area
    }

    #[test]
    fn attributes_of_an_area() {
        let mut area = area();
        area.resize(area.len() + 24, 0);
        let found: Vec<_> = attributes(&area).map(Result::unwrap).collect();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0], Attribute { space: 1, name: b"comment", value: b"hello", length: 24 });
        assert_eq!((found[1].name, found[1].value), (&b"posix1e.acl_access"[..], &[7; 16][..]));
        assert_eq!(found[2].value, b"");
    }

    #[test]
    fn a_damaged_one_ends_it() {
        let mut area = area();
        let second = u32::from_ne_bytes(*area.first_chunk().unwrap()) as usize;
        area[second..second + 4].copy_from_slice(&70_000_u32.to_ne_bytes());
        let found: Vec<_> = attributes(&area).map(|found| found.map(|attribute| attribute.space)).collect();
        assert_eq!(found, [Ok(1), Err(second)]);
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            assert!(attributes(&bytes).count() <= 40);
        }
    }
}
