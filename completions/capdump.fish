complete -c capdump -s D -d 'record of dumps [default: /etc/dumpdates]' -r -F
complete -c capdump -s h -d 'honor the nodump flag at or above this level [default: 1]' -r
complete -c capdump -s T -d 'dump files changed since this date, in ctime(3) format' -r
complete -c capdump -l exclude -d 'exclude a file, or a directory with everything below it' -r
complete -c capdump -l exclude-file -d 'exclude the inodes listed in a file' -r -F
complete -c capdump -l exclude-inode -d 'exclude inodes, as numbers separated by commas' -r
complete -c capdump -l partition -d 'dump the file system in this partition of the disk: p2, s1, s1a or a' -r
complete -c capdump -l superblock -d 'read the copy of the superblock at this 512-byte sector' -r
complete -c capdump -l label -d 'the label in the headers, up to 15 bytes [default: none]' -r
complete -c capdump -s f -d 'write to a file or tape, "-" for standard output, [user@]host:file, or a list separated by commas; a name with a slash before its first colon is a local file [default: $TAPE or /dev/sa0]' -r -F
complete -c capdump -s P -d 'write each volume to the standard input of a command' -r
complete -c capdump -l compress -d 'compress the dump: zstd, or zstd:1 to zstd:19 [default level: 3]; decompress with zstdcat(1)' -r -f -a "zstd\t''"
complete -c capdump -l encrypt -d 'encrypt the dump to this public key of age (age1...), and compress it; may be repeated; decrypt with age(1)' -r
complete -c capdump -l recipients-file -d 'encrypt the dump to the public keys in this file; may be repeated' -r -F
complete -c capdump -l index -d 'write an index of the dump; read it with --list and --emit' -r -F
complete -c capdump -l sign -d 'sign the index with this secret key of minisign(1) or signify(1); requires --index' -r -F
complete -c capdump -s B -d 'volume size in KB, rounded down to whole records' -r
complete -c capdump -s b -d 'record size in KB, 1 to 1000 [default: 10]' -r
complete -c capdump -s d -d 'tape density in bits per inch' -r
complete -c capdump -s s -d 'tape length in feet' -r
complete -c capdump -l autoload -d 'unload a full tape and wait this long for the next one before asking' -r
complete -c capdump -l volume-script -d 'command to run between volumes, with the device and the volume number' -r
complete -c capdump -l max-read-errors -d 'ask after more than this number of read errors, 0 for never [default: 32]' -r
complete -c capdump -l progress -d 'how progress is reported [default: bar on a terminal, else plain]' -r -f -a "none\t''
plain\t''
bar\t''
json\t''"
complete -c capdump -l progress-fd -d 'descriptor to which JSON lines are written' -r
complete -c capdump -l emit -d 'write a dump of only this path in a dump; may be repeated' -r
complete -c capdump -l identity -d 'decrypt the dump and its index with the secret keys in this file; may be repeated' -r -F
complete -c capdump -l sample -d 'with --check and --index, read only this part of the data: n/t, or a percentage, such as 5%' -r
complete -c capdump -l long -d 'accept zstd frames with windows of up to 2^log bytes, 10 to 31 [default: 23]' -r
complete -c capdump -l verify-key -d 'with --index and --check or --list, trust the index only if it was signed by this public key' -r -F
complete -c capdump -s C -d 'accepted for compatibility and ignored' -r
complete -c capdump -l workers -d 'number of processes that read the disk, 1 to 16 [default: 2 or 3; 1 per processor with --compress]' -r
complete -c capdump -s 0 -d 'full dump; digits are concatenated: -10 is level 10'
complete -c capdump -s 1 -d 'dump files changed since the last dump at a lower level'
complete -c capdump -s 2 -d 'and so on, to -9'
complete -c capdump -s 3 -d ''
complete -c capdump -s 4 -d ''
complete -c capdump -s 5 -d ''
complete -c capdump -s 6 -d ''
complete -c capdump -s 7 -d ''
complete -c capdump -s 8 -d ''
complete -c capdump -s 9 -d ''
complete -c capdump -s L -d 'dump a snapshot of a mounted file system'
complete -c capdump -s r -d 'omit the dates of the dump from the headers, for rsync(1); level 0 only'
complete -c capdump -s R -d 'same as -r, and replace access times by modification times'
complete -c capdump -s u -d 'record the dump in the dumpdates file'
complete -c capdump -l verify -d 'read back and verify each volume after it is written'
complete -c capdump -s a -d 'ignore the tape length; write until end of media'
complete -c capdump -s c -d 'cartridge tape: 8000 bpi, 1700 feet'
complete -c capdump -l volumes-prefix -d 'write volumes to file001, file002 and so on'
complete -c capdump -l batch -d 'never ask a question: abort the dump instead'
complete -c capdump -s n -d 'notify the operator group when the dump needs attention'
complete -c capdump -l strict -d 'exit with status 4 if some data was unreadable or damaged'
complete -c capdump -l diff -d 'compare two dumps, or their indexes; the operands are both'
complete -c capdump -l check -d 'check a dump; the operands are its volumes, or those of several levels with -- between them'
complete -c capdump -l json -d 'with --check and --list, write JSON lines'
complete -c capdump -l list -d 'list the files in a dump; the operands are its volumes'
complete -c capdump -s S -d 'print the estimated size and exit'
complete -c capdump -s W -d 'list the last dumps, mark file systems that are due, and exit'
complete -c capdump -s w -d 'list the file systems that are due, and exit'
complete -c capdump -l help -d 'print this help and exit'
complete -c capdump -s V -l version -d 'print the version and exit'
