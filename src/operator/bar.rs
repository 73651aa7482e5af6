// SPDX-License-Identifier: BSD-2-Clause
//! A progress bar on the last line of a terminal, drawn by indicatif. It is drawn only by the functions here, without a thread.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use crate::os::{output, tty};
use dumpstream::TP_BSIZE;

/// Maximum number of updates per second.
const RATE: u8 = 10;

/// Columns of a terminal that does not report its width.
const COLUMNS: u16 = 80;

/// During mapping, nothing is counted.
const MAPPING: &str = "  {prefix} {msg}";
/// During writing: share of the estimate, speed, and remaining time.
const WRITING: &str = "  {prefix} [{wide_bar}] {percent:>3}% {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} ETA {eta}";

/// While a dump is read whose size is known.
const READING: &str = "  {prefix} [{wide_bar}] {percent:>3}% {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} ETA {eta}";
/// What the bar begins with while a volume is read back.
const VERIFYING: &str = "verifying volume";
/// While one is read whose size is not known.
const STREAMING: &str = "  {prefix} {decimal_bytes} {decimal_bytes_per_sec}";

/// A bar; clones are the same bar.
#[derive(Clone)]
pub struct Bar {
    terminal: Arc<OwnedFd>,
    bar: ProgressBar,
}

impl fmt::Debug for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bar").field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

impl Bar {
    /// A bar on `terminal`, not drawn yet.
    pub fn new(terminal: OwnedFd) -> Bar {
        let terminal = Arc::new(terminal);
        let target = Box::new(Terminal(Arc::clone(&terminal)));
        let target = ProgressDrawTarget::term_like_with_hz(target, RATE);
        let bar = ProgressBar::with_draw_target(None, target);
        Bar { terminal, bar: bar.with_style(style(MAPPING)) }
    }

    /// Its terminal's descriptor.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.terminal.as_fd()
    }

    /// Shows pass I or II.
    pub fn mapping(&self, pass: u8) {
        let what = if pass == 1 { "regular files" } else { "directories" };
        self.bar.set_prefix(format!("pass {pass}"));
        self.bar.set_message(format!("mapping {what}"));
    }

    /// Begins to show passes III and IV, for which `estimate` tape blocks are expected.
    pub fn writing(&self, estimate: u64) {
        self.bar.set_style(style(WRITING));
        self.bar.set_length(estimate.saturating_mul(TP_BSIZE as u64));
        self.bar.reset();
    }

    /// Shows how far passes III and IV are, for which `estimate` tape blocks are expected.
    pub fn advance(&self, pass: u8, volume: u32, blocks: u64, estimate: u64) {
        let was_verifying = self.bar.prefix().starts_with(VERIFYING);
        self.bar.set_prefix(format!("pass {pass}, volume {volume}"));
        let bytes = blocks.saturating_mul(TP_BSIZE as u64);
        if was_verifying {
            self.bar.set_style(style(WRITING));
            self.bar.set_length(estimate.saturating_mul(TP_BSIZE as u64));
            self.jump(bytes);
        }
        // More may come than was expected.
        if self.bar.length().is_some_and(|length| bytes > length) {
            self.bar.set_length(bytes);
        }
        self.bar.set_position(bytes);
    }

    /// Shows how many bytes of a volume were read back, of `total`.
    pub fn verify(&self, volume: u32, bytes: u64, total: u64) {
        self.bar.set_prefix(format!("{VERIFYING} {volume}"));
        if bytes == 0 {
            self.bar.set_style(style(READING));
            self.bar.set_length(total);
            self.jump(0);
        }
        self.bar.set_position(bytes);
    }

    /// Sets the position from which the speed is computed.
    fn jump(&self, bytes: u64) {
        self.bar.set_position(bytes);
        self.bar.reset_eta();
    }

    /// Shows how many bytes of a dump were read, of `total` if that is known.
    pub fn read(&self, volume: u32, bytes: u64, total: Option<u64>) {
        let is_new = self.bar.prefix().is_empty();
        self.bar.set_prefix(format!("reading volume {volume}"));
        if is_new {
            self.bar.set_style(style(if total.is_some() { READING } else { STREAMING }));
            total.into_iter().for_each(|total| self.bar.set_length(total));
            self.bar.reset();
        }
        self.bar.set_position(bytes);
    }

    /// Hides the bar, runs `what`, and draws the bar again. `what` must not use the bar.
    pub fn suspend<T>(&self, what: impl FnOnce() -> T) -> T {
        self.bar.suspend(what)
    }

    /// Removes the bar, until more is read.
    pub fn put_away(&self) {
        self.bar.finish_and_clear();
        self.bar.set_prefix("");
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are right: a test draws them.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ")
}

/// What indicatif needs of a terminal, by the few sequences that every one has.
struct Terminal(Arc<OwnedFd>);

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terminal")
    }
}

impl Terminal {
    /// Stops writing if the terminal accepts no more.
    fn put(&self, text: &str) -> io::Result<()> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let done = output::write(self.0.as_fd(), rest)?;
            rest = rest.get(done..).unwrap_or_default();
        }
        Ok(())
    }

    fn control(&self, count: usize, letter: char) -> io::Result<()> {
        if count == 0 { Ok(()) } else { self.put(&format!("\x1b[{count}{letter}")) }
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        tty::columns(self.0.as_fd()).unwrap_or(COLUMNS)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.control(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.control(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.control(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.control(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.put(&format!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.put(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.put("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_right() {
        for template in [MAPPING, WRITING, READING, STREAMING] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn what_is_drawn() {
        let (read, write) = output::pipe().unwrap();
        let bar = Bar::new(write);
        bar.mapping(1);
        bar.writing(1000);
        bar.advance(4, 2, 500, 1000);
        bar.verify(2, 0, 2_000_000);
        bar.advance(4, 3, 750, 1000);
        bar.suspend(|| bar.terminal_for_test("a message\n"));
        bar.clear();
        drop(bar);
        let mut bytes = [0; 4096];
        let length = output::read(read.as_fd(), &mut bytes).unwrap();
        let shown = String::from_utf8_lossy(&bytes[..length]).into_owned();
        for part in ["pass 4, volume 3 [", " 75% 768.00 kB/1.02 MB ", "\r\x1b[2Ka message\n"] {
            assert!(shown.contains(part), "{part:?} in {shown:?}");
        }
        assert!(shown.ends_with("\r\x1b[2K"), "{shown:?}");
    }

    impl Bar {
        fn terminal_for_test(&self, text: &str) {
            output::write(self.terminal.as_fd(), text.as_bytes()).unwrap();
        }
    }
}
