#!/usr/bin/env python3
"""/v1/query and /v1/search: cited answers, their cache, streams, deadlines, concurrency."""

import json
import re
import threading
import unittest

from handbook import HANDBOOK, QUESTIONS, long_text, marker
from harness import CANARY, NodeTest, occupy_extraction

NOTHING_FOUND = "Nothing in this collection answers the question."
CITED = re.compile(r"(.+?) \[(\d+)\](?:\s+|$)", re.DOTALL)


def cited_sentences(answer):
    """[(sentence, n)] of an extractive answer; fails when there is anything else in it."""
    sentences = []
    position = 0
    while position < len(answer):
        match = CITED.match(answer, position)
        if not match:
            raise AssertionError(f"no citation after {answer[position:]!r}")
        sentences.append((match.group(1), int(match.group(2))))
        position = match.end()
    return sentences


def read_events(reply):
    """[(event, data)] of a server-sent event stream."""
    events = []
    for block in reply.text.split("\n\n"):
        if block == "":
            continue
        fields = [line.split(": ", 1) for line in block.split("\n")]
        name = "".join(value for field, value in fields if field == "event")
        events.append((name, json.loads("\n".join(value for field, value in fields if field == "data"))))
    return events


class QueryTest(NodeTest):
    def check_citations(self, reply):
        """Every sentence stands in its source, every source in its document."""
        sources = {source["n"]: source for source in reply["sources"]}
        self.assertEqual(list(sources), list(range(1, len(reply["sources"]) + 1)))
        for sentence, n in cited_sentences(reply["answer"]):
            for piece in sentence.split(" … "):  # between a term and what is said of it
                self.assertIn(piece, sources[n]["text"])
        for source in sources.values():
            document = self.node.get(f"/v1/documents/{source['document_id']}").json
            self.assertEqual(
                document["text"].encode()[source["start"]:source["end"]].decode(), source["text"]
            )
            self.assertEqual((source["title"], source["uri"]), (document["title"], document["uri"]))


