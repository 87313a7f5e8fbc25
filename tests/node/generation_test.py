#!/usr/bin/env python3
"""Answers by a language model behind an API: streams, caches, every way in which it can fail, cancellation."""

import concurrent.futures
import http.server
import json
import sys
import threading
import time
import unittest

from handbook import HANDBOOK, QUESTIONS
from harness import ROOT, TemporaryFolderTest, run, wait_until
from health_test import parse_metrics
from query_test import read_events
from redis_server import RedisServer
from shared_cache_test import metric

sys.path.insert(0, str(ROOT / "tests/support"))
from provider import Provider  # noqa: E402

KEY = "sesame-open-quizzaciouscanary"  # the canary: no log line may have it
PRIVATE = "stand-in-private-text"  # of every error that the provider answers
MODEL = "stand-in-chat"
QUESTION = QUESTIONS[0][0]
WELL = {
    "latency": "0ms",
    "token_delay": "0ms",
    "fault": "none",
    "error_every": 0,
    "error_status": 500,
    "reset_every": 0,
    "requests_per_second": 0,
}
# The faults, and why the passages alone are the answer then.
FAULTS = [
    ({"fault": "hang"}, "generator_unavailable"),
    ({"fault": "refuse"}, "generator_unavailable"),
    ({"fault": "invalid_json"}, "generator_unavailable"),
    ({"fault": "truncated"}, "generator_interrupted"),
    ({"reset_every": 1}, "generator_interrupted"),
    ({"error_every": 1, "error_status": 500}, "generator_unavailable"),
    ({"error_every": 1, "error_status": 401}, "generator_unavailable"),
    ({"error_every": 1, "error_status": 404}, "generator_unavailable"),
    ({"error_every": 1, "error_status": 400}, "generator_refused"),
    ({"requests_per_second": 0.01}, "generator_throttled"),
]
# Waits are short, and nothing is left alone unless a test is about that.
QUICK = [
    "generation.stall_timeout=300ms",
    "generation.retry.max_backoff=20ms",
    "generation.retry.base_backoff=20ms",
    "server.request_timeout=2s",
]


class GenerationTest(TemporaryFolderTest):
    def start_provider(self, **settings):
        provider = Provider(**{"api_key": KEY, **settings})
        self.addCleanup(provider.stop)
        return provider

    def start_node(self, provider, *extra, documents=HANDBOOK, **keywords):
        chosen = ["generation.provider=openai", f"generation.base_url={provider.url}/v1", f"generation.model={MODEL}"]
        flags = [part for setting in [*chosen, *extra] for part in ("--set", setting)]
        node = self.start(*flags, env={"RAGLAN_GENERATION__API_KEY": KEY}, **keywords)
        reply = node.post("/v1/documents", {"documents": documents})
        self.assertEqual(reply.status, 200, reply.text)
        return node

    def calls(self, provider):
        return provider.stats()["calls"].get("/v1/chat/completions", 0)

    def breaker(self, node):
        metrics = parse_metrics(node.get("/metrics").text)
        return metrics[("raglan_breaker_state", frozenset({("upstream", "generation")}))]

    def stream(self, node, question=QUESTION, **fields):
        return node.post("/v1/query", {"query": question, "stream": True, **fields})


