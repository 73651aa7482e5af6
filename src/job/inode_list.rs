// SPDX-License-Identifier: BSD-2-Clause
//! A file of inode numbers (`--exclude-file`).

/// A line that is no inode number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// The text found.
    pub text: String,
}

/// Reads inode numbers, one a line; empty lines and what follows a `#` do not count.
///
/// Errors: the first line that is neither.
pub fn inode_list(bytes: &[u8]) -> Result<Vec<u32>, BadLine> {
    let mut inodes = Vec::new();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let end = line.iter().position(|&byte| byte == b'#').unwrap_or(line.len());
        let word = line[..end].trim_ascii();
        if word.is_empty() {
            continue;
        }
        let number = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
        match number.filter(|&ino| ino >= 2) {
            Some(ino) => inodes.push(ino),
            None => {
                let text = String::from_utf8_lossy(word).into_owned();
                return Err(BadLine { line: index + 1, text });
            }
        }
    }
    Ok(inodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_inodes() {
        assert_eq!(inode_list(b"12\n\n 7 # the cache\n# none\n4294967295"), Ok(vec![12, 7, u32::MAX]));
        assert_eq!(inode_list(b""), Ok(vec![]));
        for (list, line) in [("1\n", 1), ("5\n4294967296\n", 2), ("5\n6 7\n", 2), ("-3", 1), ("x", 1)] {
            assert_eq!(inode_list(list.as_bytes()).map_err(|bad| bad.line), Err(line), "{list:?}");
        }
    }
}
