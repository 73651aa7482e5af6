// SPDX-License-Identifier: BSD-2-Clause
//! Compares messages with those of FreeBSD's dump: line by line, but for the wall clock.

/// How `ours` differs from `reference`: the first differing line of each; empty if they are the same.
///
/// "finished in …" stands for any time, and progress lines (`… % done …`) are left out,
/// and so is what `-C` says there: capdump takes the option and has no such cache. The line about a question that could not be asked is
/// capdump's own, and so is the warning that an image is shorter than its file system.
pub fn differences(ours: &str, reference: &str) -> Vec<String> {
    let (a, b) = (lines(ours), lines(reference));
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    if same == a.len() && same == b.len() {
        return Vec::new();
    }
    let show = |list: &[String]| list.get(same).map_or("nothing", String::as_str).to_owned();
    vec![format!("message {}: {:?}, not {:?}", same + 1, show(&a), show(&b))]
}

fn lines(text: &str) -> Vec<String> {
    let ours = |line: &str| {
        ["% done", " (no terminal: not asked, ", "WARNING: the file system has "]
            .iter()
            .any(|own| line.contains(own))
    };
    let kept = text.lines().filter(|l| !ours(l) && !l.starts_with("  DUMP: Cache "));
    kept.map(|l| match l.strip_prefix("  DUMP: finished in ") {
        Some(_) => "  DUMP: finished in some time".to_owned(),
        None => l.to_owned(),
    })
    .collect()
}
