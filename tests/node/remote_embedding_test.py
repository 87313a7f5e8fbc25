#!/usr/bin/env python3
"""A node whose vectors come from a provider: full batches, every way in which a provider can fail, secrets."""

import sys
import threading
import time
import unittest

from handbook import HANDBOOK, QUESTIONS
from harness import ROOT, TemporaryFolderTest, run, wait_until
from health_test import parse_metrics

sys.path.insert(0, str(ROOT / "tests/support"))
from provider import Provider  # noqa: E402

KEY = "sesame-open-quizzaciouscanary"  # the canary: no log line may have it
PRIVATE = "stand-in-private-text"  # of every error that the provider answers
MODEL = "stand-in-embedding"
# Answered 1 s late they would be answered too late for a question.
QUICK = ["embedding.timeout=500ms", "embedding.retry.max_backoff=50ms"]
# The faults, and what a document that cannot be embedded is answered.
FAULTS = [
    ({"fault": "hang"}, 503, "unavailable", "did not answer in time"),
    ({"fault": "refuse"}, 503, "unavailable", "cannot be reached"),
    ({"fault": "invalid_json"}, 502, "upstream_error", "is not JSON"),
    ({"fault": "truncated"}, 502, "upstream_error", "is not JSON"),
    ({"fault": "wrong_count"}, 502, "upstream_error", "wrong number of vectors"),
    ({"fault": "wrong_dimension"}, 502, "upstream_error", "wrong dimension"),
    ({"fault": "not_finite"}, 502, "upstream_error", "without a direction"),
    ({"fault": "wrong_index"}, 502, "upstream_error", "wrong indexes"),
    ({"reset_every": 1}, 502, "upstream_error", "cut off"),
    ({"error_every": 1, "error_status": 500}, 502, "upstream_error", "status 500"),
    ({"error_every": 1, "error_status": 503}, 503, "overloaded", "limits the rate"),
    ({"error_every": 1, "error_status": 401}, 503, "unavailable", "refused the API key"),
    ({"error_every": 1, "error_status": 404}, 503, "unavailable", "no such model"),
    ({"error_every": 1, "error_status": 400}, 422, "invalid_field", "status 400"),
    ({"requests_per_second": 0.01}, 503, "overloaded", "limits the rate"),
]
WELL = {
    "latency": "0ms",
    "fault": "none",
    "error_every": 0,
    "error_status": 500,
    "reset_every": 0,
    "requests_per_second": 0,
}


class RemoteTest(TemporaryFolderTest):
    def start_provider(self, **settings):
        provider = Provider(**settings)
        self.addCleanup(provider.stop)
        return provider

    def settings(self, provider, *extra):
        chosen = ["embedding.provider=openai", f"embedding.base_url={provider.url}/v1", f"embedding.model={MODEL}"]
        return [part for setting in [*chosen, *extra] for part in ("--set", setting)]

    def start_node(self, provider, *extra, **keywords):
        return self.start(*self.settings(provider, *extra), **keywords)

    def document(self, number, words=30):
        text = " ".join(f"word{(number * 7 + n) % 997}" for n in range(words))
        return {"id": f"d{number}", "title": f"Document {number}", "text": text}

    def put(self, node, documents, collection="default"):
        return node.post("/v1/documents", {"documents": documents, "collection": collection})

    def metric(self, node, name, **labels):
        return parse_metrics(node.get("/metrics").text).get((name, frozenset(labels.items())), 0)


