// SPDX-License-Identifier: BSD-2-Clause
//! `-r` and `-R`: brings the target from the tree of the levels before to that of this dump, in phases that can be repeated.

use std::collections::HashMap;
use std::rc::Rc;

use crate::exit;
use crate::operator::{Restoring, Shown};
use crate::os::errno::strerror;
use crate::os::time::ctime;
use crate::restore::chain::{Action, Holder, New, Sources, Spot, Way};
use crate::restore::failures::is_unsupported;
use crate::restore::fit::fit;
use crate::restore::job::Mode;
use crate::restore::session::Session;
use crate::restore::state::{BadState, DumpId, Phase, STAGE, STATE, State, encode};
use crate::restore::table::Table;
use crate::restore::tree::Tree;
use crate::restore::wire::{DirectoryId, Failure, Operation, Place, Step, TARGET};
use dumpstream::InodeMap;
use dumpstream::reading::Names;
use ufs::Ino;

/// Lines that are printed of one kind.
const MOST_LINES: usize = 1000;

/// What is known of the target before.
#[derive(Debug, Default)]
pub struct Before {
    /// The state that is there.
    pub state: Option<Result<State, BadState>>,
    /// Nothing is in the target.
    pub is_empty: bool,
    /// A restore was interrupted while it wrote a state.
    pub is_begun: bool,
}

/// A rebuild under way.
pub struct Rebuild {
    dump: DumpId,
    phase: Phase,
    old: Rc<Table>,
    new: Rc<Table>,
    /// The writer's numbers.
    ids: HashMap<Ino, DirectoryId>,
    /// Repeats what may have been done.
    resumed: bool,
    /// How many of the headings of removals have been printed.
    headings: usize,
}

/// What restore prints with `-v` before whiteouts, files and directories are removed.
const HEADINGS: [&str; 3] =
    ["Delete whiteouts", "Find unreferenced names.", "Remove old nodes (directories)."];

/// The number of the directory for what is on its way.
const STAGE_ID: DirectoryId = u32::MAX;

