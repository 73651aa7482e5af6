# SPDX-License-Identifier: BSD-2-Clause
# The rules for Rust files; run by scripts/lint with -v layers='module: what it may use; ...'.
# Works by line: strings and comments are blanked, then words are looked for. All files are
# read twice: with pass=1 to find the modules that are declared for tests only, then with pass=2.

BEGIN {
	count = split(layers, row, ";")
	for (i = 1; i <= count; i++) {
		if (split(row[i], side, ":") < 2) continue
		gsub(/[ \t]/, "", side[1])
		n = split(side[2], use, /[ \t]+/)
		for (j = 1; j <= n; j++) {
			if (use[j] == "") continue
			may[side[1], use[j]] = 1
			if (use[j] != "*" && !(use[j] in known)) print "scripts/lint:1: layers: " use[j] " is not above " side[1]
		}
		known[side[1]] = i
	}
}

function fail(rule, what) { print FILENAME ":" (at ? at : FNR) ": " rule ": " what }

# notes the file or folder of a module that is declared in path for tests only
function note_test_module(path, name) {
	if (!sub(/(mod|lib|main)\.rs$/, "", path)) sub(/\.rs$/, "/", path)
	test_module[path name] = 1
}
function is_test_module(path) {
	sub(/\.rs$/, "", path)
	for (; path ~ /\//; sub(/\/[^\/]*$/, "", path)) if (path in test_module) return 1
	return 0
}

# the module of src/ that a file belongs to, and how deep the file lies below the crate's root
function place(path,    n, part) {
	in_src = path ~ /^src\//
	in_tests = path ~ /(^|\/)(tests|benches|fuzz)\// || path ~ /(^|\/)tests?\.rs$/ || path ~ /_tests?\.rs$/
	if (is_test_module(path)) in_tests = 1
	in_os = path ~ /^src\/os(\/|\.rs)/
	in_sys = path ~ /^sys\//
	# what a child does before it becomes the program under test
	in_child = path == "tests/support/src/session.rs"
	product = (in_src || path ~ /^(sys|crates\/[a-z]+)\/src\//) && !in_tests
	module = ""; depth = 0
	if (!in_src) return
	n = split(path, part, "/")
	module = part[2]; sub(/\.rs$/, "", module)
	depth = n - 1
	if (part[n] == "mod.rs") depth--
	if (module == "lib" || module == "main") depth = 0
}

# takes comments, strings and character literals out of a line; what is left open
# (closer) goes on in the next line
function code(line,    out, rest, end, token) {
	out = ""; rest = line
	while (rest != "") {
		if (closer != "") {
			end = raw ? index(rest, closer) : quote_end(rest)
			if (!end) return out
			rest = substr(rest, end + length(closer)); closer = ""
			continue
		}
		if (!match(rest, /\/\/|\/\*|r#*"|"|'(\\[^u]|\\u[^']*|\\x[0-9a-fA-F][0-9a-fA-F]|[^\\'])'/)) return out rest
		token = substr(rest, RSTART, RLENGTH)
		out = out substr(rest, 1, RSTART - 1) " "
		rest = substr(rest, RSTART + RLENGTH)
		if (token == "//") return out
		raw = token ~ /^r|\/\*/
		if (token == "/*") closer = "*/"
		else if (token ~ /"$/) { closer = token; gsub(/[r"]/, "", closer); closer = "\"" closer }
	}
	return out
}
# where a plain string ends in s, past escapes; 0 when it goes on
function quote_end(s,    i, c) {
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		if (c == "\\") i++
		else if (c == "\"") return i
	}
	return 0
}

function has_word(text, word) { return text ~ ("(^|[^A-Za-z0-9_])" word "([^A-Za-z0-9_]|$)") }

# one path that starts at the crate's root; target is its first name
function used(target) {
	if (module == "" || target == module) return
	if (index(" " module_list " ", " " target " ") == 0) return # an item of lib.rs, not a module
	if (!(module in known)) { fail("layers", "module " module " has no row in the table of scripts/lint"); return }
	if ((module, target) in may) return
	if ((module, "*") in may && known[target] < known[module] && (module ~ /^(lib|main)$/ || target != "cli")) return
	fail("layers", module " must not use " target)
}

# the names at the first level of a {...} list that text starts with
function used_list(text,    i, c, level, name) {
	for (i = 1; i <= length(text); i++) {
		c = substr(text, i, 1)
		if (c == "{" || c == "}" || c == ",") {
			if (level == 1 && match(name, /[a-z_0-9]+/)) used(substr(name, RSTART, RLENGTH))
			name = ""
			if (c == "{") level++
			if (c == "}" && --level == 0) return
		} else if (level == 1) name = name c
	}
}

function uses(text,    rest, ups, token) {
	rest = text
	while (match(rest, /(^|[^A-Za-z0-9_:])(crate::|capdump::|(super::)+)/)) {
		token = substr(rest, RSTART, RLENGTH)
		rest = substr(rest, RSTART + RLENGTH)
		ups = gsub(/super::/, "", token)
		if (ups && ups != depth) continue
		if (rest ~ /^\{/) used_list(rest)
		else if (match(rest, /^[a-z_0-9]+/)) used(substr(rest, 1, RLENGTH))
	}
}

pass == 1 {
	if (FNR == 1) pending = 0
	if (/^#\[cfg\(test\)\]/) pending = 1
	else if (pending && match($0, /^(pub(\([a-z]+\))? )?mod [a-z_0-9]+;/)) {
		name = $0; sub(/;.*/, "", name); sub(/.* /, "", name)
		note_test_module(FILENAME, name)
		pending = 0
	} else if ($0 !~ /^#\[/) pending = 0
	next
}

FNR == 1 {
	place(FILENAME); closer = ""; statement = ""; at = 0; pending = 0; testing = 0; generated = 0
	if ($0 !~ /^\/\/ SPDX-License-Identifier: BSD-2-Clause$/) fail("spdx", "the first line is not the licence line")
}
FNR == 2 && $0 !~ /^\/\/! ./ { fail("headline", "the second line does not say what the file is (//! ...)") }
FNR <= 5 && /automatically generated|Made by bindgen/ { generated = 1 }
FNR == 601 && !generated { fail("length", "more than 600 lines: one thing each?") }

{
	text = code($0)
	if (!in_os && !in_sys && !in_child && has_word(text, "unsafe")) fail("unsafe", "only sys/ and src/os/ may have unsafe code")
	if (!in_os && !in_sys && !in_tests && has_word(text, "target_os")) fail("target-os", "only sys/ and src/os/ may ask for the system")

	# the body behind #[cfg(test)] is test code: skip to its closing brace
	if (text ~ /^#!\[cfg\(test\)\]/) { in_tests = 1; product = 0 }
	if (text ~ /#\[cfg\((test|all\(test)/) { pending = 1 }
	if (pending || testing) {
		was = testing
		opened = gsub(/\{/, "{", text); closed = gsub(/\}/, "}", text)
		testing += opened - closed
		if (opened) pending = 0
		if (!was && !opened && text ~ /;[ \t]*$/) pending = 0
		next
	}
	if (!product) next

	if (has_word(text, "unwrap") && text ~ /\.unwrap\(\)/) fail("unwrap", "expect with the reason, or an error")
	if (text ~ /(^|[^A-Za-z0-9_])thread::(spawn|scope|Builder)/) fail("thread", "every process has one thread, so that it can fork")
	if (module != "operator" && text ~ /(^|[^A-Za-z0-9_])(e?println?|e?print|dbg)!/) fail("print", "only operator speaks")

	if ((module ~ /^(cli|dumpdates|operator)$/ || FILENAME ~ /^crates\/dumpstream\/src\/index\//) && text ~ /\.(to_string_lossy|display)\(\)/) fail("escape", "a name goes through escape::name")

	# a use may go on over lines: judge it whole, named by its first line
	if (statement != "" || text ~ /^[ \t]*(pub(\([a-z]+\))? )?use /) {
		if (statement == "") start = FNR
		statement = statement text
		if (text !~ /;/) next
		at = start
		uses(statement)
		at = 0; statement = ""
	} else uses(text)
}
