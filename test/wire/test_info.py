"""INFO names every field that redis-server 7.0.15 prints; EXEC's refusals and DEBUG's restarts are as there."""
from processes import wait_for

# Fields of redis-server that are left out, each with the reason.
LEFT_OUT = {}


def test_every_field_of_redis_is_there(group):
    mine, theirs = group.kvd().info(), group.redis().info()
    assert sorted(set(theirs) - set(mine) - set(LEFT_OUT)) == []


def test_values_that_must_move(group):
    kvd = group.kvd()
    for _ in range(100):
        kvd.do("SET", "a", "x" * 1000)
    info = kvd.info()
    assert int(info["eventloop_cycles"]) > 0 and int(info["eventloop_duration_sum"]) >= int(info["eventloop_duration_cmd_sum"]) > 0
    assert int(info["mem_clients_normal"]) > 0 and info["process_supervised"] == "no"
    assert 0 <= float(info["used_memory_dataset_perc"].rstrip("%")) <= 100


def test_refused_exec_says_that_it_ended_the_transaction(group):
    for server in (group.kvd(), group.redis()):
        with server.connect() as connection:
            connection.do("MULTI")
            assert str(connection.call("EXEC", "1")) == (
                "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command")
            assert str(connection.call("EXEC")) == "ERR EXEC without MULTI"


def test_getkeys_of_a_bare_command(group):
    for server in (group.kvd(), group.redis()):
        for name in ("getkeys", "getkeysandflags"):
            assert str(server.call("COMMAND", name, "OBJECT")) == "ERR wrong number of arguments for 'command|%s' command" % name


def test_debug_restart_and_recover(group):
    kvd = group.kvd("enable-debug-command: yes\n")
    for words in (["RESTART"], ["CRASH-AND-RECOVER", "10"]):
        before = kvd.info("server")["run_id"]
        kvd.do("CONFIG", "SET", "maxclients", "1234")
        with kvd.connect() as connection:
            try:
                connection.do("DEBUG", *words)
            except (OSError, EOFError):
                pass
        wait_for(lambda: kvd.info("server")["run_id"] != before, what="the program runs anew")
        assert kvd.do("CONFIG", "GET", "maxclients")[1] == b"1234"


def test_paused_cron(group):
    kvd = group.kvd("enable-debug-command: yes\n")
    kvd.do("DEBUG", "PAUSE-CRON", "1")
    kvd.do("DEBUG", "PAUSE-CRON", "0")
    assert b"PAUSE-CRON <0|1>" in kvd.do("DEBUG", "HELP")
