# make demo      sets up what is missing, installs, shows one sale from the lead to the paid invoice
# make test      sets up what is missing, installs, runs every suite; make test SUITES="lint pgtap" runs some
# make test_long the suites that take longer: the specs at the upper isolation levels, other seeds, sqlsmith, a decoy for all of pg_catalog, a longer fuzz, a longer stress, a session's memory, valgrind, sanitizers
# make lint | real_data | property | fuzz | stress | bench      one of them alone; make property SEED=7 DOCUMENTS=500 plays seed 7 again, make fuzz SEED=7 MINUTES=30 attacks longer,
#                make stress SEED=7 MINUTES=10 lets eight sessions and kills of the server go on longer
# make | make install | make installcheck | make clean      as for any PostgreSQL extension

EXTENSION  = sales_crm
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)

# Lowest room first: an include, a foreign key or a call only points to an earlier name.
ROOMS = core security history lifecycle party catalog pricing activity opportunity lead document marketing process automation analytics

MODULE_big  = $(EXTENSION)
C_FILES    := $(wildcard src/$(EXTENSION).c) $(foreach r,$(ROOMS),$(sort $(wildcard src/$(r)/*.c)))
H_FILES    := $(wildcard src/*.h) $(filter-out src/core/shape_tables.h,$(foreach r,$(ROOMS),$(sort $(wildcard src/$(r)/*.h))))
OBJS        = $(C_FILES:.c=.o)
PG_CPPFLAGS = -I$(srcdir)/src -DSALES_CRM_VERSION='"$(EXTVERSION)"'
PG_CFLAGS   = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare

# The extension script: members only, then the call that makes the first organization.
CODE_SQL   := $(wildcard src/core/start_install.sql) $(foreach r,$(ROOMS),$(wildcard src/$(r)/functions.sql)) $(wildcard src/core/finish_install.sql)
# The organization script: ordinary objects, one part of all rooms after the other.
part        = $(foreach r,$(ROOMS),$(wildcard src/$(r)/$(1).sql))
TABLES_SQL := $(call part,tables) $(wildcard src/core/finish_tables.sql)
TRIGGERS_SQL := $(call part,triggers) $(wildcard src/core/finish_triggers.sql)
VIEWS_SQL  := $(call part,views)
SEED_SQL   := $(call part,seed)
# What raises an older organization: the locks it begins with, and a step for each version, each a part of its own.
LOCK_SQL    = src/upgrade/lock.sql
STEPS_SQL  := $(wildcard src/upgrade/organization_*.sql)
COMMENTS    = src/core/comment_columns.awk
# What shape.c holds tables against, made from the same DDL.
SHAPES_H    = src/core/shape_tables.h

INSTALL_SQL = $(EXTENSION)--$(EXTVERSION).sql
# Not with two dashes: that would make it a version of the extension.
ORG_SQL     = $(EXTENSION)_organization.sql
DATA        = $(wildcard src/upgrade/$(EXTENSION)--*.sql)
DATA_built  = $(INSTALL_SQL) $(ORG_SQL)

# install comes first and uninstall last, the rest by name.
SQL_TESTS      := $(notdir $(basename $(sort $(wildcard sql/*.sql))))
REGRESS        := $(filter install,$(SQL_TESTS)) $(filter-out install uninstall,$(SQL_TESTS)) $(filter uninstall,$(SQL_TESTS))
ISOLATION      := $(notdir $(basename $(sort $(wildcard test/specs/*.spec))))
ISOLATION_OPTS  = --inputdir=test --outputdir=. --load-extension=$(EXTENSION)
PGTAP_TESTS    := $(sort $(wildcard test/pgtap/*.sql))
PROVE_TESTS    := $(sort $(wildcard test/t/*.pl))
LINT_TESTS     := $(sort $(wildcard test/lint/*.sh))
TAP_TESTS       = $(if $(PROVE_TESTS),1)
EXTRA_CLEAN     = $(SHAPES_H) $(SHAPES_H).tmp $(INSTALL_SQL).tmp $(ORG_SQL).tmp results regression.diffs regression.out output_iso tmp_check

PG_CONFIG := $(firstword $(PG_CONFIG) $(wildcard /usr/lib/postgresql/15/bin/pg_config) pg_config)
PGXS      := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
export PG_CONFIG ROOMS REGRESS ISOLATION PGTAP_TESTS PROVE_TESTS LINT_TESTS

# A bare make builds; the real rule comes with PGXS.
all:

ifneq ($(PGXS),)
# No bitcode for the JIT compiler unless asked for: it needs clang.
ifneq ($(origin with_llvm),command line)
override with_llvm = no
endif
include $(PGXS)

$(OBJS): $(H_FILES) $(EXTENSION).control Makefile
src/core/shape.o: $(SHAPES_H)
else
ifdef AFTER_SETUP
$(error $(PG_CONFIG) finds no PGXS: is postgresql-server-dev-15 installed?)
endif
all install installcheck:
	@bash test/setup.sh build
	@$(MAKE) --no-print-directory $@ AFTER_SETUP=1 PG_CONFIG=/usr/lib/postgresql/15/bin/pg_config
clean:
	rm -f $(OBJS) $(EXTENSION).so $(DATA_built)
endif

# What is put together is so each time and only replaced when it differs: so a file that is gone counts too.
settle = @if cmp -s $@.tmp $@; then rm $@.tmp; else echo "assembling $@"; mv $@.tmp $@; fi
plain  = for file in $(1); do printf '\n-- %s\n' "$$file"; cat "$$file" || exit 1; done;
commented = for file in $(1); do printf '\n-- %s\n' "$$file"; awk -f $(COMMENTS) "$$file" || exit 1; done;
steps = for file in $(1); do version=$${file\#\#*_}; printf '\n-- part: migrate %s\n\n-- %s\n' "$${version%.sql}" "$$file"; cat "$$file" || exit 1; done;

$(INSTALL_SQL): FORCE
	@{ printf '%s\n' '\echo Use "CREATE EXTENSION $(EXTENSION)" to load this file. \quit'; \
	   $(call plain,$(CODE_SQL)) } > $@.tmp
	$(settle)

$(ORG_SQL): FORCE
	@{ echo '-- part: tables'; $(call commented,$(TABLES_SQL)) \
	   printf '\n-- part: triggers\n'; $(call plain,$(TRIGGERS_SQL)) \
	   printf '\n-- part: views\n'; $(call commented,$(VIEWS_SQL)) \
	   printf '\n-- part: seed\n'; $(call plain,$(SEED_SQL)) \
	   printf '\n-- part: migrate lock\n'; $(call plain,$(LOCK_SQL)) \
	   $(call steps,$(STEPS_SQL)) } > $@.tmp
	$(settle)

$(SHAPES_H): FORCE
	@awk -f src/core/shape_tables.awk $(TABLES_SQL) > $@.tmp
	$(settle)

FORCE:

SUITES = lint regress pgtap isolation tap real_data property fuzz
test:
	@bash test/run.sh $(SUITES)
lint real_data property fuzz stress:
	@bash test/run.sh $@
LONG_SUITES = levels chance sqlsmith decoys long_fuzz long_stress memory valgrind sanitized
test_long:
	@bash test/run.sh $(LONG_SUITES)
demo:
	@bash test/demo/demo.sh
demo_stop:
	@bash test/demo/demo.sh stop
bench:
	@bash test/setup.sh install
	@bash test/bench/run.sh
# What the suites run, one file a line.
list_tests:
	@printf '%s\n' $(addprefix sql/,$(addsuffix .sql,$(REGRESS))) $(addprefix test/specs/,$(addsuffix .spec,$(ISOLATION))) \
		$(PGTAP_TESTS) $(PROVE_TESTS) $(LINT_TESTS)

# Folders of the same name would hide these.
.PHONY: FORCE all install installcheck clean test test_long lint real_data property fuzz stress demo demo_stop bench list_tests
