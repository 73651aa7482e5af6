// SPDX-License-Identifier: BSD-2-Clause
//! Whether a dump builds on what has been restored.

use std::fmt;

use crate::operator::Shown;
use crate::os::time::ctime;
use crate::restore::state::{DumpId, Phase, State};

/// Why it does not: one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The last restore is not complete.
    Interrupted,
    /// It builds on a dump of another date: that date, and the one of what has been restored.
    Date(i64, i64),
    /// Its level is not above that of what has been restored: both.
    Level(i32, i32),
    /// It is of another file system: both.
    FileSystem(Box<(DumpId, DumpId)>),
}

/// Whether a dump fits what has been restored.
///
/// Errors: why not.
pub fn fit(dump: &DumpId, state: &State) -> Result<(), Misfit> {
    let last = &state.dump;
    if state.phase != Phase::Done {
        return Err(Misfit::Interrupted);
    }
    if last.date != dump.ddate {
        return Err(Misfit::Date(dump.ddate, last.date));
    }
    if dump.level <= last.level {
        return Err(Misfit::Level(dump.level, last.level));
    }
    match dump.is_of_same(last) {
        true => Ok(()),
        false => Err(Misfit::FileSystem(Box::new((dump.clone(), last.clone())))),
    }
}

impl Misfit {
    /// The line that restore has for it besides.
    pub fn too(&self) -> Option<&'static str> {
        match self {
            Misfit::Date(wanted, found) if found < wanted => Some("Incremental tape too low"),
            Misfit::Date(..) => Some("Incremental tape too high"),
            _ => None,
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Interrupted => {
                f.write_str("the last restore was interrupted; -R and its dump complete it")
            }
            Misfit::Date(wanted, found) => {
                let (wanted, found) = (ctime(*wanted), ctime(*found));
                write!(f, "it builds on a dump of {wanted}, but restored is one of {found}")
            }
            Misfit::Level(level, last) => {
                write!(f, "a dump of level {level} does not build on one of level {last}")
            }
            Misfit::FileSystem(both) => {
                let name =
                    |id: &DumpId| format!("{} on {}:{}", Shown(&id.filesys), Shown(&id.host), Shown(&id.dev));
                write!(f, "it is a dump of {}, but restored is {}", name(&both.0), name(&both.1))
            }
        }
    }
}
