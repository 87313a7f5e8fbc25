"""Several Redis servers of the tests' own, on free loopback ports: behind sentinels, or as a cluster."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from harness import wait_until
from redis_server import RedisServer, free_port

PATIENCE_SECONDS = 60  # electing another master takes seconds


class ConfiguredServer(RedisServer):
    """A server with a configuration file, which a sentinel and a cluster write to."""

    def __init__(self, *lines, sentinel=False):
        self.folder = tempfile.TemporaryDirectory(prefix="raglan-redis-")
        self.port = free_port()
        file = Path(self.folder.name) / "redis.conf"
        common = [f"port {self.port}", "bind 127.0.0.1", "protected-mode no", f"dir {self.folder.name}"]
        if not sentinel:
            common += ['save ""', "appendonly no", "repl-diskless-sync-delay 0"]
        file.write_text("\n".join([*common, *lines]) + "\n")
        words = ["redis-sentinel" if sentinel else "redis-server", str(file), *(["--sentinel"] if sentinel else [])]
        program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
        self.process = subprocess.Popen(words, executable=program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.answers, "Redis answers")

    def says(self, text, *words):
        try:
            return text.encode() in self.command(*words)
        except OSError:
            return False

    def runs(self):
        return self.process.poll() is None

    def end(self):
        super().end()
        self.folder.cleanup()


class Sentinels:
    """A master, two replicas, three sentinels."""

    def __init__(self):
        self.servers = [ConfiguredServer()]
        master = self.servers[0]
        self.servers += [ConfiguredServer(f"replicaof 127.0.0.1 {master.port}") for _ in range(2)]
        wait_until(lambda: master.says("connected_slaves:2", "INFO", "replication"), "replicas are connected")
        for replica in self.servers[1:]:
            wait_until(lambda: replica.says("master_link_status:up", "INFO", "replication"), "it follows")
        self.sentinels = [
            ConfiguredServer(f"sentinel monitor mymaster 127.0.0.1 {master.port} 2",
                             "sentinel down-after-milliseconds mymaster 1000",
                             "sentinel failover-timeout mymaster 5000", sentinel=True)
            for _ in range(3)]
        for sentinel in self.sentinels:
            wait_until(lambda: sentinel.says("slaves=2,sentinels=3", "INFO", "sentinel"), "they know each other")
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        self.url = f"redis+sentinel://{hosts}/mymaster"

    def masters(self):
        return [server for server in self.servers if server.runs() and server.says("role:master", "INFO", "replication")]

    def kill_a_master(self):
        """The one that has everything."""
        victim = self.masters()[0]
        victim.process.kill()
        victim.process.wait()

    def end(self):
        for server in [*self.sentinels, *self.servers]:
            server.end()


class Cluster:
    """Three masters, each with a replica."""

    def __init__(self):
        buses = [free_port() for _ in range(6)]
        self.servers = [
            ConfiguredServer("cluster-enabled yes", "cluster-node-timeout 2000", f"cluster-port {bus}",
                             "cluster-replica-validity-factor 0", "cluster-allow-replica-migration no")
            for bus in buses]
        first = self.servers[0]
        for i, (server, bus) in enumerate(zip(self.servers, buses)):
            server.command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            first.command("CLUSTER", "MEET", "127.0.0.1", server.port, bus)
        for i in range(3):
            self.servers[i].command("CLUSTER", "ADDSLOTSRANGE", i * 16384 // 3, (i + 1) * 16384 // 3 - 1)
        self.wait_for_all("cluster_known_nodes:6")
        for master, replica in zip(self.servers[:3], self.servers[3:]):
            name = master.command("CLUSTER", "MYID").split(b"\r\n")[1]
            replica.command("CLUSTER", "REPLICATE", name)
        self.wait_for_all("cluster_state:ok")
        for replica in self.servers[3:]:
            wait_until(lambda: replica.says("master_link_status:up", "INFO", "replication"), "it follows")
        for server in self.servers:
            wait_until(lambda: server.command("CLUSTER", "NODES").count(b"slave") == 3, "all know the replicas")
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in self.servers[:3])

    def wait_for_all(self, text):
        for server in self.servers:
            wait_until(lambda: server.says(text, "CLUSTER", "INFO"), text)

    def masters(self):
        return [server for server in self.servers if server.runs() and server.says("role:master", "INFO", "replication")]

    def kill_a_master(self):
        """The one where purges are counted and heard."""
        slot = int(self.servers[0].command("CLUSTER", "KEYSLOT", "raglan:{purge}")[1:])
        victim = self.servers[slot * 3 // 16384]
        victim.process.kill()
        victim.process.wait()

    def end(self):
        for server in self.servers:
            server.end()
