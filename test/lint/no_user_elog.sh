#!/bin/bash
# elog(ERROR) is for bugs: a text that starts like a sentence is meant for a user and wants ereport with a code and a hint.
! grep -rnE 'elog\((ERROR|FATAL), *"[A-Z][a-z]' --include='*.[ch]' src
