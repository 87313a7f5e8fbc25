"""What is claimed of every balancer that runs a rendered file, as mixins of export_test.BalancerTest."""

import json
import statistics
import time

from balancers import wait_until
from upstreams import EVENTS

MAX_BODY_BYTES = 16 * 1024 * 1024  # the default


class Strategies:
    def test_round_robin_is_even_whatever_the_weights(self):
        self.start("round_robin", weights=(5, 1, 1))
        for share in (self.spread(60)[node.name] for node in self.nodes):
            self.assertAlmostEqual(share, 20, delta=2)

    def test_weighted_round_robin_is_in_proportion(self):
        self.start("weighted_round_robin", weights=(3, 1))
        self.assertAlmostEqual(self.spread(80)["node1"], 60, delta=3)

    def test_ip_hash_keeps_a_client_with_its_node(self):
        self.start("ip_hash")
        used = set()
        for last in range(2, 26):
            names = {self.one(client=f"127.0.0.{last}").node for _ in range(3)}
            self.assertEqual(len(names), 1, "a client changed its node")
            used |= names
        self.assertGreater(len(used), 1, "all clients have the same node")

    def test_least_connections_leaves_a_busy_node_alone(self):
        self.start("least_connections", weights=(1, 1))
        self.open_stream()
        busy = next(node for node in self.nodes if node.requests)
        self.assertEqual(self.spread(20)[busy.name], 0)

    def test_p2c_and_prequal_prefer_the_node_with_less_to_do(self):
        for strategy in ("p2c", "prequal"):
            with self.subTest(strategy):
                self.start(strategy, weights=(1, 1))
                streams = [self.open_stream() for _ in range(9)]
                busy, idle = sorted(self.nodes, key=lambda node: -len(node.requests))
                self.assertGreater(len(busy.requests), len(idle.requests), "an odd number cannot be even")
                # Half of the nine may be on the other one: what counts is that neither is forgotten.
                self.assertGreater(self.spread(100)[idle.name], 55)
                for connection, _ in streams:
                    connection.close()
                self.running.stop()

    def test_affinity_keeps_a_question_with_its_node(self):
        self.start("affinity")
        used = set()
        for number in range(24):
            names = {self.question(f"What is {number}?").node for _ in range(3)}
            self.assertEqual(len(names), 1, "a question changed its node")
            used |= names
        self.assertGreater(len(used), 1, "all questions have the same node")

    def test_affinity_sends_all_else_anywhere(self):
        self.start("affinity")
        self.assertEqual(len(self.spread(60)), 3)


