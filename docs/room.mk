# The manual pages and the documents.
dist_man_MANS += docs/man/kvd.1 docs/man/kv-sentinel.1 docs/man/kvd-check-rdb.1 docs/man/kvd-check-aof.1
EXTRA_DIST += docs/info-sentinel.md docs/threads.md

# What kvd prints itself: the configuration examples and the reference of the parameters. `make docs` after a change of
# a parameter; `make check` compares.
EXTRA_DIST += docs/configuration.md docs/configuration.intro.md docs/update
docs: kvd
	$(srcdir)/docs/update ./kvd $(srcdir)
.PHONY: docs

TESTS += docs/check-documents
CLEANFILES += docs/check-documents
docs/check-documents: docs/room.mk kvd
	@$(MKDIR_P) docs
	$(AM_V_GEN)printf '#!/bin/sh\nexec %s/docs/update ./kvd %s --check\n' '$(abs_srcdir)' '$(abs_srcdir)' >$@ && chmod +x $@
