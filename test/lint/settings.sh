#!/bin/bash
# What follows a setting of the session stays in settings.c: names quoted by quote_identifier(), dates and moments printed as the caller likes
# them. Elsewhere core_quoted(), core_date_text(), core_moment_text(), and core_fix_settings() where SQL makes the text.
! grep -nE '\b(quote_identifier|quote_qualified_identifier|timestamptz_to_str|date_out|timestamptz_out|timestamp_out|interval_out)\b' \
	$(find src -name '*.c' ! -path src/core/settings.c)
