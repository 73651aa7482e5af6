// SPDX-License-Identifier: BSD-2-Clause
//! The names of volumes: a list of names, or a prefix followed by the volume number.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// The names of volumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// One for each volume, at least one. Volumes after the last name go to that name again.
    List(Vec<OsString>),
    /// This and the number of the volume, three digits or more (`--volumes-prefix`).
    Numbered(OsString),
}

impl Names {
    /// The names of a list. A comma at the end means the name before it once more, as in dump.
    pub fn list(list: &OsStr) -> Names {
        let parts = list.as_bytes().split(|&b| b == b',');
        let mut names: Vec<OsString> = parts.map(|part| OsStr::from_bytes(part).to_owned()).collect();
        if let [.., before, last] = names.as_mut_slice()
            && last.is_empty()
        {
            last.clone_from(before);
        }
        Names::List(names)
    }

    /// The name of volume `volume`, from 1.
    pub fn of(&self, volume: u32) -> OsString {
        match self {
            Names::List(list) => {
                let index = (volume as usize).saturating_sub(1).min(list.len().saturating_sub(1));
                list.get(index).cloned().unwrap_or_default()
            }
            Names::Numbered(base) => {
                let mut name = base.clone();
                name.push(format!("{volume:03}"));
                name
            }
        }
    }

    /// Whether volume `volume` has a name that no volume before it had: then its medium need not be changed.
    pub fn has_own(&self, volume: u32) -> bool {
        match self {
            Names::List(list) => volume as usize <= list.len(),
            Names::Numbered(_) => true,
        }
    }

    /// Whether there is more than one name, so that dump says `Dumping volume %d on %s`.
    pub fn are_several(&self) -> bool {
        !matches!(self, Names::List(list) if list.len() < 2)
    }

    /// How many there are; of numbered ones the first.
    pub fn count(&self) -> u32 {
        match self {
            Names::List(list) => u32::try_from(list.len()).unwrap_or(u32::MAX),
            Names::Numbered(_) => 1,
        }
    }

    /// All of them, for messages.
    pub fn joined(&self) -> OsString {
        match self {
            Names::List(list) => list.join(OsStr::new(",")),
            Names::Numbered(base) => base.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_name_of_a_list_goes_on() {
        let names = Names::List(["a", "b"].map(OsString::from).to_vec());
        let got: Vec<_> = (1..=4).map(|volume| names.of(volume)).collect();
        assert_eq!(got, ["a", "b", "b", "b"]);
        assert_eq!([1, 2, 3].map(|volume| names.has_own(volume)), [true, true, false]);
        assert!(names.are_several());
        assert!(!Names::List(vec!["a".into()]).are_several());
    }

    #[test]
    fn a_prefix_is_numbered_without_end() {
        let names = Names::Numbered("base.".into());
        let got: Vec<_> = [1, 20, 999, 1000].into_iter().map(|volume| names.of(volume)).collect();
        assert_eq!(got, ["base.001", "base.020", "base.999", "base.1000"]);
        assert!(names.has_own(4000) && names.are_several());
        assert_eq!(names.joined(), "base.");
    }
}