class Works(GenerationTest):
    def test_the_model_answers_from_the_passages_and_cites_them(self):
        provider = self.start_provider()
        node = self.start_node(provider)
        for question, document, words in QUESTIONS:
            reply = node.query(question).json
            self.assertIn("[1]", reply["answer"])
            self.assertEqual(reply["sources"][0]["document_id"], document)
            self.assertEqual(reply["generation"]["model"], MODEL)
            self.assertEqual(reply["generation"]["finish_reason"], "stop")
            self.assertGreater(reply["usage"]["prompt_tokens"], reply["usage"]["completion_tokens"])
            self.assertGreater(reply["usage"]["completion_tokens"], 0)
            self.assertLessEqual({"generate", "first_token"}, set(reply["timings_ms"]))
            self.assertEqual(reply["degraded"], {"level": 0, "reasons": []})
        tokens = lambda kind: metric(node, "raglan_upstream_tokens_total", upstream="generation", model=MODEL, kind=kind)
        self.assertGreater(tokens("prompt"), tokens("completion"))
        self.assertGreater(tokens("completion"), 0)
        before = self.calls(provider)
        again = node.query(question).json
        self.assertEqual(again["cache"], {"status": "hit", "layer": "query"})
        self.assertEqual(again["answer"], reply["answer"])
        self.assertEqual(again["usage"]["prompt_tokens"], 0)
        self.assertEqual(self.calls(provider), before)

    def test_another_model_has_answers_of_its_own(self):
        provider = self.start_provider()
        node = self.start_node(provider)
        node.query(QUESTION)
        node.stop()
        node = self.start_node(provider, "generation.model=another-model", documents=HANDBOOK)
        reply = node.query(QUESTION).json
        self.assertEqual((reply["cache"]["status"], reply["generation"]["model"]), ("miss", "another-model"))

    def test_a_stream_comes_while_it_is_written_and_then_from_the_cache(self):
        provider = self.start_provider(token_delay="20ms")
        node = self.start_node(provider)
        events = read_events(self.stream(node))
        names = [name for name, _ in events]
        self.assertEqual((names[0], names[-1]), ("sources", "done"))
        self.assertGreater(names.count("delta"), 3)
        whole = events[-1][1]
        self.assertEqual("".join(data["text"] for name, data in events if name == "delta"), whole["answer"])
        self.assertEqual(events[0][1]["sources"], whole["sources"])
        replayed = read_events(self.stream(node))
        self.assertEqual([name for name, _ in replayed], ["sources", "delta", "done"])
        self.assertEqual(replayed[-1][1]["cache"]["status"], "hit")
        self.assertEqual(replayed[-1][1]["answer"], whole["answer"])

    def test_many_who_ask_the_same_share_one_answer_streamed_or_not(self):
        provider = self.start_provider(token_delay="20ms")
        node = self.start_node(provider)
        replies = []

        def ask(number):
            if number % 2:
                events = read_events(self.stream(node))
                text = "".join(data["text"] for name, data in events if name == "delta")
                replies.append((text, events[-1][1]))
            else:
                body = node.query(QUESTION).json
                replies.append((body["answer"], body))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(replies), 60)
        self.assertEqual(len({text for text, _ in replies}), 1)
        self.assertEqual({text for text, _ in replies}, {body["answer"] for _, body in replies})
        self.assertEqual(self.calls(provider), 1)

    def test_a_client_that_goes_away_cancels_the_call_unless_another_reads(self):
        provider = self.start_provider(token_delay="100ms")
        node = self.start_node(provider)

        def open_stream():
            connection = self.send(node, stream=True, cache="use")
            seen = b""
            while b"event: delta" not in seen:
                seen += connection.recv(65536)
            return connection

        first, second = open_stream(), open_stream()
        self.assertEqual(provider.stats()["under_way"], 1)
        first.close()
        time.sleep(1)  # the server would have noticed
        self.assertEqual(provider.stats()["under_way"], 1)
        self.assert_leaving_ends_calls(second, provider)
        self.assertEqual(self.calls(provider), 1)

    def test_a_client_that_goes_away_from_an_answer_in_one_piece_cancels_the_call(self):
        provider = self.start_provider()
        node = self.start_node(provider)
        # The model has not begun to write, and is in the middle of it.
        for slow in ({"latency": "60s"}, {"token_delay": "400ms"}):
            with self.subTest(**slow):
                provider.set(**{**WELL, **slow})
                provider.reset_stats()
                connection = self.send(node, cache="bypass")
                wait_until(lambda: provider.stats()["under_way"] == 1, "the model is asked")
                time.sleep(1)  # two words
                self.assertEqual(provider.stats()["under_way"], 1)
                self.assert_leaving_ends_calls(connection, provider)
                self.assertEqual(self.calls(provider), 1)

    def test_a_client_that_goes_away_cancels_both_calls_that_were_made_for_it(self):
        provider = self.start_provider()
        node = self.start_node(provider, "generation.hedge.enabled=true", "generation.hedge.max_ratio=10%")
        for _ in range(25):  # what is usual, and two hedges
            node.query(QUESTION, cache="bypass")
        provider.set(fault="hang")
        for stream in (False, True):
            with self.subTest(stream=stream):
                provider.reset_stats()
                connection = self.send(node, stream=stream, cache="bypass")
                wait_until(lambda: provider.stats()["under_way"] == 2, "the model is asked twice")
                self.assert_leaving_ends_calls(connection, provider)
                self.assertEqual(self.calls(provider), 2)

    def send(self, node, **fields):
        """A connection on which a question was asked."""
        connection = node.connect()
        self.addCleanup(connection.close)
        body = json.dumps({"query": QUESTION, **fields}).encode()
        head = "POST /v1/query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        return connection

    def assert_leaving_ends_calls(self, connection, provider):
        connection.close()
        wait_until(lambda: provider.stats()["under_way"] == 0, "the provider sees that its calls are gone", seconds=1)


