#!/usr/bin/env python3
"""The probes, the metrics, and what every route owes: methods, status codes, answers under load."""

import concurrent.futures
import contextlib
import json
import re
import resource
import signal
import sqlite3
import sys
import threading
import time
import unittest
from pathlib import Path

from handbook import HANDBOOK, long_text
from harness import ROOT, NodeTest, TemporaryFolderTest, read_response, read_to_end, wait_until

sys.path.insert(0, str(ROOT / "tests/support"))
from provider import Provider  # noqa: E402

DRAIN = b"POST /admin/drain HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n"
REQUIRED_METRICS = {
    "raglan_http_requests_total": {"route", "code"},
    "raglan_http_request_duration_seconds_count": {"route"},
    "raglan_stage_duration_seconds_count": {"stage"},
    "raglan_cache_requests_total": {"cache", "result"},
    "raglan_cache_bytes": {"cache"},
    "raglan_cache_entries": {"cache"},
    "raglan_cache_evictions_total": {"cache"},
    "raglan_cache_saved_seconds_total": {"cache"},
    "raglan_cache_saved_calls_total": {"cache"},
    "raglan_cache_saved_tokens_total": {"cache"},
    "raglan_cache_disk_bytes": {"cache"},
    "raglan_coalesced_total": {"stage"},
    "raglan_embedding_calls_total": set(),
    "raglan_embedding_batch_size_count": set(),
    "raglan_store_statements_total": {"kind"},
    "raglan_queue_depth": {"executor"},
    "raglan_http_connections": set(),
    "raglan_http_body_bytes": set(),
    "raglan_http_bodies_refused_total": set(),
}
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def parse_metrics(text):
    """Prometheus text as {(name, labels): value}; fails on a line that is not of the format."""
    samples = {}
    types = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"two TYPE lines for {name}"
            types[name] = kind
        elif line.startswith("# HELP ") or line == "":
            continue
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"not a sample: {line!r}"
            name, inner, value = match.groups()
            labels = LABEL.findall(inner or "")
            assert "".join(f'{n}="{v}",' for n, v in labels).rstrip(",") == (inner or "").rstrip(","), line
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            assert family in types or name in types, f"no TYPE for {name}"
            key = (name, frozenset(labels))
            assert key not in samples, f"twice: {line!r}"
            samples[key] = float(value)
    assert text.endswith("\n")
    return samples


