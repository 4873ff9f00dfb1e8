#!/bin/bash
# README.md is the manual: it names every call, table, view and setting.
calls() { awk -v RS=';' '/CREATE FUNCTION/ && !/RETURNS trigger/ { match($0, /CREATE FUNCTION [a-z_0-9]+/); print substr($0, RSTART + 16, RLENGTH - 16) }' src/*/functions.sql; }
relations() { grep -hoE '^CREATE (TABLE|(OR REPLACE )?VIEW) [a-z_0-9]+' src/*/tables.sql src/*/views.sql | sed 's/.* //' | grep -v '^template_'; }
settings() { awk '/^INSERT INTO organization_setting/ { on = 1; next } on && match($0, /^ *\(\047[a-z_]+\047/) { split($0, part, "\047"); print part[2] } /\);$/ { on = 0 }' src/*/seed.sql; }
missing=$({ calls; relations; settings; } | sort -u | while read -r name; do grep -qw -- "$name" README.md || echo "$name"; done)
[ -z "$missing" ] || { echo "README.md does not name:" $missing; exit 1; }
echo "$(calls | wc -l) calls, $(relations | wc -l) tables and views, $(settings | wc -l) settings"