impl Session<'_> {
    /// Whether the whole tree is rebuilt.
    pub(super) fn rebuilds(&self) -> bool {
        self.job.rebuilds()
    }

    /// Whether names that are extracted can be there already, from the levels before.
    pub(super) fn replaces(&self) -> bool {
        self.rebuild.as_ref().is_some_and(|rebuild| rebuild.resumed || rebuild.dump.ddate != 0)
    }

    /// All directories are known: brings the names of the target up to date. Files are extracted after that.
    pub(super) fn begin_rebuild(
        &mut self,
        tree: &Tree,
        names: &mut Names,
        used: &InodeMap,
        dumped: &InodeMap,
    ) {
        let Some(dump) = self.identity.as_ref().map(DumpId::of) else { return };
        let is_increment = dump.ddate != 0;
        self.report(format_args!("Begin {} restore", if is_increment { "incremental" } else { "level 0" }));
        self.report(format_args!("Initialize symbol table."));
        let Some((old, phase)) = self.before(&dump) else {
            if self.over == Some(exit::DONE) {
                // It can have been killed before this.
                self.finish_root(tree.root().and_then(|root| root.directory), names);
            }
            return;
        };
        self.report(format_args!("Extract directories from tape"));
        let resumed = self.job.mode == Mode::Resume;
        let new = match phase {
            Phase::Extract | Phase::Done => None,
            _ => Some(Sources { old: &old, tree, names, used, dumped }.new_tree()),
        };
        if new.as_ref().is_some_and(|new| new.table.is_full()) {
            return self.refuse(&Restoring::Note(format_args!("there are more names than can be kept")));
        }
        new.iter().for_each(|new| self.say_new(new));
        let old = Rc::new(old);
        let new = new.map_or_else(|| Rc::clone(&old), |new| Rc::new(new.table));
        if is_increment {
            self.report(format_args!("Mark entries to be removed."));
        }
        self.report(format_args!(
            "Calculate {}",
            if is_increment { "node updates." } else { "extraction list." }
        ));
        let ids = HashMap::from([(Ino::ROOT, TARGET)]);
        let mut rebuild = Rebuild { dump, phase, old, new, ids, resumed, headings: 0 };
        rebuild.declare(dumped, |operation| {
            if let Some(link) = &mut self.link {
                link.put(&operation);
            }
        });
        self.go(&mut rebuild, dumped);
        for number in 0..self.extraction.directories.len() {
            let ino = names.directories()[number].ino;
            if tree.number(ino) == Some(number) {
                self.extraction.directories[number].id = rebuild.ids.get(&ino).copied();
            }
        }
        self.rebuild = Some(rebuild);
    }

    /// The tree to begin with, and the phase. None: the dump cannot be taken, which has been reported.
    fn before(&mut self, dump: &DumpId) -> Option<(Table, Phase)> {
        let before = std::mem::take(&mut self.before);
        let table = Shown(STATE);
        if self.job.mode == Mode::Rebuild && dump.ddate == 0 {
            let known =
                matches!(&before.state, Some(Ok(state)) if state.phase != Phase::Done && state.dump == *dump);
            if !before.is_empty && !self.job.overwrite && !self.job.dry_run {
                let hint = if known { "; -R goes on with an interrupted restore" } else { "" };
                self.refuse(&Restoring::Note(format_args!(
                    "the directory is not empty; --overwrite restores into it all the same{hint}"
                )));
                return None;
            }
            return Some((Table::default(), Phase::Stage));
        }
        let state = match before.state {
            Some(Ok(state)) => state,
            // Interrupted before there was one.
            None if before.is_begun && self.job.mode == Mode::Resume && dump.ddate == 0 => {
                return Some((Table::default(), Phase::Stage));
            }
            Some(Err(reason)) => {
                self.refuse(&Restoring::Note(format_args!("./{table}: {reason}")));
                return None;
            }
            None => {
                self.say(&Restoring::Note(format_args!("open: No such file or directory")));
                self.refuse(&Restoring::Note(format_args!("cannot open symbol table file ./{table}")));
                if self.job.mode == Mode::Rebuild {
                    self.say(&Restoring::Note(format_args!("Incremental tape too low")));
                }
                return None;
            }
        };
        // One that was interrupted before its first state is begun, if it builds on what is there.
        let resumes = self.job.mode == Mode::Resume
            && !(state.phase == Phase::Done && state.dump != *dump && state.dump.date == dump.ddate);
        let problem = match resumes {
            true => self.check_resumed(dump, &state),
            false => self.check_increment(dump, &state),
        };
        match problem {
            None if state.phase == Phase::Done && resumes => {
                self.say(&Restoring::Note(format_args!("the restore is complete")));
                self.over = Some(exit::DONE);
                None
            }
            None if resumes => Some((state.table, state.phase)),
            None => Some((state.table, Phase::Stage)),
            Some(problem) => {
                self.refuse(&Restoring::Note(format_args!("{problem}")));
                None
            }
        }
    }

    /// Why an interrupted restore cannot go on with this dump.
    fn check_resumed(&self, dump: &DumpId, state: &State) -> Option<String> {
        (state.dump != *dump).then(|| {
            let (level, date) = (state.dump.level, ctime(state.dump.date));
            format!("not the dump whose restore was interrupted: that is of level {level} and of {date}")
        })
    }

    /// Why a dump does not build on what has been restored.
    fn check_increment(&mut self, dump: &DumpId, state: &State) -> Option<String> {
        let misfit = fit(dump, state).err()?;
        if let Some(too) = misfit.too() {
            self.say(&Restoring::Note(format_args!("{too}")));
        }
        Some(misfit.to_string())
    }

    fn say_new(&mut self, new: &New) {
        for (path, ino) in new.missing.iter().take(MOST_LINES) {
            self.say(&Restoring::Note(format_args!("{}: (inode {ino}) not found on tape", Shown(path))));
        }
        for path in new.ignored.iter().take(MOST_LINES) {
            if path.starts_with(STATE) {
                self.say(&Restoring::Note(format_args!(
                    "./{}: ignored, a file of restore's own",
                    Shown(path)
                )));
            } else {
                self.failed = true;
                self.say(&Restoring::Note(format_args!(
                    "{}: ignored, a further name of a directory",
                    Shown(path)
                )));
            }
        }
    }

    /// Goes from phase to phase up to the extraction.
    fn go(&mut self, rebuild: &mut Rebuild, dumped: &InodeMap) {
        if rebuild.phase >= Phase::Extract {
            return;
        }
        let (old, new) = (Rc::clone(&rebuild.old), Rc::clone(&rebuild.new));
        let way = Way::new(&old, &new, dumped);
        let (stage, remove) = (way.stage(), way.remove());
        if stage.is_empty() && remove.is_empty() {
            rebuild.phase = rebuild.phase.max(Phase::Place);
        }
        let place: Vec<Action> = way.place().into_iter().chain(way.clean()).collect();
        for (phase, actions) in [(Phase::Stage, stage), (Phase::Remove, remove), (Phase::Place, place)] {
            if rebuild.phase > phase {
                continue;
            }
            if phase == Phase::Place && rebuild.dump.ddate != 0 {
                self.head(rebuild, HEADINGS.len());
            }
            rebuild.phase = phase;
            self.commit(phase, &rebuild.dump, &rebuild.old);
            // Nothing of a phase is done before the state says that it has begun.
            if !self.is_over() && !self.act(rebuild, &actions) {
                // It can go on when the reason is removed.
                self.over = Some(exit::STARTUP);
            }
            if self.is_over() {
                return;
            }
        }
        rebuild.phase = Phase::Extract;
        self.commit(Phase::Extract, &rebuild.dump, &rebuild.new);
        rebuild.old = Rc::default();
    }

    /// The dump has been taken.
    pub(super) fn end_rebuild(&mut self) {
        let Some(rebuild) = self.rebuild.take() else { return };
        self.report(format_args!("Check the symbol table."));
        self.report(format_args!("Checkpointing the restore"));
        self.commit(Phase::Done, &rebuild.dump, &rebuild.new);
        if self.is_over() {
            self.rebuild = Some(rebuild);
        }
    }

    fn commit(&mut self, phase: Phase, dump: &DumpId, table: &Table) {
        let Some(link) = &mut self.link else { return };
        // What comes before it is done before it, and what it says is on disk.
        link.put(&Operation::Sync(0));
        link.flush();
        if link.has_failed() {
            return self.take_state_failures();
        }
        encode(phase, dump, table, |piece| link.put(&Operation::State(piece.to_vec())));
        link.put(&Operation::CommitState(0));
        link.flush();
        self.take_state_failures();
    }

    fn take_state_failures(&mut self) {
        while let Some(failure) = self.link.as_mut().and_then(|link| link.failure()) {
            if failure.step == Step::State && self.over.is_none() {
                let reason = reason(failure.errno);
                self.refuse(&Restoring::Note(format_args!("./{}: {reason}", Shown(STATE))));
            }
        }
    }

    /// Has actions done; false if one of them failed so that nothing more can be done.
    fn act(&mut self, rebuild: &mut Rebuild, actions: &[Action]) -> bool {
        for (tag, action) in (0..).zip(actions) {
            let operation = rebuild.operation(tag, action);
            if let (Some(operation), Some(link)) = (operation, &mut self.link) {
                link.put(&operation);
            }
        }
        if let Some(link) = &mut self.link {
            link.flush();
        }
        let mut failures: HashMap<u32, Failure> = HashMap::new();
        while let Some(failure) = self.link.as_mut().and_then(|link| link.failure()) {
            failures.insert(failure.tag, failure);
        }
        let mut can_go_on = true;
        for (tag, action) in (0..).zip(actions) {
            match action {
                Action::RemoveWhiteout(_) => self.head(rebuild, 1),
                Action::Remove(_) => self.head(rebuild, 2),
                Action::RemoveDirectory(_) => self.head(rebuild, 3),
                _ => {}
            }
            match failures.get(&tag) {
                None => self.say_done(rebuild, action),
                Some(failure) => can_go_on &= self.say_failed(rebuild, action, failure),
            }
            // The writer has stopped there.
            if !can_go_on && matches!(action, Action::Rename(..) | Action::MakeStage(_)) {
                return false;
            }
        }
        can_go_on
    }

    /// Prints headings up to this one; that of whiteouts only if there are any.
    fn head(&mut self, rebuild: &mut Rebuild, count: usize) {
        let from = if count > 1 { rebuild.headings.max(1) } else { rebuild.headings };
        for heading in HEADINGS.get(from..count).unwrap_or(&[]) {
            self.report(format_args!("{heading}"));
        }
        rebuild.headings = rebuild.headings.max(count);
    }

    fn say_done(&mut self, rebuild: &Rebuild, action: &Action) {
        if !self.job.verbose {
            return;
        }
        let path = |spot: &Spot| rebuild.path(spot);
        match action {
            Action::MakeStage(_) => {}
            Action::MakeDirectory(_, spot) => self.report(format_args!("Make node {}", Shown(&path(spot)))),
            Action::Remove(spot) => self.report(format_args!("Remove leaf {}", Shown(&path(spot)))),
            Action::RemoveDirectory(spot) => self.report(format_args!("Remove node {}", Shown(&path(spot)))),
            Action::RemoveWhiteout(spot) => {
                self.report(format_args!("Delete whiteout {}", Shown(&path(spot))))
            }
            Action::Rename(from, to, _) => {
                self.report(format_args!("rename {} to {}", Shown(&path(from)), Shown(&path(to))));
            }
            Action::Link(from, to) => {
                self.report(format_args!("Create hard link {}->{}", Shown(&path(to)), Shown(&path(from))));
            }
        }
    }

    /// Reports what failed; false if nothing more can be done.
    fn say_failed(&mut self, rebuild: &Rebuild, action: &Action, failure: &Failure) -> bool {
        let reason = reason(failure.errno);
        let reason = reason.as_str();
        let exists = failure.errno == libc::EEXIST;
        match action {
            Action::MakeStage(spot) => {
                self.failed = true;
                self.say(&Restoring::Warning { path: &rebuild.path(spot), reason });
                false
            }
            Action::MakeDirectory(_, spot) => {
                if !exists || !(rebuild.resumed || self.job.unlink) {
                    self.failed |= !exists;
                    self.say(&Restoring::Warning { path: &rebuild.path(spot), reason });
                }
                exists
            }
            Action::Remove(spot) | Action::RemoveDirectory(spot) => {
                self.failed = true;
                self.say(&Restoring::Warning { path: &rebuild.path(spot), reason });
                // What is in a directory beside what was restored stays.
                [libc::ENOTEMPTY, libc::EEXIST].contains(&failure.errno)
            }
            Action::RemoveWhiteout(spot) => {
                // One that could not be made is not there.
                if !is_unsupported(failure.errno) {
                    self.failed = true;
                    let path = rebuild.path(spot);
                    self.say(&Restoring::CannotWhiteOut { act: "delete", path: &path, reason });
                }
                true
            }
            Action::Rename(from, to, _) => {
                self.failed = true;
                let (from, to) = (rebuild.path(from), rebuild.path(to));
                self.say(&Restoring::Note(format_args!(
                    "warning: cannot rename {} to {}: {reason}",
                    Shown(&from),
                    Shown(&to)
                )));
                // What somebody has removed since is missing, and nothing else.
                failure.errno == libc::ENOENT
            }
            Action::Link(from, to) => {
                self.failed = true;
                let (path, to) = (rebuild.path(to), rebuild.path(from));
                self.say(&Restoring::CannotLink { kind: "hard", path: &path, to: &to, reason });
                exists
            }
        }
    }
}

