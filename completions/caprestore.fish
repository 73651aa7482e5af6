complete -c caprestore -s b -d 'KB per record' -r
complete -c caprestore -s f -d 'read the dump from this file; - is standard input' -r -F
complete -c caprestore -s P -d 'read the dump from the output of this command' -r
complete -c caprestore -s s -d 'read this dump of a tape, from 1' -r
complete -c caprestore -l exclude -d 'leave out a file, or a directory with everything below it; may be repeated' -r
complete -c caprestore -l index -d 'with -t, -x and -i, use this index of the dump' -r -F
complete -c caprestore -l into -d 'restore into this directory instead of the current one' -r
complete -c caprestore -l identity -d 'decrypt the dump with the secret keys in this file; may be repeated' -r
complete -c caprestore -l jobs -d 'processes that write files' -r
complete -c caprestore -l progress -d 'how progress is reported: none, plain, or bar [default: none]' -r -f -a "none\t''
plain\t''
bar\t''"
complete -c caprestore -s C -d 'compare the dump with what is in the current directory'
complete -c caprestore -s i -d 'select files by commands and extract them'
complete -c caprestore -s R -d 'go on with an interrupted restore'
complete -c caprestore -s r -d 'rebuild a file system in the current directory'
complete -c caprestore -s t -d 'list files'
complete -c caprestore -s x -d 'extract files'
complete -c caprestore -s D -d 'accepted and ignored'
complete -c caprestore -s d -d 'report more about what goes wrong'
complete -c caprestore -s h -d 'do not descend into directories'
complete -c caprestore -s m -d 'name files by their inode numbers'
complete -c caprestore -s N -d 'write nothing'
complete -c caprestore -s u -d 'remove what is in the way first'
complete -c caprestore -s v -d 'report what is done'
complete -c caprestore -s y -d 'go on after errors without a question'
complete -c caprestore -l json -d 'write JSON lines to standard output'
complete -c caprestore -l no-devices -d 'do not create devices'
complete -c caprestore -l no-owner -d 'do not set owners'
complete -c caprestore -l no-setuid -d 'do not set the set-user-ID and set-group-ID bits'
complete -c caprestore -l numeric-owner -d 'accepted and ignored: dumps contain numbers only'
complete -c caprestore -l overwrite -d 'let -r of level 0 restore into a directory that is not empty'
complete -c caprestore -l strict -d 'exit with status 1 if anything of a file could not be set'
complete -c caprestore -l to-stdout -d 'with -x, write the contents of files to standard output'
complete -c caprestore -l help -d 'print this text'
complete -c caprestore -l version -d 'print the version'
