#!/bin/bash
# cppcheck finds nothing. PostgreSQL's headers stay out of it; that an ERROR does not return is told here.
command -v cppcheck >/dev/null || { echo "cppcheck is not installed: not checked"; exit 0; }
cppcheck --quiet --error-exitcode=1 --inline-suppr -j "$(nproc)" -I src --enable=warning,performance,portability \
	--library=posix --suppress=missingInclude --suppress=unknownMacro \
	-DERROR=21 -DFATAL=22 -DWARNING=19 -DNOTICE=18 -DDEBUG1=14 \
	'-Dereport(level,...)=if ((level) >= ERROR) abort()' '-Delog(level,...)=ereport(level,0)' \
	-DSALES_CRM_VERSION='"lint"' -DPG_FUNCTION_INFO_V1\(x\)= -DPG_MODULE_MAGIC= -DPGDLLEXPORT= src
