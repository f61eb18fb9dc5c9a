# The configuration examples and the systemd units.
EXTRA_DIST += config/kvd.service.in config/kvd-sentinel.service.in
exampledir = $(docdir)/examples
dist_example_DATA = config/server.yaml config/sentinel.yaml

systemd_units = config/kvd.service config/kvd-sentinel.service
CLEANFILES += $(systemd_units)
if HAVE_SYSTEMD_UNITS
systemdsystemunit_DATA = $(systemd_units)
endif

config/%.service: config/%.service.in Makefile
	@$(MKDIR_P) config
	$(AM_V_GEN)sed -e 's|@bindir[@]|$(bindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' $< >$@