class Fails(GenerationTest):
    def test_the_passages_are_the_answer_whatever_the_provider_does(self):
        provider = self.start_provider()
        node = self.start_node(provider, *QUICK, "generation.breaker.failure_threshold=1000")
        for fault, reason in FAULTS:
            with self.subTest(**fault):
                provider.set(**fault)
                if reason == "generator_throttled":
                    node.query(QUESTION, cache="bypass")  # takes what the provider still allows
                reply = node.query(QUESTION)
                provider.set(**WELL)
                self.assertEqual(reply.status, 200, reply.text)
                body = reply.json
                self.assertEqual(body["degraded"], {"level": 2, "reasons": [reason]})
                self.assertIsNone(body["answer"])
                self.assertIsNone(body["generation"])
                self.assertEqual(len(body["sources"]), 5)
                self.assertNotIn(PRIVATE, reply.text)
                # A held-back provider is asked again when its time has come.
                if reason == "generator_throttled":
                    node.stop()
                    node = self.start_node(provider, *QUICK, "generation.breaker.failure_threshold=1000")
        self.assertEqual(node.query(QUESTION).json["degraded"]["level"], 0)
        self.assertNotIn(PRIVATE, node.log())
        node.stop()

    def test_a_stream_that_is_cut_off_says_so(self):
        provider = self.start_provider(fault="truncated", token_delay="5ms")
        node = self.start_node(provider, *QUICK)
        events = read_events(self.stream(node))
        names = [name for name, _ in events]
        self.assertEqual((names[0], names[1], names[-1]), ("sources", "delta", "error"))
        self.assertEqual(events[-1][1]["error"]["code"], "upstream_error")
        provider.set(**WELL)
        self.assertEqual(read_events(self.stream(node))[-1][0], "done")

    def test_a_stream_that_fails_before_it_began_is_the_older_answer(self):
        provider = self.start_provider()
        node = self.start_node(provider, "cache.query.ttl=1s", "cache.query.stale_while_revalidate=0s", *QUICK)
        first = node.query(QUESTION).json
        time.sleep(1.1)
        provider.set(error_every=1, error_status=500)
        events = read_events(self.stream(node))
        self.assertEqual([event for event, _ in events], ["sources", "delta", "done"])
        self.assertEqual(events[1][1]["text"], first["answer"])
        self.assertEqual(events[2][1]["cache"]["status"], "stale")

    def test_a_stream_of_which_nothing_came_ends_in_the_passages(self):
        provider = self.start_provider(error_every=1)
        node = self.start_node(provider, *QUICK)
        events = read_events(self.stream(node))
        self.assertEqual([name for name, _ in events], ["sources", "done"])
        self.assertEqual(events[-1][1]["degraded"]["level"], 2)

    def test_a_failed_call_is_made_again(self):
        provider = self.start_provider(error_every=2)
        node = self.start_node(provider, *QUICK)
        for number in range(4):
            body = node.query(QUESTION, cache="bypass").json
            self.assertEqual(body["degraded"]["level"], 0, body)
        self.assertGreaterEqual(self.calls(provider), 6)

    def test_a_dead_provider_is_left_alone_and_found_again_by_one_probe(self):
        provider = self.start_provider(error_every=1)
        # Nothing but the breaker stands between 200 questions and the provider.
        places = [f"{name}=256" for name in (
            "generation.max_connections", "admission.limit.initial_limit", "admission.limit.max_limit",
            "admission.max_computing", "admission.max_waiting")]
        node = self.start_node(
            provider, *QUICK, *places, "generation.breaker.recovery_timeout=3s", "generation.retry.retry_ratio=0",
            "generation.retry.min_retries=0", "server.request_timeout=90s", "generation.stall_timeout=60s",
            "generation.timeout=60s",
        )
        ask = lambda _=None: node.query(QUESTION, cache="bypass").json["degraded"]
        passages = {"level": 2, "reasons": ["generator_unavailable"]}
        full = {"level": 0, "reasons": []}
        for _ in range(5):
            self.assertEqual(self.breaker(node), 0)
            self.assertEqual(ask(), passages)
        self.assertEqual(self.breaker(node), 1)
        self.assertEqual(self.calls(provider), 5)
        ready = node.get("/ready")
        self.assertEqual((ready.status, ready.json["checks"]["generator"]), (200, "degraded"))
        self.assert_left_alone(node, provider, ask, passages, calls=5)

        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            # The probe hangs: nobody else is let through to the provider, and nobody waits for it.
            provider.set(**{**WELL, "fault": "hang"})
            provider.reset_stats()
            self.wait_for_probe_time(node)
            asked = [pool.submit(ask) for _ in range(200)]
            wait_until(lambda: sum(each.done() for each in asked) >= 199, "all have an answer but the probe")
            self.assertEqual((self.calls(provider), provider.stats()["under_way"]), (1, 1))
            self.assertEqual(self.shown_breaker(node)["state"], "half_open")
            (probe,) = [each for each in asked if not each.done()]
            self.assertEqual([each.result() for each in asked if each is not probe], 199 * [passages])
            provider.set(fault="refuse")  # which ends the probe, too
            self.assertEqual(probe.result(), passages)
            provider.set(**WELL)
            self.assert_left_alone(node, provider, ask, passages, calls=1)

            # It is well again: one probe, and all who come behind its answer are let through.
            provider.set(latency="3s")
            provider.reset_stats()
            self.wait_for_probe_time(node)
            probe = pool.submit(ask)
            wait_until(lambda: self.calls(provider) == 1, "the probe is sent")
            others = list(pool.map(ask, range(20)))
            self.assertFalse(probe.done())
            self.assertEqual((others, self.calls(provider)), (20 * [passages], 1))
            self.assertEqual(probe.result(), full)
            self.assertEqual(self.breaker(node), 0)
            provider.set(**WELL)
            self.assertEqual(list(pool.map(ask, range(20))), 20 * [full])
            self.assertEqual(self.calls(provider), 21)
        self.assertEqual(node.get("/ready").json["checks"]["generator"], "ok")

    def shown_breaker(self, node):
        (shown,) = node.get("/admin/breakers").json["breakers"]
        self.assertEqual(shown["upstream"], "generation")
        return shown

    def wait_for_probe_time(self, node):
        wait_until(lambda: self.shown_breaker(node)["next_probe_ms"] == 0, "the breaker would let one through")

    def assert_left_alone(self, node, provider, ask, passages, calls):
        shown = self.shown_breaker(node)
        self.assertEqual(shown["state"], "open")
        self.assertGreater(shown["next_probe_ms"], 0)
        self.assertEqual([ask() for _ in range(20)], 20 * [passages])
        self.assertEqual(self.calls(provider), calls)

    def test_a_burst_of_the_providers_429s_is_no_customers(self):
        customers = 105
        provider = self.start_provider(error_every=1, error_status=429, latency="3s")
        places = ["generation.max_connections=128", "admission.limit.initial_limit=128", "admission.limit.max_limit=128",
                  "admission.max_computing=128", "admission.max_waiting=128"]
        node = self.start_node(provider, *places, "server.request_timeout=40s")
        with concurrent.futures.ThreadPoolExecutor(customers) as pool:
            asked = [pool.submit(node.query, f"{QUESTION} {i}") for i in range(customers)]
            wait_until(lambda: provider.stats()["failed"] >= customers, "all were refused")
            provider.set(**WELL)
            replies = [each.result() for each in asked]
        self.assertEqual({reply.status for reply in replies}, {200})
        self.assertTrue(all(reply.json["sources"] for reply in replies))
        reasons = {reason for reply in replies for reason in reply.json["degraded"]["reasons"]}
        self.assertLessEqual(reasons, {"generator_throttled", "overload"})
        written = sum(reply.json["degraded"]["level"] == 0 for reply in replies)
        self.assertGreater(written, 0, "who could wait for the model's words got them")
        self.assertEqual(self.breaker(node), 0)
        again = [node.query(f"{QUESTION} {i}").json["cache"]["status"] for i in range(customers)]
        self.assertGreaterEqual(again.count("hit"), written)

    def test_a_call_that_hangs_by_chance_is_made_a_second_time(self):
        provider = self.start_provider()
        node = self.start_node(provider, "generation.hedge.enabled=true", "generation.hedge.max_ratio=10%")
        for _ in range(25):  # what is usual, and two hedges
            node.query(QUESTION, cache="bypass")
        provider.set(slow_every=26, slow_latency="30s")
        began = time.monotonic()
        body = node.query(QUESTION, cache="bypass").json
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(body["degraded"]["level"], 0)
        self.assertEqual(self.calls(provider), 27)
        hedges = lambda result: metric(node, "raglan_upstream_hedges_total", upstream="generation", result=result)
        self.assertEqual((hedges("won"), hedges("lost")), (1, 0))
        wait_until(lambda: provider.stats()["under_way"] == 0, "the call that hangs was cancelled")

    def test_refusals_and_throttling_open_no_breaker(self):
        provider = self.start_provider()
        node = self.start_node(provider, *QUICK, "server.request_timeout=300ms")
        provider.set(error_every=1, error_status=400)
        for _ in range(10):
            self.assertEqual(node.query(QUESTION).json["degraded"]["level"], 2)
        self.assertEqual(self.breaker(node), 0)
        provider.set(error_every=0, requests_per_second=0.001)
        node.query(QUESTION, cache="bypass")  # takes what the provider still allows
        for _ in range(10):
            self.assertEqual(node.query(QUESTION).json["degraded"]["level"], 2)
        self.assertEqual(self.breaker(node), 0)


