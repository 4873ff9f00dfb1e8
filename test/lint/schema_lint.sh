#!/bin/bash
# The catalogue conventions of ../shared/tools/schema_lint.sql, when that folder is there.
lint=../shared/tools/schema_lint.sql
[ -f "$lint" ] || { echo "no $lint: not checked"; exit 0; }
found=$(for schema in crm sales_crm; do psql -Xq -v schema=$schema -f "$lint" || echo "$lint does not run"; done)
[ -z "$found" ] || { echo "$found"; exit 1; }