impl Rebuild {
    /// Gives the directories that are there their numbers, where they are now.
    fn declare(&mut self, dumped: &InodeMap, mut put: impl FnMut(Operation)) {
        let table = if self.phase >= Phase::Extract { &self.new } else { &self.old };
        let way = Way::new(&self.old, &self.new, dumped);
        let moved =
            if self.phase > Phase::Stage && self.phase < Phase::Extract { way.moved() } else { Vec::new() };
        put(Operation::Directory(STAGE_ID, Place { dir: TARGET, name: STAGE.to_vec() }));
        for number in 1..table.len() {
            let node = table.node(number);
            let id = number as DirectoryId;
            let place = match moved.binary_search(&node.ino) {
                Ok(_) => Place { dir: STAGE_ID, name: node.ino.to_string().into_bytes() },
                Err(_) => Place { dir: self.ids[&node.parent], name: node.name.to_vec() },
            };
            self.ids.insert(node.ino, id);
            put(Operation::Directory(id, place));
        }
    }

    /// What the writer is to do; none if a directory has no number, since it could not be made.
    fn operation(&mut self, tag: u32, action: &Action) -> Option<Operation> {
        Some(match action {
            Action::MakeStage(spot) => Operation::MakeOnly(tag, self.place(spot)?),
            Action::MakeDirectory(ino, spot) => {
                let id = self.ids.len() as DirectoryId;
                self.ids.insert(*ino, id);
                Operation::MakeDirectory(tag, id, self.place(spot)?)
            }
            Action::Remove(spot) => Operation::Remove(tag, self.place(spot)?),
            Action::RemoveDirectory(spot) => Operation::RemoveDirectory(tag, self.place(spot)?),
            Action::RemoveWhiteout(spot) => Operation::RemoveWhiteout(tag, self.place(spot)?),
            Action::Rename(from, to, ino) => {
                let id = ino.and_then(|ino| self.ids.get(&ino).copied());
                Operation::Rename(tag, self.place(from)?, self.place(to)?, id)
            }
            Action::Link(from, to) => {
                let way = crate::restore::wire::InWay::Replace;
                Operation::Link(tag, self.place(from)?, self.place(to)?, way)
            }
        })
    }

    fn place(&self, spot: &Spot) -> Option<Place> {
        let dir = match spot.holder {
            Holder::Directory(ino) => *self.ids.get(&ino)?,
            Holder::Stage => STAGE_ID,
        };
        Some(Place { dir, name: spot.name.clone() })
    }

    /// The path of a name, for messages.
    fn path(&self, spot: &Spot) -> Vec<u8> {
        let ino = match spot.holder {
            Holder::Directory(ino) => ino,
            Holder::Stage => return [b"./", STAGE, b"/", &spot.name].concat(),
        };
        let tables = [&self.new, &self.old];
        let found = tables.into_iter().find_map(|table| Some(table.path(table.number(ino)?, &spot.name)));
        found.unwrap_or_else(|| spot.name.clone())
    }
}

fn reason(errno: i32) -> String {
    strerror(&std::io::Error::from_raw_os_error(errno))
}
