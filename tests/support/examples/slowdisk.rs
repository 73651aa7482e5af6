// SPDX-License-Identifier: BSD-2-Clause
//! Serves a file as a disk that takes its time: `slowdisk [--latency US] [--rate BYTES/S] [--threads N] FILE MOUNTPOINT`.
//!
//! The file is MOUNTPOINT/file, and not cached; each read of it takes so many microseconds, 256 of them at once, and all together so many
//! bytes per second at most. Serves until it is unmounted, or ends by a signal and unmounts it then. Prints what was asked of it.

#[cfg(target_os = "linux")]
#[allow(clippy::print_stdout, reason = "what it is for")]
fn main() {
    use std::path::Path;
    use std::time::Duration;

    use capdump_support::fuse::{Faults, Pace, Served};
    use nix::sys::signal::{SigSet, Signal, kill};
    use nix::unistd::getpid;

    let mut pace = Pace::latency(Duration::ZERO);
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    while args.len() > 3 {
        let (name, value) = (args.remove(0), args.remove(0).parse().expect("a number"));
        match &*name {
            "--latency" => pace.latency = Duration::from_micros(value),
            "--rate" => pace.rate = Some(value),
            "--threads" => pace.threads = value as usize,
            _ => panic!("{name}: no such option"),
        }
    }
    let [file, on] = args.as_slice() else {
        panic!("slowdisk [--latency US] [--rate BYTES/S] [--threads N] FILE MOUNTPOINT");
    };
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGHUP);
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    signals.thread_block().expect("signals to block");
    let mut served = Served::paced(Path::new(on), Path::new(file), Faults::default(), pace);
    let log = served.log.clone();
    let server = std::thread::spawn(move || {
        served.wait();
        // It is unmounted already.
        std::mem::forget(served);
        kill(getpid(), Signal::SIGTERM).expect("a signal to this process");
    });
    signals.wait().expect("a signal to wait for");
    if !server.is_finished() {
        // What holds the file open loses it when this process ends.
        let flags = nix::mount::MntFlags::MNT_DETACH;
        match nix::mount::umount2(Path::new(on), flags) {
            // It was unmounted meanwhile.
            Ok(()) | Err(nix::errno::Errno::EINVAL) => {}
            Err(error) => panic!("cannot unmount {on}: {error}"),
        }
    }
    let log = log.lock().expect("no panic");
    let bytes: usize = log.reads.iter().map(|read| read.1).sum();
    println!("{} reads of {bytes} bytes, {} at once", log.reads.len(), log.most_under_way);
}

#[cfg(not(target_os = "linux"))]
fn main() {}