class Works(RemoteTest):
    def test_documents_are_found_and_questions_answered(self):
        provider = self.start_provider()
        node = self.start_node(provider)
        states = {document["state"] for document in self.put(node, HANDBOOK).json["documents"]}
        self.assertEqual(states, {"indexed"})
        self.assertEqual(provider.stats()["calls"], {"/v1/embeddings": 2})  # the dimension, the documents
        for question, document, _ in QUESTIONS:
            reply = node.query(question, mode="retrieve").json
            self.assertEqual(reply["sources"][0]["document_id"], document, question)
            self.assertEqual(reply["degraded"]["level"], 0)
        self.assertEqual([model["id"] for model in node.get("/v1/models").json["data"]], [MODEL, "raglan"])
        self.assertEqual(self.metric(node, "raglan_embedding_tokens_total"), provider.stats()["tokens"] - 3)
        calls = self.metric(node, "raglan_upstream_requests_total", upstream="embedding", code="200")
        self.assertEqual(calls, provider.embedding_calls())
        node.stop()

    def test_the_key_reaches_the_provider_and_nothing_else(self):
        provider = self.start_provider(api_key=KEY)
        file = self.folder / "key"
        file.write_text(KEY + "\n")
        env = {"RAGLAN_EMBEDDING__API_KEY_FILE": str(file)}
        node = self.start_node(provider, env=env)
        self.assertEqual(self.put(node, [self.document(1)]).json["documents"][0]["state"], "indexed")
        provider.set(api_key="another")
        self.assertNotIn("sesame", node.post("/v1/documents", self.document(2)).text)
        self.assertNotIn("sesame", node.get("/metrics").text)
        shown = run("config", "show", *self.settings(provider), env=env)
        self.assertNotIn("sesame", shown.stdout + shown.stderr)
        self.assertNotIn("sesame", node.log())
        node.stop()

    def test_doctor_asks_the_provider(self):
        provider = self.start_provider()
        settings = self.settings(provider)
        well = run("doctor", "--data", self.data, *settings)
        self.assertIn(f"{MODEL}:", well.stdout)
        self.assertIn("384 dimensions) answers", well.stdout)
        provider.set(error_every=1, error_status=401)
        ill = run("doctor", "--data", self.data, *settings)
        self.assertEqual(ill.returncode, 1)
        self.assertIn("refused the API key", ill.stdout)
        self.assertIn("embedding.api_key", ill.stdout)
        self.assertNotIn(PRIVATE, ill.stdout + ill.stderr)

    def test_a_collection_belongs_to_its_model(self):
        provider = self.start_provider()
        node = self.start_node(provider, "embedding.dimensions=384")
        self.put(node, HANDBOOK)
        node.stop()
        node = self.start_node(provider, "embedding.dimensions=384", "embedding.model=another")
        written = node.post("/v1/documents", self.document(1))
        asked = node.query("Who keeps the lighthouse?")
        for reply in (written, asked):
            self.assertEqual((reply.status, reply.error["code"]), (409, "conflict"), reply.text)
            self.assertIn(f"{MODEL}:", reply.error["message"])  # which model's vectors it has
            self.assertIn("another:", reply.error["message"])
        self.assertEqual(self.put(node, [self.document(1)], collection="new").status, 200)
        node.stop()

    def test_the_model_must_be_named(self):
        given = run("config", "show", "--set", "embedding.provider=openai")
        self.assertEqual(given.returncode, 64)
        self.assertIn("model must be the provider's name", given.stderr)