class Answers(QueryTest):
    documents = HANDBOOK + [{"id": "tides", "title": "Tide tables", "text": long_text("tides", 30)}]

    def test_a_question_is_answered_with_citations(self):
        for question, document, words in QUESTIONS:
            reply = self.node.query(question)
            self.assertEqual(reply.status, 200, reply.text)
            body = reply.json
            self.assertTrue(body["found"], question)
            self.assertIn(words, body["answer"], question)
            self.assertEqual(body["sources"][0]["document_id"], document, question)
            self.assertEqual(len(body["sources"]), 5)
            self.check_citations(body)
            self.assertEqual(body["degraded"], {"level": 0, "reasons": []})
            self.assertGreater(body["usage"]["embedding_tokens"], 0)
            scores = [source["score"] for source in body["sources"]]
            self.assertEqual(scores, sorted(scores, reverse=True))

    def test_passages_of_a_long_document_are_its_bytes(self):
        for paragraph in (0, 7, 29):
            reply = self.node.query(f"Where is {marker('tides', paragraph)}?", cache="bypass", top_k=3).json
            self.assertIn(marker("tides", paragraph), reply["sources"][0]["text"])
            self.check_citations({**reply, "answer": reply["answer"] if reply["found"] else ""})

    def test_the_reply_has_exactly_its_fields(self):
        body = self.node.query("In which year was the lighthouse built, please?").json
        self.assertEqual(
            set(body),
            {"id", "answer", "found", "sources", "generation", "cache", "degraded", "timings_ms", "usage"},
        )
        self.assertEqual(
            set(body["sources"][0]),
            {"n", "document_id", "chunk_id", "title", "title_path", "uri", "text", "score", "start", "end"},
        )
        self.assertLessEqual({"embed", "retrieve", "answer", "total"}, set(body["timings_ms"]))
        stages = sum(time for stage, time in body["timings_ms"].items() if stage != "total")
        self.assertLessEqual(stages, body["timings_ms"]["total"] * 1.01 + 0.1)
        self.assertIsInstance(body["sources"][0]["chunk_id"], str)

    def test_what_no_document_says_is_not_answered(self):
        for question in [
            "How do I configure Kubernetes ingress certificates?",
            "Who won the chess championship in 1972?",
            "What is the boiling point of liquid nitrogen?",
        ]:
            body = self.node.query(question).json
            self.assertFalse(body["found"], body["answer"])
            self.assertEqual(body["answer"], NOTHING_FOUND)

    def test_nothing_is_found_in_an_empty_collection(self):
        self.node.post("/v1/collections", {"name": "empty"})
        body = self.node.query("When was the lighthouse built?", collection="empty").json
        self.assertEqual((body["found"], body["answer"], body["sources"]), (False, NOTHING_FOUND, []))
        search = self.node.post("/v1/search", {"query": "lighthouse", "collection": "empty"}).json
        self.assertEqual((search["found"], search["sources"]), (False, []))

    def test_retrieve_gives_passages_without_an_answer(self):
        body = self.node.query("When was the lighthouse built?", mode="retrieve").json
        self.assertIsNone(body["answer"])
        self.assertTrue(body["found"])
        self.assertEqual(body["sources"][0]["document_id"], "lighthouse")
        self.assertNotIn("answer", body["timings_ms"])

    def test_top_k_bounds_the_sources(self):
        for top_k in (1, 3, 100):
            body = self.node.query("harbour", top_k=top_k, cache="bypass").json
            total = sum(collection["chunks"] for collection in self.node.get("/v1/collections").json["collections"]
                        if collection["name"] == "default")
            self.assertEqual(len(body["sources"]), min(top_k, total))

    def test_scores_are_explained_on_request(self):
        body = self.node.query("How much is a return ticket?", explain=True).json
        for source in body["sources"]:
            self.assertEqual(set(source["explanation"]), {"cosine", "bm25", "dense_rank", "lexical_rank"})
            self.assertGreaterEqual(1.0001, abs(source["explanation"]["cosine"]))
            self.assertGreaterEqual(source["explanation"]["bm25"], 0)
        best = body["sources"][0]["explanation"]
        self.assertEqual((best["dense_rank"], best["lexical_rank"]), (1, 1))
        self.assertGreater(best["bm25"], 0)
        self.assertNotIn("explanation", self.node.query("How much is a return ticket?").json["sources"][0])

    def test_search_takes_one_question_or_many(self):
        one = self.node.post("/v1/search", {"query": "fish market", "top_k": 2}).json
        self.assertIsNone(one["answer"])
        self.assertEqual((one["sources"][0]["document_id"], len(one["sources"])), ("market", 2))
        many = self.node.post("/v1/search", {"query": ["fish market", "rye bread", "ferry ticket"], "top_k": 2})
        self.assertEqual(set(many.json), {"results"})
        first = [result["sources"][0]["document_id"] for result in many.json["results"]]
        self.assertEqual(first, ["market", "bakery", "ferry"])
        self.assertEqual(many.json["results"][0]["sources"], one["sources"])

    def test_request_ids_are_echoed_or_made(self):
        reply = self.node.post("/v1/query", {"query": "rye"}, headers={"x-request-id": "mine-123"})
        self.assertEqual(reply.headers["x-request-id"], "mine-123")
        error = self.node.post("/v1/query", {}, headers={"x-request-id": "mine-124"})
        self.assertEqual((error.headers["x-request-id"], error.json["request_id"]), ("mine-124", "mine-124"))
        lost = self.node.get("/nowhere", headers={"x-request-id": "mine-125"})
        self.assertEqual((lost.headers["x-request-id"], lost.json["request_id"]), ("mine-125", "mine-125"))
        made = {self.node.get("/health").headers["x-request-id"] for _ in range(3)}
        self.assertEqual(len(made), 3)
        for unusable in ("x" * 1000, "a b", ""):
            reply = self.node.get("/health", headers={"x-request-id": unusable})
            self.assertRegex(reply.headers["x-request-id"], r"^[0-9a-f-]{36}$")


