noinst_LIBRARIES += libcore.a
libcore_a_SOURCES =
# server, commands, clients, pub/sub
libcore_a_SOURCES += \
	src/core/core_commands.h \
	src/core/server.c src/core/server.h src/core/server_internal.h src/core/server.def \
	src/core/server_commands.c src/core/server_listen.c src/core/server_pause.c src/core/server_shutdown.c src/core/server_restart.c \
	src/core/server_stats.c \
	src/core/client/blocked.c src/core/client/blocked.h \
	src/core/client/client.c src/core/client/client.h src/core/client/client_internal.h \
	src/core/client/client_describe.c \
	src/core/client/client_evict.c src/core/client/client_evict.h \
	src/core/client/client_filter.c src/core/client/client_filter.h \
	src/core/client/client_hold.c src/core/client/client_hold.h \
	src/core/client/client_input.c \
	src/core/client/connection_commands.c src/core/client/connection.def \
	src/core/client/reply.c src/core/client/reply.h \
	src/core/command/command.c src/core/command/command.h \
	src/core/command/command_docs.c src/core/command/command.def \
	src/core/command/dispatch.c src/core/command/dispatch.h \
	src/core/command/keyspec.c src/core/command/keyspec.h \
	src/core/command/propagate.c src/core/command/propagate.h \
	src/core/pubsub/channel.c src/core/pubsub/channel.h \
	src/core/pubsub/pubsub_commands.c src/core/pubsub/pubsub.def
# configuration
libcore_a_SOURCES += \
	src/core/config/config.def src/core/config/config_command.c src/core/config/config_command.h \
	src/core/config/config_file.c src/core/config/config_file.h \
	src/core/config/core_settings.c src/core/config/core_settings.h \
	src/core/config/param.def src/core/config/param_absent.def src/core/config/param_internal.h \
	src/core/config/import.c src/core/config/import.h \
	src/core/config/manual.c src/core/config/manual.h \
	src/core/config/param_parse.c \
	src/core/config/yaml_read.c src/core/config/yaml_read.h \
	src/core/config/yaml_rewrite.c src/core/config/yaml_rewrite.h \
	src/core/config/yaml_tree.c src/core/config/yaml_tree.h \
	src/core/config/yaml_write.c src/core/config/yaml_write.h \
	src/core/config/param.c src/core/config/param.h
# users
libcore_a_SOURCES += \
	src/core/acl/acl.c src/core/acl/acl.def src/core/acl/acl.h \
	src/core/acl/acl_commands.c src/core/acl/acl_commands.h \
	src/core/acl/acl_file.c src/core/acl/acl_file.h src/core/acl/acl_log.c src/core/acl/acl_log.h \
	src/core/acl/user.c src/core/acl/user.h src/core/acl/user_internal.h src/core/acl/user_rules.c
# observation
libcore_a_SOURCES += \
	src/core/observe/debug.c src/core/observe/debug.h \
	src/core/observe/info.c src/core/observe/info.def src/core/observe/info.h \
	src/core/observe/info_core.c src/core/observe/info_core.h \
	src/core/observe/latency.c src/core/observe/latency.h \
	src/core/observe/latency_commands.c src/core/observe/latency_internal.h \
	src/core/observe/lolwut.c \
	src/core/observe/memory_report.c src/core/observe/memory_report.h \
	src/core/observe/monitor.c src/core/observe/monitor.h \
	src/core/observe/observe.c src/core/observe/observe.def src/core/observe/observe.h \
	src/core/observe/redact.c src/core/observe/redact.h \
	src/core/observe/slowlog.c src/core/observe/slowlog.h
