#!/bin/bash
# The catalogue conventions of ../shared/tools/schema_lint.sql, when that folder is there.
# A log outlives its rule, an outbox tells of records of any table. Postal codes and Dynamics 365 codes end in _code and are no keys: those are the names people know.
lint=../shared/tools/schema_lint.sql
[ -f "$lint" ] || { echo "no $lint: not checked"; exit 0; }
found=$(for schema in crm sales_crm; do psql -Xq -v schema=$schema -f "$lint" || echo "$lint does not run"; done |
	grep -vP '^fk-missing\t\w+\.(\w+_postal_code|dynamics_code|aggregate_id)\t|^fk-missing\tautomation_run\.automation_rule_id\t')
[ -z "$found" ] || { echo "$found"; exit 1; }
