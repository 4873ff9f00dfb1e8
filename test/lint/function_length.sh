#!/bin/bash
# C functions: none over 100 lines, median at most 20, nine of ten at most 60. Tables of data end in "};" and are free.
awk 'FNR == 1 { open = 0 }
	/^{/ { open = FNR; name = line }
	/^};/ { open = 0 }
	/^}/ && open { length_ = FNR - open - 1; print length_, FILENAME ":" open, name; open = 0 }
	/[^[:space:]]/ { line = $0 }' $(find src -name '*.c') | sort -n | awk '
	{ lines[NR] = $1; if ($1 > 100) { print "over 100 lines:", $0; bad = 1 } }
	END {
		if (!NR) exit
		median = lines[int((NR + 1) / 2)]; ninety = lines[int(NR * 0.9 + 0.999)]
		printf "%d functions, median %d lines, 90 %% at most %d, longest %d\n", NR, median, ninety, lines[NR]
		exit (bad || median > 20 || ninety > 60)
	}'
