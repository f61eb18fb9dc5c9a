"""Clients and tools of other projects: they follow a failover without a restart, and read what they always read."""
import json
import os
import shutil
import socket
import subprocess
import urllib.request

import pytest
import redis
import redis.sentinel
from failover import HighlyAvailableSet
from processes import ROOT, free_port, master_address, wait_for


@pytest.fixture
def ha(group):
    return HighlyAvailableSet(["kvd"] * 3, group=group)


def test_python_sentinel_client_follows(ha):
    client = redis.sentinel.Sentinel([("127.0.0.1", sentinel.port) for sentinel in ha.sentinels], socket_timeout=5)
    assert client.discover_master("mymaster") == ("127.0.0.1", ha.primary.port)
    assert sorted(client.discover_slaves("mymaster")) == sorted(("127.0.0.1", replica.port) for replica in ha.replicas)
    primary = client.master_for("mymaster", socket_timeout=5)
    primary.set("before", "1")
    wait_for(lambda: primary.wait(2, 300) == 2, what="both replicas have it")
    ha.primary.kill()

    def write():
        try:
            return primary.set("after", "1")
        except redis.exceptions.RedisError:
            return False

    wait_for(write, what="the same client writes again")
    assert primary.get("before") == b"1"
    assert client.discover_master("mymaster")[1] in [replica.port for replica in ha.replicas]


IOREDIS = """
const Redis = require('ioredis');
const ports = process.argv[2].split(',').map(Number);
const client = new Redis({sentinels: ports.map(port => ({host: '127.0.0.1', port})), name: 'mymaster',
                          sentinelRetryStrategy: () => 50, retryStrategy: () => 50, maxRetriesPerRequest: null});
client.on('error', () => {});
let seen = new Set();
(async () => {
  for (let n = 0; ; n++) {
    await client.set('ioredis', String(n));
    const port = client.stream.remotePort;
    if (!seen.has(port)) { seen.add(port); console.log(port); }
    await new Promise(done => setTimeout(done, 5));
  }
})();
"""


def node_modules():
    """ioredis from the npm registry, kept beside the builds."""
    if not shutil.which("npm"):
        pytest.skip("no npm here")
    folder = os.path.join(ROOT, "build", "node")
    if not os.path.isdir(os.path.join(folder, "node_modules", "ioredis")):
        os.makedirs(folder, exist_ok=True)
        done = subprocess.run(["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "ioredis@5"], capture_output=True, text=True, timeout=170)
        if any(code in done.stderr for code in ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH")):
            pytest.skip("the npm registry cannot be reached from here")
        assert done.returncode == 0, done.stderr[-2000:]
    return os.path.join(folder, "node_modules")


def test_ioredis_follows(group, ha):
    script = group.write("follow.js", IOREDIS)
    ports = ",".join(str(sentinel.port) for sentinel in ha.sentinels)
    client = subprocess.Popen(["node", script, ports], stdout=subprocess.PIPE, text=True, env=dict(os.environ, NODE_PATH=node_modules()))
    try:
        assert int(client.stdout.readline()) == ha.primary.port
        ha.primary.kill()
        assert int(client.stdout.readline()) in [replica.port for replica in ha.replicas]
    finally:
        client.kill()
        client.wait()


def exporter_metrics(group, port):
    exporter = shutil.which("prometheus-redis-exporter")
    if not exporter:
        pytest.skip("no prometheus-redis-exporter here")
    listen = free_port()
    with open(group.path("exporter-%d.log" % listen), "w") as log:
        process = subprocess.Popen([exporter, "-redis.addr", "redis://127.0.0.1:%d" % port, "-web.listen-address", "127.0.0.1:%d" % listen],
                                   stdout=log, stderr=log)
    try:
        url = "http://127.0.0.1:%d/metrics" % listen
        wait_for(lambda: socket.create_connection(("127.0.0.1", listen), 1), what="the exporter listens")
        with urllib.request.urlopen(url, timeout=20) as page:
            lines = page.read().decode().splitlines()
    finally:
        process.kill()
        process.wait()
    return dict(line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))


def test_exporter_reads_a_server(group):
    server = group.kvd()
    server.do("SET", "key", "value")
    server.call("GET")
    metrics = exporter_metrics(group, server.port)
    assert metrics["redis_up"] == "1"
    assert metrics['redis_db_keys{db="db0"}'] == "1"
    for name in "redis_connected_clients", "redis_memory_used_bytes", "redis_commands_processed_total", "redis_uptime_in_seconds":
        assert float(metrics[name]) >= 0
    assert any(name.startswith('redis_commands_total{cmd="set"') for name in metrics)
    assert any(name.startswith("redis_instance_info{") and 'redis_mode="standalone"' in name for name in metrics)


def test_exporter_reads_a_sentinel(group, ha):
    metrics = exporter_metrics(group, ha.sentinels[0].port)
    assert metrics["redis_up"] == "1"
    assert metrics["redis_sentinel_masters"] == "1"
    status = [name for name in metrics if name.startswith("redis_sentinel_master_status{")]
    assert status and 'master_status="ok"' in status[0]
    assert any(name.startswith("redis_sentinel_master_sentinels{") and value == "3" for name, value in metrics.items())


def test_redis_cli_talks_to_both(group, ha):
    server = group.kvd()

    def cli(port, *arguments):
        return subprocess.run(["redis-cli", "-p", str(port), *arguments], capture_output=True, text=True, timeout=20).stdout

    assert cli(server.port, "SET", "a", "b") == "OK\n"
    assert cli(server.port, "-3", "--json", "CONFIG", "GET", "maxclients") == json.dumps({"maxclients": "10000"}, separators=(",", ":")) + "\n"
    assert cli(ha.sentinels[0].port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster").split() == ["127.0.0.1", str(ha.primary.port)]
    assert master_address(ha.sentinels[0]) == ("127.0.0.1", ha.primary.port)
