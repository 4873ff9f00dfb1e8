#!/bin/bash
# The session blocks of README.md are the test sql/readme.sql with its expected output, which stands there as comments
# so that a block can be pasted whole. Empty lines and blanks at line ends do not count.
squeeze() { sed 's/[[:space:]]*$//; /^$/d'; }
session() { sed -n '/^CREATE EXTENSION/,/^\\set ECHO none/p' "$1" | sed '$d' | squeeze; }
block=$(awk '/^## /{ on = /^## A session/ } /^```/{ inside = on && /^```sql/; next } inside' README.md | squeeze)
[ -n "$block" ] || { echo "README.md has no session"; exit 1; }
diff <(session sql/readme.sql) <(grep -v '^--' <<<"$block") &&
diff <(session expected/readme.out) <(sed 's/^-- \{0,1\}//' <<<"$block") || { echo "the test (<) and README.md (>) differ"; exit 1; }
echo "$(grep -vc '^--' <<<"$block") lines of statements, $(grep -c '^--' <<<"$block") of output"