class WritesOneText:
    """A language model behind an API of OpenAI's shape that always writes the same, and keeps what it was asked."""

    def __init__(self, text):
        self.asked = asked = []  # the bodies of the calls

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()  # of HTTP/1.0: the end of the connection is the end of the body
                for piece in (text[start : start + 2] for start in range(0, len(text), 2)):
                    self.event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
                self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                self.event({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}})
                self.wfile.write(b"data: [DONE]\n\n")

            def event(self, value):
                self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def prompt(self):
        """All that the model read for its last answer."""
        return "\n".join(message["content"] for message in self.asked[-1]["messages"])

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Prompts(GenerationTest):
    def start_writer(self, text):
        writer = WritesOneText(text)
        self.addCleanup(writer.stop)
        return writer

    def test_what_does_not_fit_into_the_models_window_is_left_out_from_the_lowest_rank(self):
        writer = self.start_writer("It was built in 1847 [1].")
        node = self.start_node(writer)
        whole = node.query(QUESTION).json
        self.assertFalse(whole["generation"]["truncated"])
        self.assertEqual(self.quoted(whole, writer), 5 * [True])
        node.stop()
        node = self.start_node(writer, "generation.context_tokens=512", "generation.max_tokens=100")
        cut = node.query(QUESTION).json
        self.assertEqual(cut["sources"], whole["sources"])
        self.assertTrue(cut["generation"]["truncated"])
        self.assertEqual(cut["answer"], "It was built in 1847 [1].")
        quoted = self.quoted(cut, writer)
        self.assertIn(quoted.count(True), range(1, 5))
        self.assertEqual(quoted, sorted(quoted, reverse=True))  # the highest, and none behind a gap
        events = read_events(self.stream(node, cache="refresh"))
        self.assertTrue(events[-1][1]["generation"]["truncated"])
        node.stop()

    def quoted(self, reply, writer):
        return [source["text"] in writer.prompt() for source in reply["sources"]]

    def test_a_citation_of_a_passage_that_there_is_not_is_taken_out(self):
        writer = self.start_writer("It was built in 1847 [1]. Its lamp is red [99].")
        node = self.start_node(writer)
        reply = node.query(QUESTION).json
        self.assertEqual(reply["answer"], "It was built in 1847 [1]. Its lamp is red.")
        self.assertEqual(reply["generation"]["citations_removed"], 1)
        self.assertEqual(node.query(QUESTION).json["generation"], reply["generation"])  # from the cache
        events = read_events(self.stream(node, cache="bypass"))
        self.assertEqual("".join(data["text"] for name, data in events if name == "delta"), reply["answer"])
        self.assertEqual(events[-1][1]["generation"]["citations_removed"], 1)
        node.stop()


