complete -c capdump -s D -d 'the file of earlier dumps [default: /etc/dumpdates]' -r -F
complete -c capdump -s h -d 'honor the nodump flag from this level on [default: 1]' -r
complete -c capdump -s T -d 'dump what changed since this date (ctime(3))' -r
complete -c capdump -l exclude -d 'leave out a file, or a directory with all below it' -r
complete -c capdump -l exclude-file -d 'leave out the inodes that a file lists' -r -F
complete -c capdump -l exclude-inode -d 'leave out inodes, numbers separated by commas' -r
complete -c capdump -l partition -d 'dump the file system in a partition of the disk: p2, s1, s1a or a' -r
complete -c capdump -l superblock -d 'read a copy of the superblock, at this sector of 512 bytes' -r
complete -c capdump -l label -d 'the label in the headers, up to 15 bytes [default: none]' -r
complete -c capdump -s f -d 'write to a file or tape, "-" for standard output, [user@]host:file, or a list separated by commas; a name with a slash before its first colon is a local file [default: $TAPE or /dev/sa0]' -r -F
complete -c capdump -s P -d 'write each volume to a command\'s standard input' -r
complete -c capdump -l compress -d 'compress the dump: zstd, or zstd:1 to zstd:19 [default level: 3]; zstdcat(1) reads it' -r -f -a "zstd\t''"
complete -c capdump -l index -d 'write an index of the dump; with --list, --emit: read it' -r -F
complete -c capdump -s B -d 'KB in a volume, rounded down to whole records' -r
complete -c capdump -s b -d 'KB in a record, 1 to 1000 [default: 10]' -r
complete -c capdump -s d -d 'density of the tape in bits per inch' -r
complete -c capdump -s s -d 'length of the tape in feet' -r
complete -c capdump -l autoload -d 'unload the tape and wait so long for the next one before asking' -r
complete -c capdump -l volume-script -d 'run between volumes, with device and number of the one that is full' -r
complete -c capdump -l max-read-errors -d 'ask after so many read errors, 0 for never [default: 32]' -r
complete -c capdump -l progress -d 'how progress is reported [default: bar on a terminal, else plain]' -r -f -a "none\t''
plain\t''
bar\t''
json\t''"
complete -c capdump -l progress-fd -d 'where lines of JSON are written' -r
complete -c capdump -l emit -d 'write a dump of this path of a dump only; may be repeated' -r
complete -c capdump -l long -d 'read zstd frames with windows of up to 2^log bytes, 10 to 31 [default: 23]' -r
complete -c capdump -s C -d 'accepted, without effect' -r
complete -c capdump -l workers -d 'processes that read the disk, 1 to 16 [default: 2 or 3; 6 with --compress]' -r
complete -c capdump -s 0 -d 'full dump; digits are concatenated: -10 is level 10'
complete -c capdump -s 1 -d 'dump what changed since the newest dump of a lower level'
complete -c capdump -s 2 -d 'and so on, to -9'
complete -c capdump -s 3 -d ''
complete -c capdump -s 4 -d ''
complete -c capdump -s 5 -d ''
complete -c capdump -s 6 -d ''
complete -c capdump -s 7 -d ''
complete -c capdump -s 8 -d ''
complete -c capdump -s 9 -d ''
complete -c capdump -s L -d 'take a snapshot of a mounted file system and dump that'
complete -c capdump -s r -d 'leave the dates of the dump out of the stream, for rsync(1); level 0 only'
complete -c capdump -s R -d 'as -r, and write each file\'s modification time in place of its access time'
complete -c capdump -s u -d 'record the dump in the dumpdates file'
complete -c capdump -l verify -d 'read each volume back when it is written'
complete -c capdump -s a -d 'ignore the tape length; write until end of media'
complete -c capdump -s c -d 'cartridge tape: 8000 bpi, 1700 feet'
complete -c capdump -l volumes-prefix -d 'write volumes to file001, file002 and so on'
complete -c capdump -l batch -d 'never ask: abort the dump where it would'
complete -c capdump -s n -d 'notify the operator group when the dump needs attention'
complete -c capdump -l strict -d 'exit with status 4 when data could not be read'
complete -c capdump -l check -d 'check a dump: the operands are its volumes'
complete -c capdump -l json -d 'with --check, --list: write lines of JSON'
complete -c capdump -l list -d 'list the files of a dump: the operands are its volumes'
complete -c capdump -s S -d 'print the estimated size and exit'
complete -c capdump -s W -d 'list the last dumps, marking file systems that are due, and exit'
complete -c capdump -s w -d 'list the file systems that are due, and exit'
complete -c capdump -l help -d 'print this help and exit'
complete -c capdump -s V -l version -d 'print the version and exit'