class Caching(QueryTest):
    documents = HANDBOOK

    def test_the_second_answer_comes_from_the_cache(self):
        first = self.node.query("Where is rye bread baked?")
        self.assertEqual(first.json["cache"], {"status": "miss", "layer": None})
        key = first.headers["cache-status"].rpartition("; key=")[2]
        self.assertRegex(key, '^"[0-9a-f]{32}"$')
        self.assertEqual(first.headers["cache-status"], f"raglan; fwd=miss; stored; key={key}")
        second = self.node.query("  Where is   rye bread baked? ")
        self.assertEqual(second.json["cache"], {"status": "hit", "layer": "query"})
        self.assertEqual(second.headers["cache-status"], f"raglan; hit; key={key}")
        self.assertEqual(second.json["answer"], first.json["answer"])
        self.assertEqual(second.json["sources"], first.json["sources"])
        self.assertNotEqual(second.json["id"], first.json["id"])
        self.assertEqual(second.json["usage"]["embedding_tokens"], 0)
        self.assertNotIn("embed", second.json["timings_ms"])

    def test_parameters_are_part_of_the_key(self):
        asked = {"query": "What is sold by auction?"}
        self.assertEqual(self.node.post("/v1/query", asked).json["cache"]["status"], "miss")
        for fields in [{"top_k": 2}, {"mode": "retrieve"}, {"filter": {"topic": "trade"}}, {"query": "what is sold?"}]:
            self.assertEqual(self.node.post("/v1/query", {**asked, **fields}).json["cache"]["status"], "miss", fields)
        self.assertEqual(self.node.post("/v1/query", {**asked, "top_k": 5}).json["cache"]["status"], "hit")

    def test_only_answers_from_the_cache_or_not_at_all(self):
        question = "Who must register with the harbour office?"
        self.assert_error(self.node.query(question, cache="only"), 503, "not_cached")
        answer = self.node.query(question).json["answer"]
        hit = self.node.query(question, cache="only")
        self.assertEqual((hit.status, hit.json["answer"], hit.json["cache"]["status"]), (200, answer, "hit"))

    def test_bypass_neither_reads_nor_writes(self):
        question = "When is the harbour gate closed?"
        for _ in range(2):
            reply = self.node.query(question, cache="bypass")
            self.assertEqual(reply.json["cache"], {"status": "bypass", "layer": None})
            self.assertEqual(reply.headers["cache-status"], "raglan; fwd=bypass")
        self.assert_error(self.node.query(question, cache="only"), 503, "not_cached")

    def test_refresh_computes_and_stores(self):
        question = "What is the oven fired with?"
        for layer in (None, "embedding"):  # the second time its vector is there
            reply = self.node.query(question, cache="refresh")
            self.assertEqual(reply.json["cache"], {"status": "refresh", "layer": layer})
            self.assertEqual(reply.headers["cache-status"], "raglan; fwd=request; stored")
            self.assertIn("embed", reply.json["timings_ms"])
        self.assertEqual(self.node.query(question, cache="only").json["cache"]["status"], "hit")

    def test_every_kind_of_write_makes_the_cached_answer_unreachable(self):
        question = {"query": "What does the parrot say?", "collection": "parrot"}

        def ask():
            return self.node.post("/v1/query", question).json

        def write(text, id="parrot"):
            reply = self.node.post("/v1/documents", {"id": id, "text": text, "collection": "parrot"})
            return reply.json["documents"][0]["state"]

        self.assertEqual(write("The parrot says good morning."), "indexed")
        self.assertEqual((ask()["cache"]["status"], ask()["cache"]["status"]), ("miss", "hit"))
        self.assertEqual(write("The parrot says good night."), "indexed")
        changed = ask()
        self.assertEqual(changed["cache"]["status"], "miss")
        self.assertIn("good night", changed["answer"])
        self.assertNotIn("good morning", json.dumps(changed))
        self.assertEqual(write("The parrot says good night."), "unchanged")
        self.assertEqual(ask()["cache"]["status"], "hit")
        self.assertEqual(write("The parrot says ahoy when the tide comes in.", id="second"), "indexed")
        self.assertEqual(len(ask()["sources"]), 2)
        self.node.delete("/v1/documents/parrot?collection=parrot")
        removed = ask()
        self.assertEqual(removed["cache"]["status"], "miss")
        self.assertNotIn("good night", json.dumps(removed))

    def test_a_write_elsewhere_keeps_the_cached_answer(self):
        question = "How long does ship's biscuit keep?"
        self.node.query(question)
        self.node.post("/v1/documents", {"text": "Something else.", "collection": "elsewhere"})
        self.assertEqual(self.node.query(question).json["cache"]["status"], "hit")


class Streams(QueryTest):
    documents = HANDBOOK

    def check_stream(self, question, **fields):
        reply = self.node.query(question, stream=True, **fields)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["content-type"].split(";")[0], "text/event-stream")
        self.assertEqual(reply.headers["transfer-encoding"], "chunked")
        self.assertIn("cache-status", reply.headers)
        events = read_events(reply)
        names = [name for name, _ in events]
        self.assertEqual(names, ["sources"] + ["delta"] * (len(names) - 2) + ["done"])
        done = events[-1][1]
        self.assertEqual(events[0][1], {"sources": done["sources"]})
        self.assertEqual("".join(data["text"] for name, data in events if name == "delta"), done["answer"] or "")
        return done

    def test_an_answer_streams_as_sources_deltas_and_done(self):
        question = "When was the lighthouse built?"
        done = self.check_stream(question)
        self.assertEqual(done["cache"]["status"], "miss")
        self.check_citations(done)
        self.assertIn("1847", done["answer"])
        again = self.check_stream(question)
        self.assertEqual(again["cache"]["status"], "hit")
        self.assertEqual(again["answer"], done["answer"])
        self.assertEqual(self.node.query(question).json["cache"]["status"], "hit")

    def test_a_stream_without_an_answer_has_no_delta(self):
        done = self.check_stream("lighthouse", mode="retrieve")
        self.assertIsNone(done["answer"])

    def test_an_error_before_the_stream_is_a_plain_error(self):
        self.assert_error(self.node.query("x", stream=True, collection="nowhere"), 404, "not_found", "collection")
        self.assert_error(self.node.query("x", stream=True, cache="only"), 503, "not_cached")