class Commands(GenerationTest):
    def run_with(self, provider, *arguments):
        settings = ["generation.provider=openai", f"generation.base_url={provider.url}/v1", f"generation.model={MODEL}"]
        flags = [part for setting in settings for part in ("--set", setting)]
        return run(*arguments, "--data", self.data, *flags, env={"RAGLAN_GENERATION__API_KEY": KEY}, cwd=self.data.parent)

    def test_doctor_asks_each_model_redis_and_the_list_once(self):
        provider, other = self.start_provider(), self.start_provider(error_every=1)
        redis = RedisServer()
        self.addCleanup(redis.end)
        questions = self.data.parent / "questions.txt"
        questions.write_text("one?\ntwo?\n")
        more = [f"generation.fallback.0.base_url={other.url}/v1", "generation.fallback.0.model=another-model",
                f"generation.fallback.0.api_key={KEY}", f"redis.url={redis.url}", f"cache.warmup.queries={questions}"]
        flags = [part for setting in more for part in ("--set", setting)]
        done = self.run_with(provider, "doctor", "--json", *flags)
        found = {finding["subject"]: finding for finding in json.loads(done.stdout)["findings"]}
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(found["llm"]["health"], "ok")
        self.assertIn(f"{MODEL} answers", found["llm"]["text"])
        self.assertEqual(found["llm 1"]["health"], "warning")
        self.assertIn("status 500", found["llm 1"]["text"])
        self.assertEqual((found["redis"]["health"], found["warm-up"]["text"]), ("ok", "2 questions"))
        self.assertEqual((self.calls(provider), self.calls(other)), (1, 1))
        self.assertNotIn(PRIVATE, done.stdout + done.stderr)
        redis.end()
        questions.unlink()
        done = self.run_with(provider, "doctor", *flags)
        self.assertEqual(done.returncode, 1)  # a node would not start with a list that is not there
        self.assertRegex(done.stdout, r"(?m)^warning +redis ")
        self.assertRegex(done.stdout, r"(?m)^failed +warm-up ")

    def test_ask_says_when_the_model_has_not_answered(self):
        provider = self.start_provider()
        path = self.data.parent / "lamp.md"
        path.write_text("# Lamp\n\nThe lamp is lit at dusk.\n")
        self.assertEqual(run("ingest", path, "--data", self.data, cwd=self.data.parent).returncode, 0)
        done = self.run_with(provider, "ask", "When is the lamp lit?")
        self.assertIn("[1]", done.stdout)
        provider.set(error_every=1)
        done = self.run_with(provider, "ask", "When is the lamp lit?")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("The language model has not answered (generator_unavailable). The nearest passages:", done.stdout)


