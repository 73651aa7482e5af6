// SPDX-License-Identifier: BSD-2-Clause
//! What could not be set on files, and is summed up at the end. Pure.

use std::fmt;

/// Counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Extended attributes, ACLs among them.
    pub attributes: u64,
    /// Files whose flags were not set.
    pub flags: u64,
    /// Whiteouts.
    pub whiteouts: u64,
}

impl Losses {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Losses::default()
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.attributes, "extended attribute"),
            (self.flags, "set of file flags"),
            (self.whiteouts, "whiteout"),
        ];
        let mut comma = "";
        for (count, what) in kinds.into_iter().filter(|(count, _)| *count > 0) {
            let plural = match (count, what) {
                (1, what) => what.to_owned(),
                (_, "set of file flags") => "sets of file flags".to_owned(),
                (_, what) => format!("{what}s"),
            };
            write!(f, "{comma}{count} {plural}")?;
            comma = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let losses = Losses { attributes: 1, flags: 2, whiteouts: 0 };
        assert_eq!(losses.to_string(), "1 extended attribute, 2 sets of file flags");
        assert!(!losses.is_empty() && Losses::default().is_empty());
    }
}
