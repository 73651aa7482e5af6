// SPDX-License-Identifier: BSD-2-Clause
//! Runs programs under test: without a controlling terminal, with a time limit, output kept.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::{procs, session, watchdog};

/// What a program left.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
    /// The process id that it had, and so its session's.
    pub id: u32,
}

impl Ran {
    /// The exit code; a signal counts as 128 + its number.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    /// This, if the exit code is 0.
    ///
    /// Panics otherwise, with the program's standard error.
    #[track_caller]
    pub fn ok(self) -> Ran {
        assert_eq!(self.code(), 0, "{}", self.stderr);
        self
    }
}

/// A temporary folder, removed when dropped.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// Makes a folder whose name begins with `name`.
    pub fn new(name: &str) -> TempDir {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = roomy().join(format!("{name}.{}.{n}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        TempDir(path)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// Where temporary folders go: to `TMPDIR` if it is set, else to memory if there is much of it: a tree of 20,000
/// files is made ten times as fast there. In a root of its own with nothing mounted there it is a folder among devices, and no file of a
/// dump is made in one.
fn roomy() -> PathBuf {
    let (memory, devices) = (Path::new("/dev/shm"), Path::new("/dev"));
    let device = |path: &Path| std::fs::metadata(path).map(|meta| meta.dev()).ok();
    // Their types differ between systems and machines.
    let bytes = |s: nix::sys::statvfs::Statvfs| u128::from(s.blocks_available()) * u128::from(s.block_size());
    let free = nix::sys::statvfs::statvfs(memory).map_or(0, bytes);
    let fits = free > 4 << 30 && device(memory) != device(devices);
    if fits && std::env::var_os("TMPDIR").is_none() { memory.to_owned() } else { std::env::temp_dir() }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // Nothing to be done if it fails: the folder is left.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A command that runs `program`, which is looked for as [`have`] does, with the default action of every signal.
pub fn command(program: &Path) -> Command {
    watchdog::start();
    let mut command = Command::new(find(program).as_deref().unwrap_or(program));
    session::default_signals(&mut command);
    command
}

/// Landlock's three calls, close_range(2) and pidfd_open(2): what kernels of a few years ago do not have. The same numbers on all machines.
#[cfg(target_os = "linux")]
const NEW_CALLS: [i64; 5] = [444, 445, 446, 436, 434];

/// As [`without_tty`], on a kernel that lacks what came with Linux 5.3 to 5.13.
#[cfg(target_os = "linux")]
pub fn on_an_old_kernel(program: &Path) -> Command {
    let mut command = without_tty(program);
    session::hide_calls(&mut command, &NEW_CALLS);
    command
}

/// As [`without_tty`], on a kernel that has no asynchronous reads (io_setup(2)): whoever reads waits for each.
#[cfg(target_os = "linux")]
pub fn without_aio(program: &Path) -> Command {
    let mut command = without_tty(program);
    session::hide_calls(&mut command, &[nix::libc::SYS_io_setup]);
    command
}

/// A command that runs `program` in a session of its own, so without a controlling terminal.
///
/// The child has the process id that [`Command::spawn`] gives, and is the leader of its group.
pub fn without_tty(program: &Path) -> Command {
    let mut command = command(program);
    session::lead(&mut command);
    command.stdin(Stdio::null());
    command
}

/// Runs a command made by [`without_tty`] to its end, with its output in files, and kills its group at the limit.
///
/// Panics if it doesn't end in time, says more than a GiB, or can't be started.
pub fn run(command: &mut Command, limit: Duration) -> Ran {
    let dir = TempDir::new("capdump-run");
    let file = |name: &str| File::create(dir.join(name)).expect("a file for output");
    command.stdout(file("out")).stderr(file("err"));
    let start = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said =
        || ["out", "err"].map(|name| dir.join(name).metadata().map_or(0, |file| file.len())).iter().sum();
    let status = wait_while(&mut child, limit, || said() < MOST_OUTPUT);
    let took = start.elapsed();
    let length: u64 = said();
    assert!(length < MOST_OUTPUT, "{command:?}: {length} bytes of output at {took:?}");
    let mut stdout = Vec::new();
    let opened = File::open(dir.join("out")).and_then(|mut f| f.read_to_end(&mut stdout));
    opened.expect("the program's output");
    let stderr = std::fs::read(dir.join("err")).expect("the program's messages");
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    let status = status.unwrap_or_else(|| panic!("{command:?}: still there at {took:?}: {stderr}"));
    Ran { status, stdout, stderr, took, id: child.id() }
}

/// Bytes that a program may say: the tests' dumps to standard output are far smaller, and temporary files may be in memory.
const MOST_OUTPUT: u64 = 1 << 30;

/// Waits for a child; at the limit its process group is killed and the answer is `None`.
pub fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    wait_while(child, limit, || true)
}

/// The same, but no longer than `good` holds.
fn wait_while(child: &mut Child, limit: Duration, good: impl Fn() -> bool) -> Option<ExitStatus> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("a child to wait for") {
            return Some(status);
        }
        if Instant::now() > end || !good() {
            procs::kill_group(child.id());
            child.wait().expect("a child to wait for");
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a program is there to be run: in `PATH`, or where programs for the administrator are.
pub fn have(program: &str) -> bool {
    find(Path::new(program)).is_some()
}

/// The file of a program; of a path, the path.
fn find(program: &Path) -> Option<PathBuf> {
    if program.components().count() != 1 {
        return Some(program.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    dirs.map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// Whether the C library has the rules of a time zone, which it takes for UTC otherwise; prints that the test is skipped if it has not.
///
/// A name without `/`, and one with a comma, is taken for the rules themselves (POSIX's form of `TZ`).
pub fn has_zone(name: &str) -> bool {
    let has =
        name.contains(',') || !name.contains('/') || Path::new("/usr/share/zoneinfo").join(name).is_file();
    if !has {
        skipped(&format!("no file of the time zone {name} here"));
    }
    has
}

/// Whether this runs as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Reports that the running test, or a part of it, is not done here, and why.
///
/// The line goes to the file that the environment variable `CAPDUMP_SKIPPED` names (`scripts/test` counts its lines), behind the test's
/// name and a tab; without it to standard error, past the test runner, which keeps what a test prints.
pub fn skipped(why: &str) {
    let line = match std::env::var_os("CAPDUMP_SKIPPED") {
        None => std::io::stderr().write_all(format!("skipped: {why}\n").as_bytes()),
        Some(list) => {
            let line = format!("{}\t{why}\n", test_name());
            // One write to the end of the file: tests run beside each other.
            let list = File::options().append(true).create(true).open(list);
            list.and_then(|mut list| list.write_all(line.as_bytes()))
        }
    };
    line.expect("the list of what is skipped, or standard error");
}

/// The running test: its program, without the hash, and its name, by which the runner names the thread.
fn test_name() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let program = program.file_name().unwrap_or_default().to_string_lossy();
    let program = program.rsplit_once('-').map_or(&*program, |(name, _)| name);
    // With one thread the runner uses its own; cargo-nextest runs each test so, and says which.
    let thread = std::thread::current();
    let name = match thread.name() {
        Some("main") | None => std::env::var("NEXTEST_TEST_NAME").unwrap_or_default(),
        Some(name) => name.to_owned(),
    };
    format!("{program}::{name}")
}