class Passing:
    def test_events_arrive_one_by_one(self):
        self.start("round_robin", weights=(1,))
        _, response = self.open_stream()
        for number in range(EVENTS):  # the next one is not sent before this one has come
            self.nodes[0].may_send.release()
            self.assertEqual(response.readline(), f"data: {number}\n".encode())
            self.assertEqual(response.readline(), b"\n")
        self.assertEqual(response.read(), b"")

    def test_events_arrive_at_once(self):
        self.start("round_robin", weights=(1,))
        delays = []
        for _ in range(4):
            _, response = self.open_stream()
            for _ in range(EVENTS):
                started = time.monotonic()
                self.nodes[0].may_send.release()
                response.readline()
                response.readline()
                delays.append(time.monotonic() - started)
            response.read()
        self.assertLess(statistics.median(delays), 0.1, delays)

    def test_a_client_that_waits_no_longer_is_gone_for_the_node_too(self):
        self.start("round_robin", weights=(1,))
        connection = self.connect()
        connection.request("POST", "/slow", body=b"{}")
        wait_until(lambda: self.nodes[0].requests, "the node is asked")
        connection.close()
        self.assertTrue(self.nodes[0].clients_gone.acquire(timeout=10), "the node goes on for nobody")

    def test_a_client_that_leaves_a_stream_is_gone_for_the_node_too(self):
        self.start("round_robin", weights=(1,))
        connection, response = self.open_stream()
        response.close()
        connection.close()
        self.assertTrue(self.nodes[0].clients_gone.acquire(timeout=10), "the node goes on for nobody")

    def test_a_body_above_the_limit_is_refused(self):
        self.start("round_robin", weights=(1,))
        allowed = self.one("POST", "/v1/documents", bytes(MAX_BODY_BYTES))
        self.assertEqual((allowed.status, self.nodes[0].requests[0][3]), (200, MAX_BODY_BYTES))
        self.assertEqual(self.one("POST", "/v1/documents", bytes(MAX_BODY_BYTES + 1)).status, 413)
        self.assertEqual(len(self.nodes[0].requests), 1, "the node saw it")

    def test_a_node_learns_who_asks(self):
        self.start("round_robin", weights=(1,))
        self.one("GET", "/a?b=c", client="127.0.0.9")
        _, path, headers, _ = self.nodes[0].requests[0]
        self.assertEqual(path, "/a?b=c")
        self.assertEqual((headers["x-forwarded-for"], headers["x-forwarded-proto"]), ("127.0.0.9", "http"))
        self.assertEqual(headers["host"], f"127.0.0.1:{self.port}")
        self.assertGreaterEqual(len(headers["x-request-id"]), 16)

    def test_a_client_names_its_request_but_not_where_it_comes_from(self):
        self.start("round_robin", weights=(1,))
        forged = {"x-request-id": "mine-1", "x-forwarded-for": "10.9.9.9", "x-forwarded-proto": "https"}
        self.one(headers=forged, client="127.0.0.9")  # of 127.0.0.1 Envoy would tell another address
        headers = self.nodes[0].requests[0][2]
        self.assertEqual(headers["x-request-id"], "mine-1")
        self.assertEqual((headers["x-forwarded-for"], headers["x-forwarded-proto"]), ("127.0.0.9", "http"))

    def test_connections_to_nodes_are_kept(self):
        self.start("round_robin", weights=(1,))
        before = self.nodes[0].connections
        self.spread(40)
        self.assertLess(self.nodes[0].connections - before, 10)


class Failing:
    def test_a_node_that_is_down_costs_no_request_not_even_a_post(self):
        self.start("round_robin", down=(1,))
        for _ in range(12):
            self.assertEqual(self.one("POST", "/v1/documents", b"{}").status, 200)

    def test_a_connection_that_breaks_has_only_the_harmless_repeated(self):
        self.start("round_robin")
        for node in self.nodes:
            node.fault = "close"
        for method, body, attempts in (("POST", b"{}", 1), ("GET", None, 3)):
            before = sum(len(node.requests) for node in self.nodes)
            self.assertGreaterEqual(self.one(method, "/v1/jobs", body).status, 502, method)
            self.assertEqual(sum(len(node.requests) for node in self.nodes) - before, attempts, method)

    def test_a_node_that_sheds_load_is_believed(self):
        self.start("round_robin", weights=(1, 1))
        for node in self.nodes:
            node.fault = "busy"
        for _ in range(10):
            self.assertEqual(self.one("GET", "/v1/jobs").status, 503)
            reply = self.one("POST", "/v1/query", b"{}")
            self.assertEqual((reply.status, reply.headers["retry-after"]), (503, "7"))
            self.assertEqual(json.loads(reply.body), {"error": {"code": "overloaded"}})
        self.assertEqual(sum(len(node.requests) for node in self.nodes), 20, "asked twice")


class Checked:
    """Those with active health checks."""

    def test_a_node_that_is_not_ready_gets_nothing_until_it_is(self):
        self.start("round_robin")
        unready = self.nodes[0]
        unready.ready = False
        wait_until(lambda: self.spread(6)[unready.name] == 0, "the node is taken out")
        self.assertEqual(self.spread(30)[unready.name], 0)
        unready.ready = True
        wait_until(lambda: self.spread(6)[unready.name] > 0, "the node is taken back")

    def test_a_stream_outlives_its_node_being_taken_out(self):
        self.start("round_robin", weights=(1, 1))
        _, response = self.open_stream()
        draining = next(node for node in self.nodes if node.requests)
        draining.ready = False
        wait_until(lambda: self.spread(4)[draining.name] == 0, "the node is taken out")
        for number in range(EVENTS):
            draining.may_send.release()
            self.assertEqual(response.readline(), f"data: {number}\n".encode())
            response.readline()
