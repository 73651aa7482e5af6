// SPDX-License-Identifier: BSD-2-Clause
//! Local time, as ctime(3) writes it and dumpdates keeps it.

use super::half;
use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::time::{SystemTime, UNIX_EPOCH};

// libc leaves these two out on some of our systems. Both are POSIX.
unsafe extern "C" {
    fn tzset();
    fn strptime(text: *const c_char, format: *const c_char, tm: *mut libc::tm) -> *const c_char;
}

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Seconds since the epoch.
pub fn now() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |secs| -secs),
    }
}

/// Reads the time zone. To be called once at the start: in the sandbox its file cannot be opened.
pub fn warm_up() {
    // SAFETY: this process has one thread; nothing in this program starts another, and tests do not come here.
    unsafe { half::time::pin_zone() };
    // SAFETY: tzset takes nothing; with one thread no one else reads the zone.
    unsafe { tzset() };
    // The C library may read the rest of its tables at the first conversion.
    let _ = local(now()).and_then(|_| parse_ctime(&ctime(now())));
}

/// The time as `Tue Nov 14 22:13:20 2023`, in local time and without a newline.
pub fn ctime(secs: i64) -> String {
    let Some(tm) = local(secs) else {
        return format!("{secs} seconds after the epoch");
    };
    format!(
        "{} {} {:2} {:02}:{:02}:{:02} {}",
        name(&DAYS, tm.tm_wday),
        name(&MONTHS, tm.tm_mon),
        tm.tm_mday,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec,
        1900 + i64::from(tm.tm_year)
    )
}

/// Reads what [`ctime`] writes, a newline at the end allowed, as dump's unctime(3) does: the day of the week is not
/// looked at, and summer time is as the zone says. None where it is no such date.
pub fn parse_ctime(text: &str) -> Option<i64> {
    let text = CString::new(text).ok()?;
    // SAFETY: tm is a C struct of numbers and perhaps a pointer, for which zero is a value.
    let mut tm: libc::tm = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: both strings end in NUL and outlive the call; `tm` is ours to fill. The answer is null or points into
    // `text`, whose byte there can be read.
    let rest = unsafe {
        let end = strptime(text.as_ptr(), c"%a %b %e %H:%M:%S %Y".as_ptr(), &mut tm);
        if end.is_null() { None } else { Some(*end) }
    };
    if !matches!(u8::try_from(rest?), Ok(b'\n' | 0)) {
        return None;
    }
    tm.tm_isdst = -1;
    // SAFETY: mktime reads and normalises `tm`, which is filled in.
    let secs = unsafe { libc::mktime(&mut tm) };
    // -1 is the error and, as in dump, also one second before the epoch.
    #[allow(clippy::useless_conversion)] // time_t has 32 bits on FreeBSD/i386
    (secs != -1).then_some(i64::from(secs))
}

/// Local hour and minute: `22:13`.
pub fn clock_hm(secs: i64) -> String {
    match local(secs) {
        Some(tm) => format!("{:02}:{:02}", tm.tm_hour, tm.tm_min),
        None => String::from("--:--"),
    }
}

fn local(secs: i64) -> Option<libc::tm> {
    let secs = libc::time_t::try_from(secs).ok()?;
    let mut tm = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are to values that outlive the call; a null answer means that `tm` was not filled in,
    // and even then zero is a value of it.
    unsafe {
        let answer = libc::localtime_r(&secs, tm.as_mut_ptr());
        (!answer.is_null()).then(|| tm.assume_init())
    }
}

fn name(names: &[&'static str], at: i32) -> &'static str {
    usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or("???")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::process::ExitStatus;
    use crate::os::process::testing::in_child;

    /// Runs checks in a child whose time zone is `zone`.
    fn in_zone(zone: &str, body: impl FnOnce() -> bool) {
        let status = in_child(|| {
            // SAFETY: in the child of a fork there is one thread.
            unsafe {
                std::env::set_var("TZ", zone);
                warm_up();
            }
            i32::from(!body())
        });
        assert_eq!(status, ExitStatus::Exited(0), "{zone}");
    }

    #[test]
    fn writes_and_reads_utc() {
        in_zone("UTC0", || {
            let text = ctime(1_700_000_000);
            text == "Tue Nov 14 22:13:20 2023"
                && ctime(0) == "Thu Jan  1 00:00:00 1970"
                && clock_hm(1_700_000_000) == "22:13"
                && parse_ctime(&text) == Some(1_700_000_000)
                && parse_ctime("Thu Jan  1 00:00:00 1970\n") == Some(0)
                && parse_ctime("Thu Jan 1 00:00:01 1970") == Some(1)
                // A date that was broken off is none, or one long before any dump.
                && (0..text.len()).all(|length| parse_ctime(&text[..length]).is_none_or(|date| date < 0))
        });
    }

    #[test]
    fn minds_summer_time() {
        in_zone("EST5EDT,M3.2.0,M11.1.0", || {
            ctime(1_700_000_000) == "Tue Nov 14 17:13:20 2023"
                && parse_ctime("Tue Nov 14 17:13:20 2023") == Some(1_700_000_000)
                && ctime(1_690_000_000) == "Sat Jul 22 00:26:40 2023"
                && parse_ctime("Sat Jul 22 00:26:40 2023") == Some(1_690_000_000)
        });
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in ["", "yesterday", "Tue Nov 14 22:13:20 2023 x", "Tue Nov 14 22:13", "a\0b"] {
            assert_eq!(parse_ctime(text), None, "{text:?}");
        }
        assert!(now() > 1_700_000_000);
    }
}
