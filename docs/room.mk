# The manual pages and the documents.
dist_man_MANS += docs/man/kvd.1 docs/man/kv-sentinel.1 docs/man/kvd-check-rdb.1 docs/man/kvd-check-aof.1
EXTRA_DIST += docs/info-sentinel.md