class Batches(RemoteTest):
    def test_a_request_of_many_documents_is_one_call(self):
        provider = self.start_provider()
        node = self.start_node(provider, "embedding.dimensions=384")
        self.put(node, [self.document(number) for number in range(1000)])
        self.assertEqual(provider.embedding_calls(), 1)
        self.assertEqual(provider.stats()["texts"], 1000)
        node.stop()

    def test_calls_are_as_full_as_the_provider_allows(self):
        provider = self.start_provider(max_batch_texts=100, max_batch_tokens=4000)
        node = self.start_node(
            provider, "embedding.dimensions=384", "embedding.max_batch_texts=100", "embedding.max_batch_tokens=4000"
        )
        self.put(node, [self.document(number, words=4) for number in range(250)])
        self.assertEqual(provider.embedding_calls(), 3)
        provider.reset_stats()
        self.put(node, [self.document(1000 + number, words=60) for number in range(64)])  # about 120 tokens each
        stats = provider.stats()
        self.assertLessEqual(provider.embedding_calls(), -(-stats["tokens"] // 4000) + 1)
        node.stop()

    def test_ingest_of_many_files_shares_calls(self):
        provider = self.start_provider()
        files = self.folder / "files"
        files.mkdir()
        for number in range(300):
            (files / f"{number}.txt").write_text(self.document(number)["text"])
        done = run("ingest", files, "--data", self.data, *self.settings(provider, "embedding.dimensions=384"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("300 indexed", done.stdout)
        self.assertLessEqual(provider.embedding_calls(), 15)  # groups of 16, 32, 64, 128 and the rest, if none is slow

    def test_concurrent_questions_share_calls(self):
        provider = self.start_provider(latency="100ms")  # longer than the clients' part
        node = self.start_node(provider, "embedding.dimensions=384")
        self.put(node, HANDBOOK)
        provider.reset_stats()
        ask_many(node, clients=32, questions=8)
        stats = provider.stats()
        self.assertEqual(stats["texts"], 32 * 8)
        self.assertLess(provider.embedding_calls(), stats["texts"] / 4)
        self.assertLessEqual(stats["max_concurrent"], 4)
        node.stop()

    def test_a_question_does_not_wait_for_ingest(self):
        provider = self.start_provider()
        node = self.start_node(provider, "embedding.dimensions=384", "embedding.max_batch_texts=1")
        self.put(node, HANDBOOK)
        provider.set(latency="400ms")
        provider.reset_stats()
        documents = [self.document(number, words=5) for number in range(8)]
        writers = [threading.Thread(target=self.put, args=(node, [document])) for document in documents]
        for writer in writers:
            writer.start()
        wait_until(lambda: provider.stats()["under_way"] == 3, "ingest has all calls but one")
        reply = node.query("When was the lighthouse built?", mode="retrieve").json
        self.assertLess(reply["timings_ms"]["embed"], 790)  # one call, not two
        self.assertTrue(any(writer.is_alive() for writer in writers))
        for writer in writers:
            writer.join()
        self.assertEqual(provider.stats()["max_concurrent"], 4)
        node.stop()

    def test_a_text_that_is_refused_fails_alone(self):
        provider = self.start_provider(max_batch_tokens=1000)
        node = self.start_node(provider, "embedding.dimensions=384", "ingest.chunk_tokens=4000")
        documents = [self.document(number) for number in range(40)]
        documents[17]["text"] = "an overlong text " * 600  # one chunk of more tokens than it takes at all
        states = [document["state"] for document in self.put(node, documents).json["documents"]]
        self.assertEqual(states, ["failed" if number == 17 else "indexed" for number in range(40)])
        # 40 20 10 5 2 1, of which the last is at fault, and what was left aside: 1 3 5 10, and 20 as 10 10: the
        # provider takes about 16 of them.
        self.assertEqual(provider.embedding_calls(), 13)
        node.stop()

    def test_one_of_a_thousand_texts_is_refused_in_few_calls_and_no_text_is_paid_for_twice(self):
        provider = self.start_provider(max_batch_tokens=5000)
        node = self.start_node(provider, "embedding.dimensions=384", "ingest.chunk_tokens=8000")
        documents = [{"id": f"d{number}", "text": f"text {number}"} for number in range(1000)]
        documents[17]["text"] = "an overlong text " * 1200
        states = [document["state"] for document in self.put(node, documents).json["documents"]]
        self.assertEqual(states, ["failed" if number == 17 else "indexed" for number in range(1000)])
        # 1000 500 250 125 62 31 15 7 3 1, and what was left aside: 2 4 8 16 31 63 125 250 500.
        self.assertEqual(provider.embedding_calls(), 19)
        self.assertEqual(provider.stats()["texts"], 999)
        self.assertEqual(self.metric(node, "raglan_embedding_tokens_total"), provider.stats()["tokens"])
        node.stop()


def ask_many(node, clients, questions):
    """Each client asks its questions one after the other; all are different."""

    def ask(client):
        for number in range(questions):
            node.query(f"What about word{client} and word{number}?", mode="retrieve")

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Fails(RemoteTest):
    def test_every_fault_is_answered_clearly_and_survived(self):
        provider = self.start_provider()
        node = self.start_node(provider, "embedding.dimensions=384", "embedding.breaker.failure_threshold=1000000", *QUICK)
        self.put(node, HANDBOOK)
        for number, (fault, status, code, says) in enumerate(FAULTS):
            with self.subTest(fault=fault):
                provider.set(**WELL)
                provider.set(**fault)
                if "requests_per_second" in fault:
                    node.query("the bucket's one token", cache="bypass", mode="retrieve")
                reply = node.post("/v1/documents", self.document(number), {"x-request-timeout-ms": "1900"})
                self.assertEqual(reply.status, status, reply.text)
                self.assertEqual(reply.error["code"], code, reply.text)
                self.assertIn(says, reply.error["message"])
                self.assertNotIn(PRIVATE, reply.text)
                answer = node.post("/v1/query", {"query": f"Who keeps the lighthouse, {number}?"}, {"x-request-timeout-ms": "1900"})
                self.assertEqual(answer.status, 200, answer.text)
                self.assertEqual(answer.json["degraded"], {"level": 1, "reasons": ["embedder_unavailable"]})
                self.assertEqual(answer.json["sources"][0]["document_id"], "lighthouse")
                self.assertEqual(node.get("/health").status, 200)
                self.assertEqual(node.get("/ready").status, 200)
                # What a throttled provider has asked for outlasts its fault.
                if code == "overloaded":
                    node.stop()
                    node = self.start_node(
                        provider, "embedding.dimensions=384", "embedding.breaker.failure_threshold=1000000", *QUICK
                    )
        provider.set(**WELL)
        self.assertEqual(node.post("/v1/documents", self.document(999)).status, 200)
        answer = node.query("And now, who keeps the lighthouse?").json
        self.assertEqual(answer["degraded"]["level"], 0)
        self.assertNotIn(PRIVATE, node.log())
        node.stop()

    def test_a_flaky_provider_costs_no_document(self):
        provider = self.start_provider()
        node = self.start_node(provider, "embedding.dimensions=384")
        provider.set(error_every=3, reset_every=4)
        for number in range(20):
            reply = node.post("/v1/documents", self.document(number))
            self.assertEqual(reply.status, 200, reply.text)
        self.assertGreaterEqual(provider.stats()["failed"], 6)
        node.stop()

    def test_a_provider_is_asked_as_often_as_it_says(self):
        provider = self.start_provider(requests_per_second=2, request_burst=1)
        node = self.start_node(provider, "embedding.dimensions=384")
        for number in range(3):
            reply = node.post("/v1/documents", self.document(number))
            self.assertEqual(reply.status, 200, reply.text)
        stats = provider.stats()
        self.assertLessEqual(stats["throttled"], 1)  # its headers tell when it may be asked
        self.assertEqual(self.metric(node, "raglan_breaker_state", upstream="embedding"), 0)
        node.stop()

    def test_the_breaker_spares_a_dead_provider_and_finds_out_when_it_is_back(self):
        provider = self.start_provider()
        node = self.start_node(
            provider, "embedding.dimensions=384", "embedding.breaker.recovery_timeout=700ms", *QUICK
        )
        self.put(node, HANDBOOK)
        provider.set(fault="invalid_json")
        provider.reset_stats()
        for number in range(4):
            self.assertEqual(node.query(f"Lighthouse {number}?").json["degraded"]["level"], 1)
        self.assertEqual(self.metric(node, "raglan_breaker_state", upstream="embedding"), 1)
        self.assertLessEqual(provider.embedding_calls(), 6)
        ready = node.get("/ready")
        self.assertEqual((ready.status, ready.json["checks"]["embedder"]), (200, "degraded"))
        provider.set(**WELL)
        wait_until(
            lambda: node.query("Is it back?", cache="bypass").json["degraded"]["level"] == 0, "the breaker closes"
        )
        self.assertEqual(self.metric(node, "raglan_breaker_state", upstream="embedding"), 0)
        node.stop()

    def test_readiness_costs_no_calls(self):
        provider = self.start_provider()
        node = self.start_node(provider, "embedding.dimensions=384")
        self.assertEqual(node.get("/ready").json["checks"]["embedder"], "ok")
        self.assertEqual(provider.embedding_calls(), 0)
        node.stop()

    def test_a_node_starts_without_its_provider_when_it_knows_the_dimension(self):
        provider = self.start_provider(fault="refuse")
        settings = self.settings(provider, *QUICK)
        refused = run("ask", "Anything?", "--data", self.data, *settings)
        self.assertEqual(refused.returncode, 1)
        failed = run("ingest", __file__, "--data", self.data, *settings)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("cannot be reached", failed.stderr)
        self.assertIn("embedding.dimensions", failed.stderr)
        node = self.start_node(provider, "embedding.dimensions=384", *QUICK)
        self.assertEqual(node.get("/ready").status, 200)
        node.stop()

    def test_a_node_ends_at_once_while_its_provider_hangs(self):
        provider = self.start_provider()
        node = self.start_node(
            provider, "embedding.dimensions=384", "embedding.timeout=1m", "server.drain_timeout=100ms"
        )
        provider.set(fault="hang")
        writing = threading.Thread(target=self.ignore_errors, args=(node,))
        writing.start()
        wait_until(lambda: provider.stats()["under_way"] == 1, "a call is under way")
        began = time.monotonic()
        node.stop()
        self.assertLess(time.monotonic() - began, 20)  # and not a minute
        writing.join()

    def ignore_errors(self, node):
        try:
            node.post("/v1/documents", self.document(1))
        except OSError:
            pass


if __name__ == "__main__":
    unittest.main()
