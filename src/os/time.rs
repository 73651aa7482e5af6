// SPDX-License-Identifier: BSD-2-Clause
//! Local time in the format of ctime(3) and dumpdates.

use crate::os::half;
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

/// Reads what [`ctime`] writes, a newline at the end allowed: the day of the week is not looked at. None where it is no such date.
///
/// The text has no zone, so that in the hour that the clocks are set back there are two times for it, and the earlier one is
/// taken: a dump then has too much rather than too little. mktime(3) takes either, or the one that it took last. A time that the
/// clocks leave out, as one that was written in another zone, is read as the time that many minutes earlier.
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
    earliest(seconds_of(&tm)?, |secs| seconds_of(&local(secs)?))
}

/// The first time whose clock shows `wanted`. `clock` has what the clock shows at a time; both as if they were UTC.
fn earliest(wanted: i64, clock: impl Fn(i64) -> Option<i64>) -> Option<i64> {
    // Each offset from UTC within a day and two hours, which is more than any is; none lasts for less than an hour.
    let mut offsets: Vec<i64> = (-26..=26)
        .filter_map(|hours| {
            let near = wanted.checked_add(hours * 3600)?;
            clock(near)?.checked_sub(near)
        })
        .collect();
    offsets.sort_unstable();
    offsets.dedup();
    // The largest offset gives the earliest time.
    let mut times = offsets.into_iter().rev().filter_map(|offset| wanted.checked_sub(offset));
    let first = times.next()?;
    std::iter::once(first).chain(times).find(|&secs| clock(secs) == Some(wanted)).or(Some(first))
}

/// The seconds since 1970 of a date and time of day, taken as UTC; days and seconds may run over.
fn seconds_of(tm: &libc::tm) -> Option<i64> {
    let (year, month) = (1900 + i64::from(tm.tm_year), i64::from(tm.tm_mon));
    // The year begins in March, so that the day that some years have more is its last.
    let year = if month < 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 10) % 12) + 2) / 5 + i64::from(tm.tm_mday) - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719468 days are between March of the year 0 and 1970.
    let days = year.checked_mul(365)? + leap_days + day_of_year - 719_468;
    let time = i64::from(tm.tm_hour) * 3600 + i64::from(tm.tm_min) * 60 + i64::from(tm.tm_sec);
    days.checked_mul(86_400)?.checked_add(time)
}

