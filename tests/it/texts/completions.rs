// SPDX-License-Identifier: BSD-2-Clause
//! The completions, tried in the shells that they are for: options, and the values of options.

use std::path::{Path, PathBuf};
use std::process::Command;

use capdump_support::program::{TempDir, have, run, skipped, without_tty};

use super::LIMIT;

fn completions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions")
}

/// What a line is completed to, and what is wanted among it.
const CASES: [(&str, &[&str]); 6] = [
    ("capdump --comp", &["--compress"]),
    ("capdump --volum", &["--volume-script", "--volumes-prefix"]),
    ("capdump --progress ", &["none", "plain", "bar", "json"]),
    ("capdump --compress z", &["zstd"]),
    ("capdump --check --js", &["--json"]),
    ("capdump -0a -f imag", &["image-here"]),
];

/// Runs a shell on a script, in a folder with one file; what it says.
fn says(shell: &[&str], script: &str) -> String {
    let dir = TempDir::new("capdump-shells");
    std::fs::write(dir.join("image-here"), "").unwrap();
    let mut command: Command = without_tty(Path::new(shell[0]));
    command.args(&shell[1..]).arg(script).current_dir(dir.path()).env("HOME", dir.path());
    let ran = run(command.env("TERM", "dumb"), LIMIT);
    format!("{}{}", String::from_utf8_lossy(&ran.stdout), ran.stderr)
}

#[track_caller]
fn assert_completed(line: &str, said: &str, wanted: &[&str]) {
    let words: Vec<&str> = said.split_whitespace().collect();
    for wanted in wanted {
        assert!(words.contains(wanted), "{line:?}: {wanted} is not in\n{said}");
    }
    for bad in ["not found", "rror", "bad ", "invalid"] {
        assert!(!said.contains(bad), "{line:?}: {said}");
    }
}

#[test]
fn bash() {
    if !have("bash") {
        return skipped("bash is not there");
    }
    for (line, wanted) in CASES {
        let script = format!(
            "source '{}/capdump.bash'; line='{line}'; COMP_LINE=$line COMP_POINT=${{#line}}; COMP_WORDS=($line); \
             [[ $line != *' ' ]] || COMP_WORDS+=(''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _capdump capdump \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            completions().display()
        );
        assert_completed(line, &says(&["bash", "--norc", "-c"], &script), wanted);
    }
}

#[test]
fn fish() {
    if !have("fish") {
        return skipped("fish is not there");
    }
    for (line, wanted) in CASES {
        let script = format!("source '{}/capdump.fish'; complete -C '{line}'", completions().display());
        assert_completed(line, &says(&["fish", "--no-config", "-c"], &script), wanted);
    }
}

/// zsh completes at a terminal only: zpty gives it one.
#[test]
fn zsh() {
    if !have("zsh") {
        return skipped("zsh is not there");
    }
    for (line, wanted) in CASES {
        // Each wait is for what the terminal is to show next, and ends after 20 seconds in any case.
        let script = format!(
            r#"zmodload zsh/zpty || exit 9
wait_for() {{
    local tries part; shown=
    for tries in {{1..200}}; do
        while zpty -r -t shell part; do shown+=$part; done
        [[ $shown == *$1* ]] && return
        sleep 0.1
    done
}}
zpty shell zsh -f -i
zpty -w shell "PS1=''; unsetopt zle_bracketed_paste; fpath=('{0}' \$fpath); autoload -Uz compinit && compinit -u -D"
zpty -w shell 'zstyle ":completion:*" verbose false; LISTMAX=0; setopt no_always_last_prompt; bindkey "^I" list-choices; print rea""dy'
wait_for ready
zpty -n -w shell '{line}'$'\t'
wait_for '{1}'
print -r -- "$shown"
zpty -d shell
"#,
            completions().display(),
            wanted.last().unwrap(),
        );
        let said = says(&["zsh", "-f", "-c"], &script).replace("\x1b[J", " ").replace("\x1b[K", " ");
        assert_completed(line, &said, wanted);
    }
}