class Probes(NodeTest):
    documents = HANDBOOK

    def test_health_has_its_exact_body(self):
        reply = self.node.get("/health")
        self.assertEqual((reply.status, reply.text), (200, '{"status":"ok"}'))
        self.assertEqual(reply.headers["content-type"], "application/json")

    def test_ready_names_every_check(self):
        reply = self.node.get("/ready")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.json, {"status": "ready", "checks": {"embedder": "ok", "store": "ok"}})
        self.assertTrue(reply.text.startswith('{"status":"ready","checks":{'), reply.text)

    def test_startup_has_its_exact_body(self):
        reply = self.node.get("/startup")
        self.assertEqual((reply.status, reply.text), (200, '{"status":"started"}'))

    def test_head_is_get_without_the_body(self):
        with self.node.connect() as connection:
            connection.sendall(b"HEAD /health HTTP/1.1\r\nhost: localhost\r\n\r\nGET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            stream = connection.makefile("rb")
            status, headers, _ = read_response(stream, head_only=True)
            self.assertEqual((status, headers["content-length"]), (200, "15"))
            self.assertEqual(read_response(stream)[2], b'{"status":"ok"}')

    def test_options_names_the_methods(self):
        for path, methods in [
            ("/health", {"GET", "HEAD", "OPTIONS"}),
            ("/v1/query", {"POST", "OPTIONS"}),
            ("/v1/documents", {"GET", "HEAD", "POST", "OPTIONS"}),
            ("/v1/documents/x", {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}),
        ]:
            reply = self.node.request("OPTIONS", path)
            self.assertEqual((reply.status, reply.body), (204, b""), path)
            self.assertEqual(set(reply.headers["allow"].split(", ")), methods, path)

    def test_another_method_is_405_with_allow(self):
        for method, path in [("POST", "/health"), ("DELETE", "/v1/query"), ("GET", "/v1/embeddings"),
                             ("PATCH", "/v1/documents/x"), ("DELETE", "/metrics")]:
            reply = self.node.request(method, path)
            self.assert_error(reply, 405, "method_not_allowed")
            self.assertNotIn(method, reply.headers["allow"].split(", "))
            self.assertIn("OPTIONS", reply.headers["allow"].split(", "))

    def test_an_unknown_route_is_404(self):
        for path in ["/", "/nothing", "/v1", "/v1/", "/v1/quer", "/health/", "/v1/documents/a/b", "/..%2f"]:
            self.assert_error(self.node.get(path), 404, "not_found")

    def test_metrics_parse_and_have_the_promised_names(self):
        self.node.query("When was the lighthouse built?")
        reply = self.node.get("/metrics")
        self.assertEqual(reply.status, 200)
        self.assertTrue(reply.headers["content-type"].startswith("text/plain; version=0.0.4"))
        samples = parse_metrics(reply.text)
        for name, labels in REQUIRED_METRICS.items():
            found = [key for key in samples if key[0] == name]
            self.assertNotEqual(found, [], name)
            for _, pairs in found:
                self.assertEqual({label for label, _ in pairs}, labels, name)
        stages = {dict(pairs)["stage"] for name, pairs in samples if name == "raglan_stage_duration_seconds_count"}
        self.assertLessEqual({"embed", "retrieve", "answer"}, stages)
        executors = {dict(pairs)["executor"] for name, pairs in samples if name == "raglan_queue_depth"}
        self.assertLessEqual({"search", "storage", "extraction", "store", "inference", "shelf"}, executors)
        refusing = {dict(pairs)["executor"] for name, pairs in samples if name == "raglan_queue_rejected_total"}
        self.assertLessEqual({"search", "inference", "shelf", "refresh"}, refusing)

    def test_requests_are_counted_by_route_and_code(self):
        def count(route, code):
            samples = parse_metrics(self.node.get("/metrics").text)
            return samples.get(("raglan_http_requests_total", frozenset([("route", route), ("code", code)])), 0)

        before = count("/v1/documents/{id}", "404")
        self.node.get("/v1/documents/nobody")
        self.node.get("/v1/documents/no%20body")
        self.assertEqual(count("/v1/documents/{id}", "404"), before + 2)

    def test_cache_hits_are_counted(self):
        def hits():
            samples = parse_metrics(self.node.get("/metrics").text)
            return samples[("raglan_cache_requests_total", frozenset([("cache", "query"), ("result", "hit")]))]

        question = "Who may climb the tower on Sundays?"
        self.assertEqual(self.node.query(question).json["cache"]["status"], "miss")
        before = hits()
        self.assertEqual(self.node.query(question).json["cache"]["status"], "hit")
        self.assertEqual(hits(), before + 1)

    def test_answers_of_v1_and_ready_tell_the_load(self):
        replies = [
            self.node.get("/ready"),
            self.node.query("When was the lighthouse built?"),
            self.node.query("When was the lighthouse built?", stream=True),
            self.node.query("When was the lighthouse built?", stream=3),
            self.node.post("/v1/search", {"query": ["one", "two"]}),
            self.node.get("/v1/nowhere"),
            self.node.delete("/v1/query"),
            self.node.request("OPTIONS", "/v1/query"),
        ]
        self.assertEqual([reply.status for reply in replies], [200, 200, 200, 422, 200, 404, 405, 204])
        self.assertEqual([reply.headers.get("x-raglan-load") for reply in replies], ["0"] * len(replies))
        for path in ("/health", "/startup", "/metrics", "/admin/breakers"):
            self.assertNotIn("x-raglan-load", self.node.get(path).headers)

    def test_every_answer_to_a_question_has_its_cache_status(self):
        question = "What is the harbour's radio channel?"
        messages = {"model": "raglan", "messages": [{"role": "user", "content": question}]}
        for path, body in (
            ("/v1/query", {"query": question}),
            ("/v1/search", {"query": question}),
            ("/v1/search", {"query": [question, "Where is the ferry?"]}),
            ("/v1/chat/completions", messages),
        ):
            for stream in ({}, {"stream": True}) if path != "/v1/search" else ({},):
                reply = self.node.post(path, {**body, **stream})
                self.assertEqual(reply.status, 200, reply.text)
                self.assertRegex(reply.headers["cache-status"], "^raglan; (hit|fwd=)", (path, stream))

    def test_pages_of_others_cannot_end_it(self):
        for name, value in (("origin", "http://elsewhere"), ("host", "elsewhere"), ("sec-fetch-site", "cross-site")):
            reply = self.node.post("/admin/drain", {}, {name: value})
            self.assertEqual((reply.status, reply.error["code"]), (403, "forbidden"), name)
        self.assert_error(self.node.request("POST", "/admin/drain?soon=1"), 422, "invalid_field", "soon")
        self.assertEqual(self.node.get("/ready").status, 200)

    def test_health_and_metrics_answer_while_every_worker_is_busy(self):
        stop = threading.Event()
        problems = []

        def ask(number):
            turn = 0
            while not stop.is_set():
                turn += 1
                reply = self.node.query(f"question {number} of turn {turn} about ropes and tides", cache="bypass")
                if reply.status not in (200, 503, 504):
                    problems.append(reply.text)

        def write(number):
            reply = self.node.post("/v1/documents?collection=busy", {"id": f"{number}", "text": long_text(number, 15)})
            if reply.status != 200:
                problems.append(reply.text)

        threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
        threads += [threading.Thread(target=ask, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()

        def waiting():
            samples = parse_metrics(self.node.get("/metrics").text)
            return samples[("raglan_queue_depth", frozenset([("executor", "inference")]))] > 0

        wait_until(waiting, "texts wait for the embedder")
        slowest = 0
        for _ in range(40):
            started = time.monotonic()
            self.assertEqual(self.node.get("/health").text, '{"status":"ok"}')
            self.assertEqual(self.node.get("/startup").status, 200)
            self.assertEqual(self.node.get("/metrics").status, 200)
            slowest = max(slowest, time.monotonic() - started)
        ready = self.node.get("/ready")
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        self.assertEqual(ready.status, 200, ready.text)
        self.assertLess(slowest, 2)
        self.node.delete("/v1/collections/busy")


class BodiesBound(TemporaryFolderTest):
    def test_a_body_that_would_pass_the_bound_is_503_and_others_notice_nothing(self):
        node = self.start("--set", "server.limits.max_body_bytes=1000B", "--set", "server.max_bodies_bytes=1000B")

        def sample(name):
            return parse_metrics(node.get("/metrics").text)[(name, frozenset())]

        with node.connect() as slow:
            slow.sendall(b"POST /v1/query HTTP/1.1\r\nhost: localhost\r\ncontent-length: 900\r\n\r\n" + b" " * 899)
            wait_until(lambda: sample("raglan_http_body_bytes") == 899, "the body is held")
            self.assertIn(node.query("?").status, (200, 404))  # what fits is answered
            refused = node.query("?" * 200)
            self.assertEqual((refused.status, refused.error["code"]), (503, "overloaded"))
            self.assertEqual(refused.headers["retry-after"], "1")
            self.assertEqual(refused.headers["connection"], "close")
            self.assertEqual(sample("raglan_http_bodies_refused_total"), 1)
            slow.sendall(b" ")
            self.assertEqual(read_response(slow.makefile("rb"))[0], 400)
        self.assertEqual(sample("raglan_http_body_bytes"), 0)
        node.stop()


class Starting(TemporaryFolderTest):
    def test_until_it_is_loaded_only_the_probes_answer(self):
        self.data.mkdir()
        # Another process's write keeps the store from opening: the node goes on starting until then.
        holder = sqlite3.connect(self.data / "raglan.db", isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("BEGIN EXCLUSIVE")
        node = self.start("--set", "store.busy_timeout=60s", wait=False)
        startup = node.get("/startup")
        self.assertEqual((startup.status, startup.text), (503, '{"status":"starting"}'))
        self.assertEqual(startup.headers["retry-after"], "1")
        ready = node.get("/ready")
        self.assertEqual(ready.status, 503)
        self.assertEqual(ready.json["status"], "not_ready")
        self.assertEqual(set(ready.json["checks"]), {"store", "embedder"})
        self.assertEqual(node.get("/health").text, '{"status":"ok"}')
        self.assertEqual(node.get("/metrics").status, 200)
        for reply in [node.query("anything"), node.get("/v1/models"), node.get("/v1/documents")]:
            self.assertEqual((reply.status, reply.error["code"]), (503, "unavailable"))
            self.assertEqual(reply.headers["retry-after"], "1")
        holder.execute("COMMIT")
        node.wait_started()
        wait_until(lambda: node.get("/ready").status == 200, "ready after the start", seconds=10)
        self.assertEqual(node.get("/v1/models").status, 200)
        node.stop()

    def test_fewer_open_files_than_connections_are_connections_that_are_refused(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

        node = self.start(preexec=limit)
        self.assertIn("the limit of open files allows fewer connections", node.log())
        with contextlib.ExitStack() as held:
            for _ in range(50):
                held.enter_context(node.connect())
            # A loop may not have counted yet those that it has just accepted.
            asked = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
            wait_until(lambda: b" 503 " in node.exchange(asked).splitlines()[0], "it is refused")
        wait_until(lambda: node.get("/health").status == 200, "room again")
        node.stop()

    def test_a_node_whose_database_was_moved_is_not_ready(self):
        node = self.start()
        away = self.folder / "away.db"
        (self.data / "raglan.db").rename(away)
        wait_until(lambda: node.get("/ready").status == 503, "not ready")
        self.assertEqual(node.get("/ready").json["checks"], {"embedder": "ok", "store": "failed"})
        self.assertEqual(node.get("/health").status, 200)
        away.rename(self.data / "raglan.db")
        wait_until(lambda: node.get("/ready").status == 200, "ready again")
        node.stop()

    def test_a_drain_ends_a_node_that_still_loads_and_is_answered(self):
        self.data.mkdir()
        holder = sqlite3.connect(self.data / "raglan.db", isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("BEGIN EXCLUSIVE")
        node = self.start("--set", "store.busy_timeout=60s", wait=False)
        started = time.monotonic()
        reply = node.drain()
        self.assertEqual((reply.status, reply.json), (202, {"status": "draining", "connections": 1}))
        node.stop()
        self.assertLess(time.monotonic() - started, 20)

    def test_a_node_that_still_loads_ends_at_once(self):
        node = self.start(wait=False)
        started = time.monotonic()
        node.stop()
        self.assertLess(time.monotonic() - started, 20)


class Draining(TemporaryFolderTest):
    def test_a_draining_node_is_not_ready_and_finishes_its_work(self):
        node = self.start()
        replies = []

        def write():
            replies.append(node.post("/v1/documents", {"id": "long", "text": long_text("drain", 60)}))

        writer = threading.Thread(target=write)
        with node.connect() as late:  # accepted before the drain, asks after it began
            writer.start()

            def embedding():
                samples = parse_metrics(node.get("/metrics").text)
                return samples[("raglan_embedding_calls_total", frozenset())] > 0

            wait_until(embedding, "the write is under way")
            node.terminate()
            wait_until(lambda: "draining" in node.log(), "the drain begins")
            late.sendall(b"GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n")
            status, headers, body = read_response(late.makefile("rb"))
            self.assertEqual((status, json.loads(body)["status"]), (503, "draining"))
            self.assertEqual(headers["connection"], "close")
        self.assertTrue(writer.is_alive(), "the write was meant to outlast the beginning of the drain")
        writer.join()
        self.assertEqual(replies[0].status, 200, replies[0].text)
        self.assertEqual(replies[0].json["documents"][0]["state"], "indexed")
        node.stop()
        again = self.start()
        self.assertEqual(again.get("/v1/documents/long").json["text"], long_text("drain", 60))
        again.stop()


class Generating(TemporaryFolderTest):
    """Nodes whose answers a slow language model writes."""

    def start_generating(self, **provider_settings):
        provider = Provider(**provider_settings)
        self.addCleanup(provider.stop)
        chosen = ["generation.provider=openai", f"generation.base_url={provider.url}/v1", "generation.model=slow"]
        node = self.start(*(word for setting in chosen for word in ("--set", setting)))
        self.assertEqual(node.post("/v1/documents", {"documents": list(HANDBOOK)}).status, 200)
        return node

    def begin_stream(self, connection):
        """Asks for an answer that streams, and reads its beginning."""
        question = json.dumps({"query": "When was the lighthouse built?", "stream": True}).encode()
        connection.sendall(
            b"POST /v1/query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n" % len(question) + question
        )
        beginning = b""
        while b"event: delta" not in beginning:
            part = connection.recv(65536)
            self.assertNotEqual(part, b"", beginning)
            beginning += part
        return beginning

    def assert_whole(self, stream):
        self.assertIn(b"event: done", stream)
        self.assertNotIn(b"event: error", stream)
        self.assertTrue(stream.endswith(b"\r\n0\r\n\r\n"), stream[-100:])


class DrainingByRequest(Generating):
    def test_streams_go_on_to_their_last_byte_and_then_the_node_ends(self):
        node = self.start_generating(token_delay="60ms")
        with node.connect() as stream, node.connect() as late:  # that asks after it began
            beginning = self.begin_stream(stream)
            wait_until(lambda: node.metric("raglan_http_connections") == 3, "both have been accepted")
            reply = node.drain()
            self.assertEqual((reply.status, reply.json["status"]), (202, "draining"))
            self.assertGreaterEqual(reply.json["connections"], 3)
            late.sendall(b"GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n")
            status, headers, body = read_response(late.makefile("rb"))
            self.assertEqual((status, json.loads(body)["status"]), (503, "draining"))
            self.assertEqual(headers["x-raglan-load"], "1")
            with self.assertRaises(ConnectionRefusedError):
                wait_until(lambda: node.connect().close(), "nobody new is let in")
            node.terminate()  # as orchestrators do behind it: nothing is cut off
            self.assert_whole(beginning + read_to_end(stream))
        node.stop()

    def test_asked_again_it_says_the_same(self):
        node = self.start_generating(token_delay="60ms")
        with node.connect() as stream, node.connect() as first, node.connect() as second:
            beginning = self.begin_stream(stream)
            node.told_to_end = True
            for connection in (first, second):
                connection.sendall(DRAIN)
                status, _, body = read_response(connection.makefile("rb"))
                self.assertEqual((status, json.loads(body)["status"]), (202, "draining"))
            self.assert_whole(beginning + read_to_end(stream))
        node.stop()

    def test_a_second_signal_ends_the_node_at_once(self):
        def none_pending(node):
            return re.search("^ShdPnd:\t0+$", Path(f"/proc/{node.process.pid}/status").read_text(), re.MULTILINE)

        for asked_before in (True, False):
            node = self.start_generating(token_delay="300ms")
            with node.connect() as stream:
                self.begin_stream(stream)
                if asked_before:
                    self.assertEqual(node.drain().status, 202)
                node.terminate()
                wait_until(lambda: none_pending(node), "the first has been taken")
                self.assertIsNone(node.process.poll())
                node.terminate()
                self.assertEqual(node.wait_end(), -signal.SIGTERM)
            self.folder.joinpath("data").rename(self.folder / f"data-{asked_before}")


class Load(Generating):
    def test_it_is_what_is_under_way_until_the_last_byte(self):
        node = self.start_generating(token_delay="100ms")

        def load(path="/ready"):
            return int(node.get(path).headers["x-raglan-load"])

        self.assertEqual(load(), 0)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            questions = [f"What does the handbook say about number {i}?" for i in range(6)]
            replies = [pool.submit(node.query, question, stream=i % 2 == 0) for i, question in enumerate(questions)]
            wait_until(lambda: load() == 6, "all are under way")
            self.assertEqual((load("/v1/models"), load("/v1/nowhere"), load()), (6, 6, 6))
            for reply in replies:
                self.assertEqual(reply.result().status, 200)
                self.assertLess(int(reply.result().headers["x-raglan-load"]), 6)
        self.assertEqual(load(), 0)
        node.stop()

    def test_who_goes_away_is_none(self):
        node = self.start_generating(token_delay="300ms")
        with node.connect() as stream:
            self.begin_stream(stream)
            self.assertEqual(node.get("/ready").headers["x-raglan-load"], "1")
        wait_until(lambda: node.get("/ready").headers["x-raglan-load"] == "0", "it has been noticed")
        node.stop()


if __name__ == "__main__":
    unittest.main()
