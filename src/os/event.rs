// SPDX-License-Identifier: BSD-2-Clause
//! The events of an event queue, and the queue of this system.

pub(crate) use crate::os::half::event::Queue;
use crate::os::process::ExitStatus;
use crate::os::signals::Sig;

/// Something that happened. `key` is what the caller gave when it added the thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A descriptor can be read without waiting, its end included.
    Readable {
        /// The caller's name for the descriptor.
        key: u64,
    },
    /// A descriptor can be written without waiting, or its reader is gone.
    Writable {
        /// The caller's name for the descriptor.
        key: u64,
    },
    /// A child has exited. Reported once; the queue then forgets the child.
    ChildExited {
        /// The caller's name for the child.
        key: u64,
        /// How it ended.
        status: ExitStatus,
    },
    /// A timer has run out, once or more since the last wait.
    Timer {
        /// The caller's name for the timer.
        key: u64,
    },
    /// A signal came, once or more since the last wait.
    Signal(Sig),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::testing::{fork_test, in_child};
    use crate::os::socket::{pair, recv_frame, send_frame};
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    const NOW: Option<Duration> = Some(Duration::ZERO);
    const LONG: Option<Duration> = Some(Duration::from_secs(10));

    fn wait(queue: &mut Queue, timeout: Option<Duration>) -> Vec<Event> {
        let mut events = Vec::new();
        queue.wait(&mut events, timeout).unwrap();
        events
    }

    #[test]
    fn tells_what_can_be_read_as_long_as_it_can() {
        let (a, b) = pair().unwrap();
        let mut queue = Queue::new().unwrap();
        queue.add_readable(b.as_fd(), 1 << 40).unwrap();
        assert_eq!(wait(&mut queue, NOW), []);
        send_frame(a.as_fd(), b"x", None).unwrap();
        let readable = [Event::Readable { key: 1 << 40 }];
        assert_eq!(wait(&mut queue, LONG), readable);
        assert_eq!(wait(&mut queue, LONG), readable, "by level");
        recv_frame(b.as_fd(), &mut [0; 8]).unwrap().unwrap();
        assert_eq!(wait(&mut queue, NOW), []);
        drop(a);
        assert_eq!(wait(&mut queue, LONG), readable, "the end");
        queue.remove(b.as_fd()).unwrap();
        queue.remove(b.as_fd()).unwrap();
        assert_eq!(wait(&mut queue, NOW), []);
    }

    #[test]
    fn one_descriptor_both_ways() {
        let (a, b) = pair().unwrap();
        let mut queue = Queue::new().unwrap();
        queue.add_readable(b.as_fd(), 1).unwrap();
        queue.add_writable(b.as_fd(), 2).unwrap();
        assert_eq!(wait(&mut queue, LONG), [Event::Writable { key: 2 }]);
        send_frame(a.as_fd(), b"x", None).unwrap();
        let mut events = wait(&mut queue, LONG);
        events.sort_by_key(|event| matches!(event, Event::Writable { .. }));
        assert_eq!(events, [Event::Readable { key: 1 }, Event::Writable { key: 2 }]);
        queue.remove(b.as_fd()).unwrap();
        assert_eq!(wait(&mut queue, NOW), []);
        queue.add_readable(b.as_fd(), 3).unwrap();
        assert_eq!(wait(&mut queue, LONG), [Event::Readable { key: 3 }]);
    }

    #[test]
    fn a_pipe_without_a_reader_is_writable() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut queue = Queue::new().unwrap();
        queue.add_writable(writer.as_fd(), 7).unwrap();
        drop(reader);
        assert_eq!(wait(&mut queue, LONG), [Event::Writable { key: 7 }]);
    }

    #[test]
    fn tells_a_childs_end_once() {
        let (ours, theirs) = pair().unwrap();
        let child = fork_test(|| {
            recv_frame(theirs.as_fd(), &mut [0; 8]).unwrap();
            42
        });
        let mut queue = Queue::new().unwrap();
        queue.add_child(&child, 5).unwrap();
        assert_eq!(wait(&mut queue, NOW), []);
        send_frame(ours.as_fd(), b"go", None).unwrap();
        let end = [Event::ChildExited { key: 5, status: ExitStatus::Exited(42) }];
        assert_eq!(wait(&mut queue, LONG), end);
        assert_eq!(wait(&mut queue, NOW), []);
        assert_eq!(child.exit_status().unwrap(), Some(ExitStatus::Exited(42)));
        queue.add_child(&child, 6).unwrap();
        let again = [Event::ChildExited { key: 6, status: ExitStatus::Exited(42) }];
        assert_eq!(wait(&mut queue, LONG), again, "also when it has ended before");
    }

    #[test]
    fn timers_run_out_once_or_again() {
        let mut queue = Queue::new().unwrap();
        let start = Instant::now();
        queue.add_timer(1, Duration::from_secs(100), true).unwrap();
        queue.add_timer(1, Duration::from_millis(20), false).unwrap();
        assert_eq!(wait(&mut queue, LONG), [Event::Timer { key: 1 }], "the newer one");
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert_eq!(wait(&mut queue, Some(Duration::from_millis(60))), [], "once");
        queue.add_timer(2, Duration::from_millis(5), true).unwrap();
        for _ in 0..3 {
            assert_eq!(wait(&mut queue, LONG), [Event::Timer { key: 2 }]);
        }
        queue.cancel_timer(2).unwrap();
        queue.cancel_timer(2).unwrap();
        assert_eq!(wait(&mut queue, Some(Duration::from_millis(30))), []);
        queue.add_timer(3, Duration::ZERO, false).unwrap();
        assert_eq!(wait(&mut queue, LONG), [Event::Timer { key: 3 }], "no time at all");
    }

    #[test]
    fn a_wait_can_time_out() {
        let mut queue = Queue::new().unwrap();
        let start = Instant::now();
        assert_eq!(wait(&mut queue, Some(Duration::from_micros(20_500))), []);
        assert!(start.elapsed() >= Duration::from_micros(20_500));
    }

    #[test]
    fn signals_become_events() {
        let status = in_child(|| {
            let mut queue = Queue::new().unwrap();
            queue.add_signals(&Sig::ALL).unwrap();
            for sig in Sig::ALL {
                for signal in sig.signals() {
                    // SAFETY: raise takes any signal number.
                    unsafe { libc::raise(*signal as i32) };
                    if wait(&mut queue, LONG) != [Event::Signal(sig)] {
                        return 1;
                    }
                }
            }
            i32::from(!wait(&mut queue, NOW).is_empty())
        });
        assert_eq!(status, ExitStatus::Exited(0));
    }

    #[test]
    fn a_signal_breaks_no_wait_off() {
        extern "C" fn nothing(_: i32) {}
        let status = in_child(|| {
            let mut queue = Queue::new().unwrap();
            // SAFETY: the handler does nothing; alarm takes any number.
            unsafe {
                libc::signal(libc::SIGALRM, nothing as extern "C" fn(i32) as libc::sighandler_t);
                libc::alarm(1);
            }
            let start = Instant::now();
            let events = wait(&mut queue, Some(Duration::from_millis(1300)));
            i32::from(!events.is_empty() || start.elapsed() < Duration::from_millis(1300))
        });
        assert_eq!(status, ExitStatus::Exited(0));
    }
}
