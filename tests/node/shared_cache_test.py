#!/usr/bin/env python3
"""Several nodes on one store and one Redis: what one has computed, none computes again."""

import concurrent.futures
import contextlib
import json
import sys
import threading
import time
import unittest

from handbook import HANDBOOK
from harness import ROOT, TemporaryFolderTest, read_response, run, wait_until
from health_test import parse_metrics
from redis_server import RedisServer

sys.path.insert(0, str(ROOT / "tests/support"))
from provider import Provider  # noqa: E402

QUESTION = "When was the lighthouse built?"


def metric(node, name, **labels):
    return parse_metrics(node.get("/metrics").text).get((name, frozenset(labels.items())), 0)


def searches(*nodes):
    return sum(metric(node, "raglan_stage_duration_seconds_count", stage="retrieve") for node in nodes)


def embeddings(*nodes):
    return sum(metric(node, "raglan_embedding_calls_total") for node in nodes)


def checks_of(node):
    """The checks of a node that is ready."""
    ready = node.get("/ready")
    assert ready.status == 200, ready.text
    return ready.json["checks"]


class SharedCache(TemporaryFolderTest):
    def setUp(self):
        super().setUp()
        self.redis = RedisServer()
        self.addCleanup(self.redis.end)

    def start_node(self, *options):
        return self.start(*self.redis_options(*options))

    def start_two(self, *options):
        one = self.start_node(*options)
        self.assertEqual(one.post("/v1/documents", {"documents": list(HANDBOOK)}).status, 200)
        return one, self.start_node(*options)

    def test_an_answer_of_one_node_is_a_hit_on_another(self):
        one, two = self.start_two()
        self.assertEqual(checks_of(one)["redis"], "ok")
        first = one.query(QUESTION).json
        self.assertEqual(first["cache"]["status"], "miss")
        wait_until(lambda: self.redis.keys("raglan:query:*"), "the answer is in Redis")
        before = embeddings(two)
        second = two.query(QUESTION)
        self.assertEqual(second.json["cache"], {"status": "hit", "layer": "query"})
        self.assertEqual(second.json["answer"], first["answer"])
        self.assertEqual(second.json["sources"], first["sources"])
        self.assertIn("shared_cache", second.json["timings_ms"])
        self.assertEqual(embeddings(two), before)
        third = two.query(QUESTION).json  # now from the process itself
        self.assertNotIn("shared_cache", third["timings_ms"])
        answered = {result: metric(two, "raglan_cache_requests_total", cache="query", result=result)
                    for result in ("hit", "miss", "redis")}
        self.assertEqual(answered, {"hit": 1, "miss": 1, "redis": 1})
        self.assertEqual(metric(one, "raglan_cache_requests_total", cache="query", result="redis"), 0)
        for kind in ("failures", "refused", "refused_bytes"):
            for cache in ("query", "retrieval"):
                self.assertEqual(metric(two, f"raglan_cache_redis_{kind}_total", cache=cache), 0)
        cache = two.get("/admin/cache").json["caches"][0]
        age = cache["redis"].pop("mean_age_seconds")
        self.assertGreater(age, 0)
        self.assertLess(age, 60)
        self.assertEqual(cache["redis"], {"hits": 1, "misses": 0, "failures": 0, "refused": 0})
        # Of two hits, one in Redis and one here, each of an answer that took three calls.
        self.assertEqual(cache["saved_calls"], 6)
        self.assertEqual(metric(two, "raglan_cache_saved_calls_total", cache="query"), 6)
        self.assertGreater(metric(two, "raglan_cache_saved_seconds_total", cache="query"), 0)
        for node in (one, two):
            node.stop()

    def test_an_answer_that_is_too_large_for_redis_is_counted_and_keeps_nobody_waiting(self):
        one, two = self.start_two("--set", "redis.max_command=1024")
        for node in (one, two):
            self.assertEqual(node.query(QUESTION).json["cache"]["status"], "miss")
        wait_until(lambda: metric(one, "raglan_cache_redis_refused_total", cache="query") == 1, "it is refused")
        self.assertGreater(metric(one, "raglan_cache_redis_refused_bytes_total", cache="query"), 1024)
        self.assertEqual(metric(one, "raglan_cache_redis_failures_total", cache="query"), 0)
        wait_until(lambda: not self.redis.keys("raglan:claim:*"), "no claim is left behind")
        for node in (one, two):
            node.stop()

    def test_a_write_on_one_node_is_seen_by_the_other_at_once(self):
        one, two = self.start_two()
        for node in (one, two):
            self.assertEqual(node.query(QUESTION).status, 200)
        one.post("/v1/documents", {"id": "new", "text": "The lighthouse was built in 1931, it turned out."})
        after = two.query(QUESTION).json
        self.assertEqual(after["cache"]["status"], "miss")
        self.assertIn("new", [source["document_id"] for source in after["sources"]])
        for node in (one, two):
            node.stop()

    def test_a_thousand_identical_cold_questions_to_two_nodes_are_answered_once(self):
        provider = Provider(latency="300ms")
        self.addCleanup(provider.stop)
        settings = ["generation.provider=openai", f"generation.base_url={provider.url}/v1",
                    # A machine that stalls for longer than Redis' time limit would have each node compute alone.
                    "redis.timeout=10s"]
        one, two = self.start_two(*[part for setting in settings for part in ("--set", setting)])
        searched, embedded = searches(one, two), embeddings(one, two)
        body = json.dumps({"query": QUESTION}).encode()
        head = "POST /v1/query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        request = (head + f"content-length: {len(body)}\r\n\r\n").encode() + body
        with contextlib.ExitStack() as open_connections:
            connections = [open_connections.enter_context((one, two)[i % 2].connect()) for i in range(1000)]
            for connection in connections:
                connection.sendall(request)
            replies = []
            for connection in connections:
                stream = open_connections.enter_context(connection.makefile("rb"))
                status, _, text = read_response(stream)
                self.assertEqual(status, 200, text)
                replies.append(json.loads(text))
        self.assertEqual(len({reply["answer"] for reply in replies}), 1)
        self.assertEqual(searches(one, two) - searched, 1)
        self.assertEqual(embeddings(one, two) - embedded, 1)
        self.assertEqual(provider.stats()["calls"]["/v1/chat/completions"], 1)
        statuses = [reply["cache"]["status"] for reply in replies]
        self.assertEqual(statuses.count("miss"), 1)
        coalesced = sum(metric(node, "raglan_coalesced_total", stage="answer") for node in (one, two))
        self.assertGreaterEqual(coalesced, statuses.count("coalesced"))
        self.assertGreater(coalesced, 0)
        wait_until(lambda: not self.redis.keys("raglan:claim:*"), "no claim is left behind")
        for node in (one, two):
            node.stop()

    def start_two_that_generate(self, provider):
        return self.start_two("--set", "generation.provider=openai", "--set", f"generation.base_url={provider.url}/v1",
                              "--set", "server.request_timeout=60s")

    def test_an_answer_that_takes_longer_than_a_claim_is_computed_once(self):
        provider = Provider(latency="5s")
        self.addCleanup(provider.stop)
        one, two = self.start_two_that_generate(provider)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            replies = [asked.result().json for asked in [pool.submit(node.query, QUESTION) for node in (one, two)]]
        self.assertEqual(len({reply["answer"] for reply in replies}), 1)
        self.assertEqual(provider.stats()["calls"]["/v1/chat/completions"], 1)
        for node in (one, two):
            node.stop()

    def test_what_a_node_was_computing_when_it_died_another_computes(self):
        provider = Provider(latency="9s")
        self.addCleanup(provider.stop)
        one, two = self.start_two_that_generate(provider)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            lost = pool.submit(one.query, QUESTION)
            wait_until(lambda: provider.stats()["calls"].get("/v1/chat/completions") == 1, "one node generates")
            before = metric(two, "raglan_redis_commands_total")
            asked = pool.submit(two.query, QUESTION)
            wait_until(lambda: metric(two, "raglan_redis_commands_total") >= before + 9, "the other asks for it again")
            provider.set(latency="0ms")
            one.kill()
            self.assertEqual(asked.result().json["degraded"]["level"], 0)
            self.assertIsInstance(lost.exception(), OSError)
        self.assertEqual(provider.stats()["calls"]["/v1/chat/completions"], 2)
        two.stop()

    def test_a_hot_answer_that_expires_on_four_nodes_is_refreshed_once_and_blocks_nobody(self):
        options = ("--set", "cache.query.ttl=1500ms", "--set", "cache.query.early_refresh_beta=0", "--set", "cache.warmup.refresh=false")
        nodes = list(self.start_two(*options)) + [self.start_node(*options) for _ in range(2)]
        for node in nodes:
            self.assertEqual(node.query(QUESTION).status, 200)
        searched = searches(*nodes)
        stop = threading.Event()

        def ask(node):
            statuses = []
            while not stop.is_set():
                statuses.append(node.query(QUESTION).json["cache"]["status"])
            return statuses

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asking = [pool.submit(ask, nodes[i % 4]) for i in range(8)]
            for expiry in range(1, 4):
                wait_until(lambda: searches(*nodes) - searched >= expiry, "it is refreshed")
            stop.set()
            statuses = [status for each in asking for status in each.result()]
        self.assertEqual(searches(*nodes) - searched, 3)
        self.assertEqual(set(statuses), {"hit", "stale"})
        self.assertEqual(sum(metric(node, "raglan_cache_stale_total", cache="query") for node in nodes),
                         statuses.count("stale"))
        for node in nodes:
            node.stop()

    def test_an_expired_answer_is_refreshed_once_by_all_nodes(self):
        options = ("--set", "cache.query.ttl=3s", "--set", "cache.query.early_refresh_beta=0", "--set", "cache.warmup.refresh=false")
        one, two = self.start_two(*options)
        for node in (one, two):
            self.assertEqual(node.query(QUESTION).status, 200)
        searched = searches(one, two)
        wait_until(lambda: one.query(QUESTION).json["cache"]["status"] == "stale", "it has expired")
        statuses = set()

        def serves_the_new_one(node):
            statuses.add(node.query(QUESTION).json["cache"]["status"])
            return "hit" in statuses

        for node in (one, two):
            statuses.clear()
            wait_until(lambda: serves_the_new_one(node), "it has the new answer")
            self.assertLessEqual(statuses, {"hit", "stale"})
        for node in (one, two):
            wait_until(lambda: node.get("/admin/cache").json["refreshing"] == 0, "nothing is being refreshed")
        self.assertEqual(searches(one, two) - searched, 1)
        for node in (one, two):
            node.stop()

    def test_a_frozen_redis_costs_its_timeout_and_then_nothing(self):
        timeout = 2  # seconds: far longer than answering takes
        one, two = self.start_two("--set", f"redis.timeout={timeout}s")
        self.redis.freeze()

        def ask(number):
            reply = one.query(f"{QUESTION} {number}")
            self.assertEqual(reply.status, 200, reply.text)
            return reply.json["timings_ms"]["total"] / 1000

        open_breaker = lambda: metric(one, "raglan_breaker_state", upstream="redis") == 1
        waits = [ask(0)]
        self.assertGreaterEqual(waits[0], timeout)
        while not open_breaker():
            waits.append(ask(len(waits)))
        self.assertLess(max(waits), 2 * timeout)
        self.assertLessEqual(len(waits), 5)
        self.assertEqual(checks_of(one)["redis"], "degraded")
        timeouts = lambda: metric(one, "raglan_redis_errors_total", kind="timeout")
        wait_until(lambda: metric(one, "raglan_pool_connections", pool="redis", state="in_use") == 0, "all have ended")
        time.sleep(timeout)  # what was handed over to be stored had one, too
        before = timeouts()
        for i in range(12):
            self.assertLess(ask(f"again {i}"), timeout)
        self.assertEqual(timeouts(), before)
        self.assertGreaterEqual(metric(one, "raglan_redis_errors_total", kind="breaker"), 12)
        self.assertGreaterEqual(metric(one, "raglan_cache_redis_failures_total", cache="query"), 12)
        self.redis.thaw()
        for node in (one, two):
            node.stop()

    def test_a_question_waits_for_a_frozen_redis_once(self):
        timeout = 2  # seconds: far longer than answering takes
        patient = ["--set", f"redis.timeout={timeout}s", "--set", "redis.breaker.failure_threshold=100"]
        # For the claim with the look at the query cache; without that, for the look at the passages, and without
        # that, for the question's vector. Nobody waits while something is stored, nor for another look.
        for off in ([], ["query"], ["query", "retrieval"]):
            switches = [part for cache in off for part in ("--set", f"cache.{cache}.enabled=false")]
            one = self.start_node(*patient, *switches)
            self.assertEqual(one.post("/v1/documents", {"documents": list(HANDBOOK)}).status, 200)
            self.redis.freeze()
            seconds = one.query(QUESTION + len(off) * "?").json["timings_ms"]["total"] / 1000
            self.assertGreaterEqual(seconds, timeout, off)
            self.assertLess(seconds, 2 * timeout, off)
            self.redis.thaw()
            # What may have been claimed is given back with the answer, or a little later.
            wait_until(lambda: not self.redis.keys("raglan:claim:*"), "no claim is left behind", seconds=10)
            one.stop()

    def test_without_redis_a_node_starts_and_answers(self):
        one, two = self.start_two()
        two.stop()
        self.redis.end()
        self.assertEqual(one.query(QUESTION).json["cache"]["status"], "miss")
        self.assertEqual(one.query(QUESTION).json["cache"]["status"], "hit")
        # An operator is told that other nodes may still have it, and this one has not.
        self.assertEqual(one.request("DELETE", "/admin/cache").status, 503)
        self.assertEqual([cache["entries"] for cache in one.get("/admin/cache").json["caches"]], [0, 0, 0])
        late = self.start_node()
        self.assertEqual(late.query(QUESTION).status, 200)
        for node in (one, late):
            node.stop()

    def test_a_node_that_requires_redis_is_not_ready_without_it(self):
        node = self.start_node("--set", 'readiness.require=redis,store')
        self.assertEqual(checks_of(node), {"embedder": "ok", "redis": "ok", "store": "ok"})
        self.redis.end()
        ready = wait_until(lambda: (reply := node.get("/ready")).status == 503 and reply, "the node is not ready")
        self.assertEqual(ready.json["checks"], {"embedder": "ok", "redis": "failed", "store": "ok"})
        self.assertEqual(node.get("/health").status, 200)
        node.stop()

    def test_a_node_that_cannot_be_started_ends_and_does_not_crash(self):
        """It has begun to ask Redis by then."""
        settings = [f"redis.url={self.redis.url}", "auth.mode=jwt", f"auth.public_key_file={self.folder}/none.pem"]
        options = [part for setting in settings for part in ("--set", setting)]
        for _ in range(20):
            ended = run("serve", "--data", self.data, "--listen", "127.0.0.1:0", *options)
            self.assertEqual(ended.returncode, 1, ended.stderr)
            self.assertIn("auth.public_key_file cannot be read", ended.stderr)

    def test_what_an_operator_removes_is_removed_from_all_nodes(self):
        one, two = self.start_two()
        for node in (one, two):
            wait_until(lambda: b"raglan:{purge}\r\n:2" in self.redis.command("PUBSUB", "NUMSUB", "raglan:{purge}"), "both listen")
            self.assertEqual(node.query(QUESTION).status, 200)
        removed = one.request("DELETE", "/admin/cache?collection=default").json["removed"]
        self.assertEqual(removed, {"query": 2, "retrieval": 2})  # of this process, and of Redis
        self.assertEqual(self.redis.keys("raglan:query:*"), [])
        wait_until(lambda: two.get("/admin/cache").json["caches"][0]["entries"] == 0, "the other node has heard")
        self.assertEqual(two.query(QUESTION).json["cache"]["status"], "miss")
        for node in (one, two):
            node.stop()

    def test_an_overloaded_question_waits_for_a_frozen_redis_once(self):
        timeout = 2
        one = self.start_node("--set", f"redis.timeout={timeout}s", "--set", "redis.breaker.failure_threshold=100")
        self.assertEqual(one.post("/v1/documents", {"documents": list(HANDBOOK)}).status, 200)
        for level in (1, 2):  # of a paid question; at the last one, 3, nothing is computed
            self.assertEqual(one.put("/admin/degradation", {"mode": "manual", "level": level + 1}).status, 200)
            self.redis.freeze()
            seconds = one.query(f"{QUESTION} {level}").json["timings_ms"]["total"] / 1000
            self.redis.thaw()
            # It gives up with the command before it on the same connection, whose turn it was.
            self.assertGreater(seconds, timeout / 2, level)
            self.assertLess(seconds, 2 * timeout, level)
        one.stop()

    def test_a_purge_of_vectors_reaches_files_also_of_nodes_that_share_none(self):
        two = self.start(*self.redis_options("--set", "cache.embedding.redis=none"), data=self.folder / "two")
        one = self.start_node("--set", "cache.embedding.redis=none")
        for node in (one, two):
            self.assertEqual(node.post("/v1/documents", {"documents": list(HANDBOOK)}).status, 200)
            wait_until(lambda: node.get("/ready").json["checks"]["redis"] == "ok", "it listens")
        self.assertEqual(one.delete("/admin/cache?cache=embedding").status, 200)
        embedding = lambda: two.get("/admin/cache").json["caches"][2]
        wait_until(lambda: embedding()["entries"] == 0, "the other node has heard")
        self.assertGreater(self.embedded_by(two), 0)
        self.assertEqual(embedding()["disk"]["hits"], 0)
        for node in (one, two):
            node.stop()

    def test_a_node_that_may_not_listen_says_so(self):
        node = self.start_node()
        wait_until(lambda: checks_of(node)["redis"] == "ok", "it listens")
        self.redis.command("ACL", "SETUSER", "default", "resetchannels")
        self.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        wait_until(lambda: checks_of(node)["redis"] == "degraded", "it says so")
        self.assertIn("does not let this node listen", node.log())
        node.stop()

    def test_what_is_being_computed_while_it_is_purged_is_not_kept(self):
        provider = Provider(latency="1s")
        self.addCleanup(provider.stop)
        one, two = self.start_two_that_generate(provider)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            asked = pool.submit(one.query, QUESTION)
            wait_until(lambda: provider.stats()["calls"].get("/v1/chat/completions"), "it is being written")
            self.assertEqual(two.delete("/admin/cache?cache=query").status, 200)
            self.assertEqual(asked.result().json["cache"]["status"], "miss")
        for node in (one, two):
            self.assertEqual(node.query(QUESTION, cache="only").status, 503)
            node.stop()

    def redis_options(self, *options):
        return ["--set", f"redis.url={self.redis.url}", *options]

    def start_two_without_files(self, *options):
        """Which share no vectors on disk."""
        return self.start_two("--set", "cache.embedding.disk_bytes=0", *options)

    def embedded_by(self, node):
        """Calls of the embedder for a question that no cache of answers has."""
        before = embeddings(node)
        self.assertEqual(node.query(QUESTION, cache="refresh").status, 200)
        return embeddings(node) - before

    def test_what_one_node_has_embedded_no_other_embeds(self):
        one, two = self.start_two_without_files()
        self.assertGreater(self.embedded_by(one), 0)
        shared = len(self.redis.keys("raglan:embedding:*"))
        self.assertGreater(shared, len(HANDBOOK))  # passages, the question and its sentences
        self.assertEqual(self.embedded_by(two), 0)
        document = {"id": "again", "text": HANDBOOK[0]["text"]}
        before = embeddings(two)
        self.assertEqual(two.post("/v1/documents", {"collection": "second", "documents": [document]}).status, 200)
        self.assertEqual(embeddings(two), before)
        found = metric(two, "raglan_cache_requests_total", cache="embedding", result="redis")
        cache = two.get("/admin/cache").json["caches"][2]
        self.assertEqual((cache["name"], cache["redis"]["hits"]), ("embedding", found))
        self.assertEqual(cache["entries"], found)
        self.assertGreater(cache["saved_seconds"], 0)
        for node in (one, two):
            self.assertEqual(metric(node, "raglan_cache_redis_failures_total", cache="embedding"), 0)
            node.stop()

    def test_vectors_are_shared_as_far_as_the_operator_wants(self):
        one, two = self.start_two_without_files("--set", "cache.embedding.redis=questions")
        self.assertEqual(self.redis.keys("raglan:embedding:*"), [])
        self.assertGreater(self.embedded_by(one), 0)
        wait_until(lambda: self.redis.keys("raglan:embedding:*"), "the question's vectors are in Redis")
        self.assertEqual(self.embedded_by(two), 0)
        apart = self.start_node("--set", "cache.embedding.disk_bytes=0", "--set", "cache.embedding.redis=none")
        self.assertGreater(self.embedded_by(apart), 0)
        for node in (one, two, apart):
            node.stop()

    def test_vectors_that_an_operator_removes_are_removed_from_all_nodes(self):
        one, two = self.start_two_without_files()
        for node in (one, two):
            wait_until(lambda: b"raglan:{purge}\r\n:2" in self.redis.command("PUBSUB", "NUMSUB", "raglan:{purge}"), "both listen")
            self.embedded_by(node)
        path = "/admin/cache?cache=embedding&tenant="
        self.assertEqual(one.delete(path + "nobody").json["removed"], {"embedding": 0})
        entries = one.get("/admin/cache").json["caches"][2]["entries"]
        removed = one.delete(path + "default").json["removed"]["embedding"]
        self.assertGreaterEqual(removed, 2 * entries)  # of this process, and of Redis
        self.assertEqual(self.redis.keys("raglan:embedding:*"), [])
        wait_until(lambda: two.get("/admin/cache").json["caches"][2]["entries"] == 0, "the other node has heard")
        for node in (one, two):
            node.stop()

    def test_what_is_not_an_entry_is_a_miss(self):
        one, two = self.start_two()
        first = one.query(QUESTION).json
        wait_until(lambda: self.redis.keys("raglan:query:*"), "the answer is in Redis")
        for key in self.redis.keys("raglan:*"):
            self.redis.command("SET", key, b"garbage")
        second = two.query(QUESTION).json
        self.assertEqual(second["cache"]["status"], "miss")
        self.assertEqual(second["answer"], first["answer"])
        for node in (one, two):
            node.stop()


if __name__ == "__main__":
    unittest.main()
