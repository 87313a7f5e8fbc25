#!/usr/bin/env python3
"""The caches as an operator sees them: /admin/cache, raglan warm, warm-up at the start."""

import json
import re
import unittest

from handbook import HANDBOOK
from harness import NodeTest, TemporaryFolderTest, run, wait_until
from health_test import parse_metrics

QUESTION = "When was the lighthouse built?"
OTHER = "What does a return ticket cost?"


def key_of(reply):
    return re.search(r'key="([0-9a-f]{32})"', reply.headers["cache-status"]).group(1)


class AdminCache(NodeTest):
    options = ("--set", "cache.warmup.refresh=false")  # what tests leave behind is not answered again during others
    documents = HANDBOOK

    def setUp(self):
        self.node.request("DELETE", "/admin/cache")

    def cache(self, name):
        caches = self.node.get("/admin/cache").json["caches"]
        return next(cache for cache in caches if cache["name"] == name)

    def status(self, question=QUESTION, **fields):
        return self.node.query(question, **fields).json["cache"]["status"]

    def purge(self, parameters=""):
        reply = self.node.request("DELETE", "/admin/cache" + parameters)
        self.assertEqual(reply.status, 200, reply.text)
        return reply.json["removed"]

    def test_it_tells_what_each_cache_holds_and_has_saved(self):
        before = self.cache("query")
        self.node.query(QUESTION)
        self.node.query(QUESTION)
        after = self.cache("query")
        self.assertEqual(after["entries"], 1)
        self.assertGreater(after["bytes"], 100)
        self.assertEqual(after["hits"] - before["hits"], 1)
        self.assertGreater(after["saved_seconds"], before["saved_seconds"])
        self.assertEqual(after["saved_calls"] - before["saved_calls"], 3)  # two embeddings, one search
        self.assertEqual((after["eviction"], after["ttl_seconds"]), ("s3-fifo", 3600))
        self.assertEqual(self.cache("retrieval")["entries"], 1)

    def test_one_entry_is_removed_by_its_key(self):
        self.node.query(OTHER)
        key = key_of(self.node.query(QUESTION))
        self.assertEqual(self.purge(f"?key={key}&cache=query"), {"query": 1})
        self.assertEqual(self.status(OTHER), "hit")
        self.assertEqual(self.status(), "miss")

    def test_a_collections_entries_are_removed_and_no_others(self):
        self.node.post("/v1/documents", {"id": "a", "text": "The lighthouse is white.", "collection": "other"})
        self.node.query(QUESTION)
        self.node.query(QUESTION, collection="other")
        self.assertEqual(self.purge("?collection=other"), {"query": 1, "retrieval": 1})
        self.assertEqual(self.status(), "hit")
        self.assertEqual(self.status(collection="other"), "miss")
        self.assertEqual(self.purge("?tenant=nobody"), {"query": 0, "retrieval": 0, "embedding": 0})
        removed = self.purge("?tenant=default")
        self.assertEqual((removed["query"], removed["retrieval"]), (2, 2))
        self.assertGreater(removed["embedding"], 2)

    def test_wrong_parameters_remove_nothing(self):
        self.node.query(QUESTION)
        wrong = [
            ("?key=xyz", "key"),
            ("?cache=all", "cache"),
            ("?cache=query&cache=embedding", "cache"),
            ("?collections=a", "collections"),
            ("?collection=", "collection"),
            ("?tenant=%ff", "tenant"),
        ]
        for parameters, field in wrong:
            reply = self.node.request("DELETE", "/admin/cache" + parameters)
            self.assertEqual((reply.status, reply.error["param"]), (422, field), reply.text)
        reply = self.node.request("DELETE", "/admin/cache", b'{"collection":"other"}')
        self.assertEqual(reply.status, 422, reply.text)
        self.assertEqual(self.status(), "hit")

    def test_warming_answers_questions_before_anybody_asks(self):
        body = {"queries": [QUESTION, {"query": OTHER, "top_k": 3}, {"query": OTHER, "collection": "nowhere"}]}
        reply = self.node.post("/admin/cache/warm", body)
        self.assertEqual(reply.json, {"answered": 2, "cached": 0, "failed": 1, "left": 0})
        self.assertEqual(self.status(), "hit")
        self.assertEqual(self.status(OTHER, top_k=3), "hit")
        self.assertEqual(self.node.post("/admin/cache/warm", body).json["cached"], 2)
        for queries, param in [([], "/queries"), ([""], "/queries/0/query"), ([QUESTION, {"top_k": 0}], "/queries/1/query")]:
            refused = self.node.post("/admin/cache/warm", {"queries": queries})
            self.assertEqual((refused.status, refused.error["param"]), (422, param), refused.text)

    def test_raglan_warm_reads_a_list(self):
        questions = self.folder / "questions.txt"
        questions.write_text(f"# often asked\n{QUESTION}\n\n{json.dumps({'query': OTHER})}\n")
        done = run("warm", questions, "--url", f"http://{self.node.host}:{self.node.port}", "--json", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout), {"answered": 2, "cached": 0, "failed": 0, "left": 0})
        self.assertEqual(self.status(OTHER), "hit")
        questions.write_text("{oops\n")
        done = run("warm", questions, "--url", f"http://{self.node.host}:{self.node.port}", cwd=self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("questions.txt:1 is not JSON", done.stderr)


class SimilarQuestions(NodeTest):
    documents = HANDBOOK
    # A bound that first observations meet; what a strict one takes is tested beside policy/reuse_model.
    options = ("--set", "cache.similar.enabled=true", "--set", "cache.similar.max_error_ratio=20%")

    WORDINGS = (
        "When was the lighthouse constructed?", "In which year was the lighthouse built?", "When did they build the lighthouse?",
        "When was the lighthouse erected?", "What year was the lighthouse built in?", "the lighthouse: when was it built?",
        "At what time was the lighthouse built?", "Since when has the lighthouse stood?",
    )

    def test_answers_are_reused_say_so_and_are_counted(self):
        kept = self.node.query(QUESTION).json
        replies = [self.node.query(wording) for wording in self.WORDINGS]
        reused = [reply for reply in replies if "similarity" in reply.json["cache"]]
        self.assertGreater(len(reused), 0)
        self.assertNotIn("similarity", replies[0].json["cache"], "nothing had been learned")
        for reply in reused:
            self.assertEqual((reply.json["cache"]["status"], reply.json["cache"]["layer"]), ("hit", "query"))
            self.assertGreater(reply.json["cache"]["similarity"], 0.6)
            self.assertEqual(reply.headers["cache-status"], "raglan; hit; detail=similar")
            self.assertGreater(reply.json["usage"]["embedding_tokens"], 0)
            self.assertIn("reuse", reply.json["timings_ms"])
            self.assertNotIn("retrieve", reply.json["timings_ms"])
        self.assertIn(kept["answer"], [reply.json["answer"] for reply in reused])
        similar = self.node.get("/admin/cache").json["caches"][0]["similar"]
        self.assertEqual(similar["reused"], len(reused))
        samples = parse_metrics(self.node.get("/metrics").text)
        self.assertEqual(samples["raglan_cache_similar_total", frozenset({("result", "reused")})], len(reused))
        self.assertGreater(similar["questions"], 0)
        self.node.request("DELETE", "/admin/cache?collection=default")
        self.assertEqual(self.node.get("/admin/cache").json["caches"][0]["similar"]["questions"], 0)


class WarmUp(TemporaryFolderTest):
    def fill(self):
        node = self.start()
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        node.stop()
        self.questions = self.folder / "questions.txt"
        self.questions.write_text(f"{QUESTION}\n{OTHER}\n")

    def test_a_node_is_ready_when_its_list_is_answered(self):
        self.fill()
        node = self.start("--set", f"cache.warmup.queries={self.questions}")
        self.assertEqual(node.query(QUESTION).json["cache"]["status"], "hit")
        self.assertEqual(node.query(OTHER).json["cache"]["status"], "hit")
        self.assertRegex(node.log(), r"warmed up .*answered=2")
        node.stop()

    def test_the_time_box_bounds_the_start_and_the_rest_follows(self):
        self.fill()
        node = self.start("--set", f"cache.warmup.queries={self.questions}", "--set", "cache.warmup.timeout=0s")
        self.assertRegex(node.log(), r"warmed up .*left=2")
        wait_until(lambda: node.get("/admin/cache").json["caches"][0]["entries"] == 2, "the rest is answered")
        node.stop()

    def test_a_list_that_cannot_be_read_is_an_error_of_the_start(self):
        done = run("serve", "--data", self.data, "--listen", "127.0.0.1:0", "--set", "cache.warmup.queries=/nowhere",
                   cwd=self.folder)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("/nowhere cannot be read", done.stderr)

    def test_after_a_write_the_questions_asked_most_are_answered_again(self):
        node = self.start("--set", "cache.warmup.interval=100ms")
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        for _ in range(3):
            node.query(QUESTION)
        node.query(OTHER)  # once: it may never be asked again
        searches = ("raglan_stage_duration_seconds_count", frozenset({("stage", "retrieve")}))
        before = parse_metrics(node.get("/metrics").text)[searches]
        node.post("/v1/documents", {"id": "new", "text": "The lighthouse was painted in 1931."})
        wait_until(lambda: parse_metrics(node.get("/metrics").text)[searches] == before + 1, "it is answered again")
        after = node.query(QUESTION).json
        self.assertIn(after["cache"]["status"], ("hit", "coalesced"))
        self.assertIn("new", [source["document_id"] for source in after["sources"]])
        self.assertEqual(node.query(OTHER).json["cache"]["status"], "miss")
        node.stop()


if __name__ == "__main__":
    unittest.main()