/// The time as `2023-11-14 22:13`, in local time: 16 columns up to the year 9999.
pub fn date_hm(secs: i64) -> String {
    match local(secs) {
        Some(tm) => format!(
            "{:04}-{:02}-{:02} {:02}:{:02}",
            1900 + i64::from(tm.tm_year),
            tm.tm_mon + 1,
            tm.tm_mday,
            tm.tm_hour,
            tm.tm_min
        ),
        None => format!("{secs:>16}"),
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
    use capdump_support::program::has_zone;
    use std::process::Command;

    /// The zone that the checks of this process are for.
    const ZONE: &str = "CAPDUMP_TEST_ZONE";

    /// Runs checks of `test` in a separate process, whose time zone is `zone`: the C library has a lock around the zone, which another
    /// test's thread may hold while this one forks.
    fn in_zone(test: &str, zone: &str, checks: impl FnOnce() -> bool) {
        if !has_zone(zone) {
            return;
        }
        match std::env::var(ZONE) {
            Ok(own) if own == zone => assert!(
                {
                    warm_up();
                    checks()
                },
                "{zone}"
            ),
            Ok(_) => {}
            Err(_) => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args(["--exact", &format!("os::time::tests::{test}"), "--nocapture"]);
                let output = command.env("TZ", zone).env(ZONE, zone).output().unwrap();
                let text = String::from_utf8_lossy(&output.stdout);
                assert!(output.status.success() && text.contains("1 passed"), "{zone}: {output:?}");
            }
        }
    }

    #[test]
    fn writes_and_reads_utc() {
        in_zone("writes_and_reads_utc", "UTC0", || {
            let text = ctime(1_700_000_000);
            text == "Tue Nov 14 22:13:20 2023"
                && ctime(0) == "Thu Jan  1 00:00:00 1970"
                && parse_ctime(&text) == Some(1_700_000_000)
                && parse_ctime("Thu Jan  1 00:00:00 1970\n") == Some(0)
                && parse_ctime("Thu Jan 1 00:00:01 1970") == Some(1)
                // A date that was broken off is none, or one long before any dump.
                && (0..text.len()).all(|length| parse_ctime(&text[..length]).is_none_or(|date| date < 0))
        });
    }

    #[test]
    fn minds_summer_time() {
        in_zone("minds_summer_time", "EST5EDT,M3.2.0,M11.1.0", || {
            ctime(1_700_000_000) == "Tue Nov 14 17:13:20 2023"
                && parse_ctime("Tue Nov 14 17:13:20 2023") == Some(1_700_000_000)
                && ctime(1_690_000_000) == "Sat Jul 22 00:26:40 2023"
                && parse_ctime("Sat Jul 22 00:26:40 2023") == Some(1_690_000_000)
        });
    }

    /// Whether the text of `secs` is read as the earliest time that has it, which `first` is.
    #[expect(clippy::print_stderr, reason = "a child runs this, whose status alone does not name the time")]
    fn is_first(secs: i64, first: i64) -> bool {
        let text = ctime(secs);
        let read = parse_ctime(&text);
        if read != Some(first) {
            eprintln!("{text}: {read:?}, not {first}");
        }
        read == Some(first) && ctime(first) == text
    }

    #[test]
    fn of_two_times_the_earlier_is_taken() {
        // zone, a time after the clocks were set back, by so many seconds
        for (zone, after, back) in [
            ("Europe/Berlin", 1_792_890_000 + 1800, 3600),
            ("America/New_York", 1_699_164_000 + 60, 3600),
            ("America/Sao_Paulo", 1_550_368_800 + 600, 3600),
            ("Australia/Sydney", 1_743_868_800 + 3599, 3600),
            ("Australia/Lord_Howe", 1_743_865_200 + 900, 1800),
            // Standard time for summer time, and one standard time for another.
            ("Europe/Moscow", 1_414_274_400 + 1200, 3600),
            ("Asia/Pyongyang", 1_439_564_400 + 1200, 1800),
            ("EST5EDT,M3.2.0,M11.1.0", 1_699_164_000 + 3000, 3600),
        ] {
            in_zone("of_two_times_the_earlier_is_taken", zone, || {
                (0..3).all(|_| {
                    // What was converted before has no influence.
                    let (_, _) = (ctime(after + 86_400 * 180), parse_ctime(&ctime(after + 86_400 * 90)));
                    let summer = is_first(after, after - back);
                    let (_, _) = (ctime(after - 86_400 * 180), parse_ctime(&ctime(after - 86_400 * 90)));
                    summer
                        && is_first(after - back, after - back)
                        && is_first(after + 2 * back, after + 2 * back)
                        && is_first(after - 2 * back, after - 2 * back)
                })
            });
        }
    }

    #[test]
    fn a_time_that_the_clocks_leave_out_is_read_as_earlier() {
        in_zone("a_time_that_the_clocks_leave_out_is_read_as_earlier", "EST5EDT,M3.2.0,M11.1.0", || {
            parse_ctime("Sun Mar 12 02:30:00 2023") == Some(1_678_604_400 - 1800)
                && parse_ctime("Sun Mar 12 01:59:59 2023") == Some(1_678_604_399)
                && parse_ctime("Sun Mar 12 03:00:00 2023") == Some(1_678_604_400)
        });
    }

    /// At each change of the clocks in many zones, the text of a time is read as the earliest that has it.
    #[test]
    fn every_change_of_many_zones() {
        for zone in [
            "Africa/Casablanca",
            "America/Caracas",
            "America/Havana",
            "America/Santiago",
            "America/St_Johns",
            "Antarctica/Troll",
            "Asia/Gaza",
            "Asia/Kathmandu",
            "Asia/Tehran",
            "Australia/Lord_Howe",
            "Europe/Dublin",
            "Europe/Istanbul",
            "Europe/Moscow",
            "Europe/Volgograd",
            "Pacific/Apia",
            "Pacific/Chatham",
            "Pacific/Norfolk",
            "EST5EDT,M3.2.0,M11.1.0",
            "UTC0",
        ] {
            in_zone("every_change_of_many_zones", zone, || {
                let shown = |secs: i64| local(secs).as_ref().and_then(seconds_of).map(|at| at - secs);
                let mut time = 900_000_000;
                while time < 1_900_000_000 {
                    let next = time + 7200;
                    if shown(time) != shown(next) {
                        for near in (time - 10_800..next + 10_800).step_by(907) {
                            let text = ctime(near);
                            let first = (0..=104).rev().map(|quarters| near - quarters * 900);
                            let Some(first) = first.into_iter().find(|&secs| ctime(secs) == text) else {
                                return false;
                            };
                            if !is_first(near, first) {
                                return false;
                            }
                        }
                    }
                    time = next;
                }
                true
            });
        }
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in ["", "yesterday", "Tue Nov 14 22:13:20 2023 x", "Tue Nov 14 22:13", "a\0b"] {
            assert_eq!(parse_ctime(text), None, "{text:?}");
        }
        assert!(now() > 1_700_000_000);
    }
}
