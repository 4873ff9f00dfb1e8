#!/bin/bash
# Every test file is reached by a target, every sql/ and specs/ file has its expected output, and no output is an orphan.
bad=0
flunk() { echo "$*"; bad=1; }
reached=$(make -s --no-print-directory list_tests)
for file in $(find sql test/pgtap test/specs test/t test/lint -type f 2>/dev/null | sort); do
	grep -qxF "$file" <<<"$reached" || flunk "$file: no target runs it"
done
for file in $(ls sql/*.sql test/specs/*.spec 2>/dev/null); do
	name=$(basename "${file%.*}")
	[ -f "expected/$name.out" ] || flunk "$file: no expected/$name.out"
done
for file in $(ls expected/*.out 2>/dev/null); do
	name=$(basename "$file" .out)
	[ -f "sql/$name.sql" ] || [ -f "test/specs/$name.spec" ] || flunk "$file: no test of that name"
done
for file in test/specs/*.spec; do
	name=$(basename "$file" .spec)
	grep -q '^# Names its levels itself' "$file" || [ -f "expected/repeatable_read/$name.out" ] || flunk "$file: no expected/repeatable_read/$name.out, what it gives at the upper two isolation levels"
done
for file in $(ls expected/repeatable_read/*.out expected/serializable/*.out 2>/dev/null); do
	[ -f "test/specs/$(basename "$file" .out).spec" ] || flunk "$file: no spec of that name"
done
[ -z "$(ls sql/*.sql test/specs/*.spec 2>/dev/null | sed 's|.*/||; s|\..*||' | sort | uniq -d)" ] || flunk "a name stands for a sql and a specs file"
echo "$(wc -l <<<"$reached") test files"
exit $bad