class Deadlines(QueryTest):
    documents = HANDBOOK

    def test_a_deadline_that_cannot_be_met_is_504(self):
        # The embedder is busy with a long batch; a question may not wait for it for one millisecond.
        writer = threading.Thread(target=self.node.post, args=(
            "/v1/documents", {"id": "long", "text": long_text("deadline", 20), "collection": "long"}))
        writer.start()
        statuses = set()
        number = 0
        while writer.is_alive() and 504 not in statuses:
            number += 1
            reply = self.node.post(
                "/v1/query", {"query": f"question {number}?", "cache": "bypass"}, headers={"x-request-timeout-ms": "1"}
            )
            statuses.add(reply.status)
            if reply.status == 504:
                self.assert_error(reply, 504, "deadline_exceeded")
        writer.join()
        self.assertIn(504, statuses)
        self.assertEqual(self.node.query("When was the lighthouse built?").status, 200)

    def test_a_write_past_its_deadline_is_504_and_can_be_repeated(self):
        document = {"id": "late", "text": long_text("late", 12), "collection": "late"}
        reply = self.node.post("/v1/documents", document, headers={"x-request-timeout-ms": "20"})
        self.assert_error(reply, 504, "deadline_exceeded")
        self.assertEqual(self.node.post("/v1/documents", document).json["documents"][0]["state"], "indexed")
        self.assertEqual(self.node.get("/v1/documents/late?collection=late").json["text"], document["text"])

    def test_the_wait_in_a_queue_ends_at_the_deadline(self):
        busy = occupy_extraction(self.node, long_text("queue", 300) * 90)
        reply = self.node.post(
            "/v1/documents?dry_run=true", {"id": "short", "text": "short"}, headers={"x-request-timeout-ms": "20"}
        )
        self.assertTrue(busy.is_alive())
        self.assert_error(reply, 504, "deadline_exceeded")
        busy.join()

    def test_a_bad_deadline_is_refused(self):
        for value in ("0", "-1", "soon", "1.5", "99999999999999999999"):
            reply = self.node.post("/v1/query", {"query": "x"}, headers={"x-request-timeout-ms": value})
            self.assert_error(reply, 400, "malformed_request", "x-request-timeout-ms")
        for method, path in [
            ("GET", "/v1/documents"),
            ("GET", "/v1/documents/lighthouse"),
            ("DELETE", "/v1/documents/lighthouse"),
            ("GET", "/v1/collections"),
            ("GET", "/v1/collections/default"),
            ("DELETE", "/v1/collections/default"),
        ]:
            reply = self.node.request(method, path, headers={"x-request-timeout-ms": "0"})
            self.assert_error(reply, 400, "malformed_request", "x-request-timeout-ms")

    def test_a_generous_deadline_changes_nothing(self):
        reply = self.node.post("/v1/query", {"query": "x"}, headers={"x-request-timeout-ms": "60000"})
        self.assertEqual(reply.status, 200)


class Concurrency(QueryTest):
    documents = HANDBOOK

    def test_answers_at_the_same_time_are_the_answers_alone(self):
        expected = {question: self.node.query(question, cache="bypass").json for question, _, _ in QUESTIONS}
        problems = []

        def ask(question):
            for _ in range(3):
                reply = self.node.query(question, cache="bypass", top_k=5)
                if reply.status != 200:
                    problems.append(reply.text)
                    continue
                body = reply.json
                same = [source["chunk_id"] for source in body["sources"]] == [
                    source["chunk_id"] for source in expected[question]["sources"]
                ]
                if body["answer"] != expected[question]["answer"] or not same:
                    problems.append((question, body["answer"]))

        threads = [threading.Thread(target=ask, args=(question,)) for question, _, _ in QUESTIONS for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])

    def test_readers_see_each_write_as_soon_as_it_is_acknowledged(self):
        question = {"query": f"What is the {CANARY} counter?", "collection": "counter"}
        acknowledged = [0]
        stop = threading.Event()
        problems = []

        def write(number):
            text = f"The {CANARY} counter shows value{number}x today."
            reply = self.node.post("/v1/documents", {"id": "counter", "text": text, "collection": "counter"})
            acknowledged[0] = number if reply.status == 200 else problems.append(reply.text)

        def read():
            while not stop.is_set():
                at_least = acknowledged[0]
                text = self.node.post("/v1/query", question).json["sources"][0]["text"]
                seen = int(re.search(r"value(\d+)x", text).group(1))
                if seen < at_least:
                    problems.append(f"saw {seen} after {at_least} was acknowledged")

        write(1)
        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        for number in range(2, 12):
            write(number)
        stop.set()
        for reader in readers:
            reader.join()
        self.assertEqual(problems, [])


if __name__ == "__main__":
    unittest.main()
