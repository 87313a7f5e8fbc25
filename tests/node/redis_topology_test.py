#!/usr/bin/env python3
"""Two nodes that share a Redis behind sentinels, or a cluster: what they share, and a failover in the middle."""

import itertools
import threading
import unittest

from handbook import HANDBOOK
from harness import TemporaryFolderTest, wait_until
from health_test import parse_metrics
from redis_deployments import PATIENCE_SECONDS, Cluster, Sentinels

QUESTION = "When was the lighthouse built?"


def metric(node, name, **labels):
    return parse_metrics(node.get("/metrics").text).get((name, frozenset(labels.items())), 0)


def check_of(node):
    return node.get("/ready").json["checks"]["redis"]


class Topology:
    """The tests, for each way to run Redis."""

    failures = 0  # so far, of the second node's looks

    def setUp(self):
        super().setUp()
        self.redis = self.deployment()
        self.addCleanup(self.redis.end)

    def start_two(self, *settings):
        # Soon tried again, and no machine's stall is an outage.
        settings = [f"redis.url={self.redis.url}", "redis.timeout=1s", "redis.breaker.recovery_timeout=200ms",
                    "cache.warmup.refresh=false", *settings]
        options = [part for setting in settings for part in ("--set", setting)]
        one = self.start(*options)
        self.assertEqual(one.post("/v1/documents", {"documents": list(HANDBOOK)}).status, 200)
        two = self.start(*options)
        for node in (one, two):
            wait_until(lambda: check_of(node) == "ok", "it shares and listens")
        return one, two

    def keys(self, pattern):
        return sorted(key for server in self.redis.masters() for key in server.keys(pattern))

    def keeps(self, node, question, seconds=10):
        """Whether the answer, which nobody has yet, gets to Redis."""
        before = len(self.keys("raglan:query:*"))
        self.assertEqual(node.query(question).json["cache"]["status"], "miss")
        try:
            return wait_until(lambda: len(self.keys("raglan:query:*")) > before, "it is in Redis", seconds=seconds)
        except AssertionError:
            return False

    def remove_all(self, one, two):
        """Returns when both nodes have heard of it: what they compute until then is not kept."""
        removed = one.request("DELETE", "/admin/cache")
        self.assertEqual(removed.status, 200, removed.text)
        numbers = itertools.count()
        for node in (one, two):
            wait_until(lambda: self.keeps(node, f"Who removed it? {next(numbers)}", seconds=1), "answers are kept again")

    def assert_shared(self, one, two, question):
        """What one has answered the other has, until an operator removes it from both."""
        self.assertTrue(self.keeps(one, question), "the answer is in Redis")
        self.assertEqual(two.query(question).json["cache"], {"status": "hit", "layer": "query"})
        self.assertEqual(metric(two, "raglan_cache_redis_failures_total", cache="query"), self.failures)
        removed = one.request("DELETE", "/admin/cache")
        self.assertEqual(removed.status, 200, removed.text)
        self.assertEqual(self.keys("raglan:query:*"), [])
        wait_until(lambda: two.get("/admin/cache").json["caches"][0]["entries"] == 0, "the other has heard")
        self.assertEqual(two.query(question).json["cache"]["status"], "miss")

    def test_answers_vectors_and_purges_are_shared(self):
        one, two = self.start_two()
        for i in range(8):
            question = f"{QUESTION} {i}"
            self.assertEqual(one.query(question).json["cache"]["status"], "miss")
            wait_until(lambda: two.query(question).json["cache"]["status"] == "hit", "the other has it")
        self.assertGreater(len(self.keys("raglan:embedding:*")), 8)
        self.assertEqual(metric(two, "raglan_nodes"), 2)
        wait_until(lambda: not self.keys("raglan:claim:*"), "no claim is left behind")
        self.remove_all(one, two)
        self.assert_shared(one, two, QUESTION)
        self.assertEqual(metric(one, "raglan_redis_servers"), self.servers)
        self.assertEqual(metric(one, "raglan_redis_uncovered_slots"), 0)
        for node in (one, two):
            node.stop()

    def test_a_limit_holds_over_both_nodes(self):
        one, two = self.start_two("limits.paid.requests_per_minute=20")
        statuses = [node.query(f"{QUESTION} {i}").status for i in range(15) for node in (one, two)]
        self.assertEqual(statuses.count(200), 20 + statuses[20:].count(200))
        self.assertLessEqual(statuses.count(200), 22, "and what a slow machine's seconds add")
        self.assertEqual(sum(metric(node, "raglan_rate_limit_local_total") for node in (one, two)), 0)
        for node in (one, two):
            node.stop()

    def test_a_failover_is_an_outage_of_seconds_and_no_error_to_anybody(self):
        one, two = self.start_two()
        self.assert_shared(one, two, QUESTION)
        stop = threading.Event()
        statuses = {}
        errors = []

        def ask(node):
            i = 0
            while not stop.is_set():
                reply = node.query(f"{QUESTION} {i % 50}")
                statuses[reply.status] = statuses.get(reply.status, 0) + 1
                if reply.status != 200 or reply.json["timings_ms"]["total"] > 20_000:
                    errors.append(reply.text)
                i += 1

        asking = [threading.Thread(target=ask, args=(node,)) for node in (one, two)]
        for thread in asking:
            thread.start()
        self.redis.kill_a_master()
        for node in (one, two):
            wait_until(lambda: check_of(node) == "degraded", "it notices", seconds=PATIENCE_SECONDS)
        for node in (one, two):
            wait_until(lambda: check_of(node) == "ok", "it is well again", seconds=PATIENCE_SECONDS)
        stop.set()
        for thread in asking:
            thread.join()
        self.assertEqual(errors, [])
        self.assertEqual(set(statuses), {200})
        self.failures = metric(two, "raglan_cache_redis_failures_total", cache="query")
        self.remove_all(one, two)
        self.assert_shared(one, two, f"{QUESTION} afterwards")
        for node in (one, two):
            self.assertGreaterEqual(metric(node, "raglan_redis_topology_changes_total"), 2)
            node.stop()


class SentinelTest(Topology, TemporaryFolderTest):
    deployment = Sentinels
    servers = 1


class ClusterTest(Topology, TemporaryFolderTest):
    deployment = Cluster
    servers = 3


if __name__ == "__main__":
    unittest.main(verbosity=2)