class Several(GenerationTest):
    def test_a_fallback_answers_while_the_model_fails_and_its_answers_are_not_kept(self):
        provider, other = self.start_provider(error_every=1), self.start_provider()
        node = self.start_node(provider, *QUICK, *self.fallback(other))
        body = node.query(QUESTION).json
        self.assertEqual(body["degraded"], {"level": 0, "reasons": ["generator_fallback"]})
        self.assertEqual(body["generation"]["model"], "another-model")
        self.assertEqual(node.query(QUESTION).json["cache"]["status"], "miss")
        self.assertEqual((self.calls(provider), self.calls(other)), (2, 2))
        provider.set(**WELL)
        body = node.query(QUESTION).json
        self.assertEqual((body["degraded"]["reasons"], body["generation"]["model"]), ([], MODEL))
        self.assertEqual(node.query(QUESTION).json["cache"]["status"], "hit")

    def test_nobody_waits_for_a_throttled_model_while_another_is_there(self):
        provider, other = self.start_provider(requests_per_second=0.001), self.start_provider()
        node = self.start_node(provider, *self.fallback(other))
        models = [node.query(QUESTION, cache="bypass").json["generation"]["model"] for _ in range(3)]
        self.assertEqual(models, [MODEL, "another-model", "another-model"])
        self.assertEqual(self.calls(provider), 1)  # whose headers said that there are no more

    def test_by_weight_both_are_asked_and_either_stands_in_for_the_other(self):
        provider, other = self.start_provider(), self.start_provider()
        node = self.start_node(provider, *QUICK, *self.fallback(other), "generation.order=weighted")
        for _ in range(40):
            self.assertEqual(node.query(QUESTION, cache="bypass").json["degraded"], {"level": 0, "reasons": []})
        self.assertGreater(min(self.calls(provider), self.calls(other)), 5)
        other.set(error_every=1)
        for _ in range(10):
            self.assertEqual(node.query(QUESTION, cache="bypass").json["generation"]["model"], MODEL)

    def fallback(self, provider):
        return [f"generation.fallback.0.base_url={provider.url}/v1", "generation.fallback.0.model=another-model",
                f"generation.fallback.0.api_key={KEY}"]


if __name__ == "__main__":
    unittest.main()
