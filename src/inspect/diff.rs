// SPDX-License-Identifier: BSD-2-Clause
//! `--diff`: what is in one dump and not in the other, and what is not the same in both.

use crate::exit;
use crate::inspect::input::Input;
use crate::inspect::inventory::{Inventory, Taking};
use crate::inspect::told::Told;
use crate::inspect::volumes::whole;
use crate::inspect::{indexed, refuse};
use crate::job::Reading;
use crate::operator::{Difference, Known};
use dumpstream::index::WORD;

/// Compares what the first `first` inputs are with the others; gives the exit code.
pub fn diff(reading: &Reading, inputs: &mut [Input], first: usize, told: Told) -> u8 {
    let (before, after) = inputs.split_at_mut(first);
    let (told, before, damage) = match take(reading, before, told) {
        Ok(taken) => taken,
        Err(code) => return code,
    };
    let (mut told, after, more) = match take(reading, after, told) {
        Ok(taken) => taken,
        Err(code) => return code,
    };
    compare(before, after, |path, difference| told.difference(path, difference));
    told.end_of_diff(damage + more)
}

/// The inventory of a dump, or of an index, and how much damage there is.
///
/// Errors: the exit code, after the reason has been reported.
fn take(reading: &Reading, inputs: &mut [Input], mut told: Told) -> Result<(Told, Inventory, u64), u8> {
    if let [index] = inputs
        && index.unlock(|_| true).is_ok()
        && index.peek(WORD.len(), |_| true) >= WORD.len()
        && index.bytes().starts_with(WORD)
    {
        return match indexed::inventory(index) {
            Ok(inventory) => Ok((told, inventory, 0)),
            Err(reason) => Err(refuse(told, &reason)),
        };
    }
    told.begin_dump();
    let mut taking = Taking::new(told);
    match whole(reading, inputs, &mut taking, false) {
        Ok(summary) => {
            let (told, inventory) = taking.finish();
            Ok((told, inventory, summary.damage))
        }
        Err(exit::DONE) => Err(exit::STARTUP),
        Err(code) => Err(code),
    }
}

/// Gives each difference, by path.
fn compare(before: Inventory, mut after: Inventory, mut found: impl FnMut(&[u8], Difference)) {
    let mut differences: Vec<(Vec<u8>, Difference)> = Vec::new();
    for (path, old) in before {
        let difference = match after.remove(&path) {
            None => Some(Difference::Removed(old)),
            Some(new) if is_same(&old, &new) => None,
            Some(new) => Some(Difference::Changed(old, new)),
        };
        differences.extend(difference.map(|difference| (path, difference)));
    }
    differences.extend(after.into_iter().map(|(path, new)| (path, Difference::Added(new))));
    differences.sort_by(|a, b| a.0.cmp(&b.0));
    differences.into_iter().for_each(|(path, difference)| found(&path, difference));
}

/// Whether what is known of both is the same.
fn is_same(old: &Known, new: &Known) -> bool {
    let about = old.about.zip(new.about).is_none_or(|(old, new)| old == new);
    about && old.digest.zip(new.digest).is_none_or(|(old, new)| old == new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::About;

    #[test]
    fn what_came_went_and_changed() {
        let about = |size| About { mode: 0o100_644, uid: 0, gid: 0, size, mtime: 5, rdev: None };
        let known = |size, digest: u8| Known { about: Some(about(size)), digest: Some([digest; 32]) };
        let inventory = |all: &[(&str, Known)]| -> Inventory {
            all.iter().map(|(path, known)| (path.as_bytes().to_vec(), *known)).collect()
        };
        let before = inventory(&[("./a", known(1, 1)), ("./b", known(1, 1)), ("./c", known(1, 1))]);
        let only_digest = Known { about: None, digest: Some([1; 32]) };
        let after = inventory(&[("./a", known(1, 2)), ("./c", only_digest), ("./d", known(0, 0))]);
        let mut found = Vec::new();
        compare(before, after, |path, difference| found.push((path.to_vec(), difference)));
        let want = [
            (b"./a".to_vec(), Difference::Changed(known(1, 1), known(1, 2))),
            (b"./b".to_vec(), Difference::Removed(known(1, 1))),
            (b"./d".to_vec(), Difference::Added(known(0, 0))),
        ];
        assert_eq!(found, want);
    }
}
