#!/usr/bin/env python3
"""What `raglan export` renders, in front of real traffic: the same claims for nginx, HAProxy and Envoy.

Where a balancer cannot do the same, its class says what it does instead.
"""

import collections
import http.client
import json
import tempfile
import unittest
from pathlib import Path

from balancers import Envoy, Haproxy, Nginx, export, free_port, write_config
from claims import MAX_BODY_BYTES, Checked, Failing, Passing, Strategies
from upstreams import PATIENCE_SECONDS, Upstream


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def node(self):
        return json.loads(self.body)["node"]


class BalancerTest(unittest.TestCase):
    balancer = None  # the class of one

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="raglan-export-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def start(self, strategy, weights=(1, 1, 1), down=(), interval="1s"):
        """Nodes, and the balancer in front of them; `down`: the places of those that do not listen."""
        self.nodes = [Upstream(f"node{place + 1}") for place in range(len(weights))]
        for node in self.nodes:
            self.addCleanup(node.stop)
        for place in down:
            self.nodes[place].stop()
        self.port = free_port()
        config = self.folder / "raglan.toml"
        write_config(config, self.port, strategy, list(zip((node.url for node in self.nodes), weights)), interval)
        done = export(self.balancer.target, config)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rendered = self.folder / ("rendered.yaml" if self.balancer is Envoy else "rendered.conf")
        rendered.write_text(self.prepared(done.stdout))
        self.running = self.balancer(self.folder, self.port, rendered)
        self.addCleanup(self.running.stop)

    def prepared(self, text):
        return text

    def connect(self, client="127.0.0.1"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS, source_address=(client, 0))
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection, method="GET", path="/", body=None, headers=None, chunked=False):
        try:
            connection.request(method, path, body=body, headers=headers or {}, encode_chunked=chunked)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was all sent; the answer is there to read
        return Reply(connection.getresponse())

    def one(self, *arguments, client="127.0.0.1", **keywords):
        """A request on a connection of its own."""
        connection = self.connect(client)
        try:
            return self.ask(connection, *arguments, **keywords)
        finally:
            connection.close()

    def spread(self, count):
        """How many of `count` requests of one client each node got."""
        connection = self.connect()
        return collections.Counter(self.ask(connection).node for _ in range(count))

    def question(self, text, **fields):
        body = json.dumps({"query": text, "collection": "manual", **fields})
        return self.one("POST", "/v1/query", body, {"content-type": "application/json"})

    def open_stream(self):
        connection = self.connect()
        connection.request("GET", "/stream")
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        return connection, response

    def post_in_chunks(self, size_bytes):
        parts = (bytes(min(65536, size_bytes - at)) for at in range(0, size_bytes, 65536))
        return self.one("POST", "/v1/documents", parts, {"transfer-encoding": "chunked"}, chunked=True)


class NginxTest(BalancerTest, Strategies, Passing, Failing):
    balancer = Nginx

    def test_a_node_that_fails_is_taken_out_after_three_failures(self):
        self.start("round_robin", interval="10s")  # out for thirty seconds
        failing = self.nodes[0]
        failing.fault = "close"
        self.assertEqual(self.spread(60)[failing.name], 0)
        self.assertEqual(len(failing.requests), 3)

    def test_a_body_in_chunks_is_counted(self):
        self.start("round_robin", weights=(1,))
        self.assertEqual(self.post_in_chunks(MAX_BODY_BYTES + 1).status, 413)
        self.assertEqual(self.nodes[0].requests, [])


class HaproxyTest(BalancerTest, Strategies, Passing, Failing, Checked):
    balancer = Haproxy

    def test_a_body_in_chunks_is_the_nodes_to_count(self):
        self.start("round_robin", weights=(1,))
        self.assertEqual(self.post_in_chunks(MAX_BODY_BYTES + 1).status, 200)


class EnvoyTest(BalancerTest, Strategies, Passing, Failing, Checked):
    balancer = Envoy

    def prepared(self, text):
        """Without the slow start: until it is over, Envoy takes turns instead of comparing nodes."""
        return "".join(line for line in text.splitlines(keepends=True) if "slow_start_config" not in line)

    def test_the_file_is_taken_as_it_is(self):
        EnvoyTest.prepared, kept = BalancerTest.prepared, EnvoyTest.prepared
        self.addCleanup(setattr, EnvoyTest, "prepared", kept)
        self.start("least_connections")
        self.assertEqual(len(self.spread(30)), 3)

    def test_a_body_in_chunks_is_counted(self):
        self.start("round_robin", weights=(1,))
        self.assertEqual(self.post_in_chunks(MAX_BODY_BYTES + 1).status, 413)
        self.assertEqual(self.nodes[0].requests, [])


class Refusals(unittest.TestCase):
    def test_a_hostile_host_name_is_not_rendered(self):
        with tempfile.TemporaryDirectory(prefix="raglan-export-") as folder:
            config = Path(folder) / "raglan.toml"
            for host in ("a;return 200", "a b", "a{b}", "a#b", "$host", "a%0ab"):
                write_config(config, 8000, "round_robin", [(f"http://{host}:9001", 1)])
                for target in ("nginx", "haproxy", "envoy"):
                    done = export(target, config)
                    self.assertNotEqual(done.returncode, 0, host)
                    self.assertEqual(done.stdout, "", host)

    def test_an_unknown_target_is_a_mistake_of_usage(self):
        with tempfile.TemporaryDirectory(prefix="raglan-export-") as folder:
            config = Path(folder) / "raglan.toml"
            write_config(config, 8000, "round_robin", [("http://127.0.0.1:9001", 1)])
            done = export("apache", config)
            self.assertEqual((done.returncode, done.stdout), (64, ""))


if __name__ == "__main__":
    unittest.main()
