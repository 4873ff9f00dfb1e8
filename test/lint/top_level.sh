#!/bin/bash
# The top level holds what the house plan names, and nothing else.
files=$(git -c safe.directory='*' ls-files --cached --others --exclude-standard 2>/dev/null | cut -d/ -f1 | sort -u)
[ -n "$files" ] || files=$(ls -A | grep -vE '\.(so|tmp)$|^sales_crm(--.*|_organization)\.sql$')
extra=$(grep -vxE 'src|sql|expected|test|Makefile|sales_crm\.control|README\.md|LICENSE|META\.json|CHANGELOG\.md|\..*' <<<"$files")
[ -z "$extra" ] || { echo "not on the list:" $extra; exit 1; }
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" sales_crm.control)
grep -q "\"version\": \"$version\.[0-9]*\"" META.json && grep -q "^## $version" CHANGELOG.md || { echo "META.json or CHANGELOG.md lacks version $version"; exit 1; }
