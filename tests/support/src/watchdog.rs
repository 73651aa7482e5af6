// SPDX-License-Identifier: BSD-2-Clause
//! Kills a child that a test waits for without a limit of its own: a program that hangs is a test that fails, not a run that never ends.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Once;
use std::time::{Duration, Instant};

use crate::procs;

/// Longer than any child of a test takes on a slow machine under load.
const LONGEST: Duration = Duration::from_secs(600);

/// How often it looks.
const EVERY: Duration = Duration::from_secs(10);

/// Watches the children of this process from now on, as long as it lives.
pub(crate) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        // Without it tests run as well.
        _ = std::thread::Builder::new().name("watchdog".to_owned()).spawn(|| {
            let mut watch = Watch { longest: LONGEST, since: HashMap::new() };
            loop {
                std::thread::sleep(EVERY);
                watch.look(&procs::children(std::process::id()));
            }
        });
    });
}

struct Watch {
    longest: Duration,
    /// Since when the children that there were at the last look have been there.
    since: HashMap<u32, Instant>,
}

impl Watch {
    /// Looks at these children, and kills with its own children what has been there for too long.
    fn look(&mut self, children: &[u32]) {
        let now = Instant::now();
        self.since = children.iter().map(|id| (*id, *self.since.get(id).unwrap_or(&now))).collect();
        for id in self.since.iter().filter(|(_, from)| now - **from > self.longest).map(|(id, _)| *id) {
            let all = [vec![id], procs::descendants(id)].concat();
            let text = format!("killed after {} s:\n{}\n", self.longest.as_secs(), procs::described(&all));
            // Past the runner, which keeps what a test prints until it ends.
            _ = std::io::stderr().write_all(text.as_bytes());
            all.into_iter().for_each(procs::kill_one);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn what_stays_too_long_is_killed_with_its_children() {
        let mut long = Command::new("sh").args(["-c", "sleep 100 & wait"]).spawn().unwrap();
        assert!(procs::until(procs::GRACE, || procs::children(long.id()).len() == 1));
        let grandchild = procs::children(long.id())[0];
        let mut watch = Watch { longest: Duration::from_millis(300), since: HashMap::new() };
        watch.look(&[long.id()]);
        assert!(long.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(400));
        let mut late = Command::new("sleep").arg("100").spawn().unwrap();
        watch.look(&[long.id(), late.id()]);
        assert_eq!(long.wait().unwrap().signal(), Some(9));
        assert!(procs::until(procs::GRACE, || !procs::is_alive(grandchild)));
        assert!(late.try_wait().unwrap().is_none());
        late.kill().unwrap();
        late.wait().unwrap();
    }
}
