#!/usr/bin/env python3
"""No text is embedded twice: by questions, ingest, answers and /v1/embeddings, and over restarts."""

import contextlib
import signal
import sqlite3
import threading
import unittest

from handbook import HANDBOOK, QUESTIONS, long_text
from harness import TemporaryFolderTest, run, wait_until

QUESTION = QUESTIONS[0][0]


def calls(node):
    return node.metric("raglan_embedding_calls_total")


def look_ups(node, result):
    return node.metric("raglan_cache_requests_total", cache="embedding", result=result)


@contextlib.contextmanager
def no_calls(test, node):
    before = calls(node)
    yield
    test.assertEqual(calls(node), before)


class EmbeddingCache(TemporaryFolderTest):
    def write(self, node, documents=HANDBOOK, collection="default"):
        reply = node.post("/v1/documents", {"documents": documents, "collection": collection})
        self.assertEqual(reply.status, 200, reply.text)
        self.assertEqual({each["state"] for each in reply.json["documents"]}, {"indexed"}, reply.text)

    def ask(self, node, cache="refresh", question=QUESTION):
        reply = node.query(question, cache=cache)
        self.assertEqual(reply.status, 200, reply.text)
        self.assertEqual(reply.json["degraded"]["level"], 0)
        return reply.json

    def embed(self, node, *texts):
        reply = node.post("/v1/embeddings", {"input": list(texts) if len(texts) > 1 else texts[0]})
        self.assertEqual(reply.status, 200, reply.text)
        return reply.json

    def test_a_restarted_node_embeds_nothing_that_it_knew(self):
        node = self.start()
        self.write(node)
        first = self.ask(node)
        self.assertGreater(first["usage"]["embedding_tokens"], 0)
        node.stop()
        node = self.start()
        again = self.ask(node)
        self.assertEqual(calls(node), 0)
        self.assertEqual((again["answer"], again["sources"]), (first["answer"], first["sources"]))
        self.assertEqual(again["usage"]["embedding_tokens"], 0)
        self.assertEqual(again["cache"]["layer"], "embedding")
        self.assertGreater(look_ups(node, "disk"), 0)
        self.assertEqual((look_ups(node, "miss"), look_ups(node, "hit")), (0, 0))
        self.ask(node)  # from memory now
        self.assertEqual(look_ups(node, "hit"), look_ups(node, "disk"))
        self.assertEqual(node.metric("raglan_cache_saved_calls_total", cache="embedding"), 4)
        self.write(node, collection="another")
        self.assertEqual(calls(node), 0)
        node.stop()

    def test_a_killed_node_kept_what_it_wrote(self):
        node = self.start()
        self.write(node)
        self.ask(node)
        # The next batch is written after those before it.
        size = node.metric("raglan_cache_disk_bytes", cache="embedding")
        def grown():
            self.embed(node, f"{grown.count} more", "and more")
            grown.count += 1
            return node.metric("raglan_cache_disk_bytes", cache="embedding") > size
        grown.count = 0
        wait_until(grown, "the batches are on disk")
        node.kill()
        node = self.start()
        self.ask(node)
        self.assertEqual(calls(node), 0)
        node.stop()

    def test_ingest_into_another_collection_embeds_nothing(self):
        node = self.start()
        documents = HANDBOOK + [{"id": "long", "text": long_text("copy", 20)}]
        self.write(node, documents)
        with no_calls(self, node):
            self.write(node, documents, "copy")
        one, other = (node.query(QUESTION, collection=name).json["sources"] for name in ("default", "copy"))
        self.assertEqual([source["score"] for source in one], [source["score"] for source in other])
        node.stop()

    def test_every_way_in_shares_it(self):
        node = self.start()
        self.write(node)
        first = self.embed(node, QUESTION)
        with no_calls(self, node):
            node.post("/v1/search", {"query": QUESTION})
            again = self.embed(node, QUESTION)
        self.assertEqual(first, again)  # usage too: an API's tokens are those of its texts
        source = self.ask(node)["sources"][0]
        self.assertGreater(look_ups(node, "hit"), 0)
        with no_calls(self, node):
            self.write(node, [{"id": "question", "text": QUESTION}], "questions")
        self.assertTrue(source["text"])
        node.stop()

    def test_bypass_embeds_and_keeps_nothing(self):
        node = self.start()
        self.write(node)
        entries = node.metric("raglan_cache_entries", cache="embedding")
        tokens = [self.ask(node, "bypass")["usage"]["embedding_tokens"] for _ in range(2)]
        self.assertGreater(tokens[0], 0)
        self.assertEqual(tokens[0], tokens[1])
        self.assertEqual(node.metric("raglan_cache_entries", cache="embedding"), entries)
        node.stop()

    def test_the_same_text_at_the_same_time_is_embedded_once(self):
        node = self.start("--set", "server.threads=2")
        text = long_text("once", 3)[:1000]
        self.embed(node, "warm", "up")
        before = node.metric("raglan_embedding_tokens_total")
        replies = []
        threads = [threading.Thread(target=lambda: replies.append(self.embed(node, text))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(replies), 16)
        self.assertTrue(all(reply == replies[0] for reply in replies))
        tokens = replies[0]["usage"]["prompt_tokens"]
        self.assertEqual(node.metric("raglan_embedding_tokens_total") - before, tokens)
        self.assertEqual(node.metric("raglan_cache_saved_tokens_total", cache="embedding"), 15 * tokens)
        coalesced = node.metric("raglan_coalesced_total", stage="embedding")
        self.assertEqual(coalesced + look_ups(node, "hit"), 15)
        node.stop()

    def test_a_file_that_is_none_is_begun_anew(self):
        self.data.mkdir()
        file = self.data / "embeddings.db"
        file.write_bytes(b"This is no cache of embeddings. " * 1000)
        node = self.start()
        self.write(node)
        self.ask(node)
        self.assertIn("begins anew", node.log())
        node.stop()
        node = self.start()
        self.ask(node)
        self.assertEqual(calls(node), 0)
        node.stop()

    def test_without_its_file_a_node_embeds_again_and_answers(self):
        node = self.start()
        self.write(node)
        answer = self.ask(node)["answer"]
        node.stop()
        (self.data / "embeddings.db").unlink()
        node = self.start()
        self.assertEqual(self.ask(node)["answer"], answer)
        self.assertGreater(calls(node), 0)
        node.stop()

    def test_a_folder_in_its_place_costs_the_disk_tier_alone(self):
        (self.data / "embeddings.db").mkdir(parents=True)
        (self.data / "embeddings.db" / "mine").write_text("mine")
        node = self.start()
        self.write(node)
        self.ask(node)
        with no_calls(self, node):
            self.ask(node)
        self.assertIn("not kept on disk", node.log())
        node.stop()

    def test_zero_bytes_mean_no_file(self):
        node = self.start("--set", "cache.embedding.disk_bytes=0")
        self.write(node)
        self.ask(node)
        node.stop()
        self.assertFalse((self.data / "embeddings.db").exists())

    def test_switched_off_everything_is_embedded_again(self):
        node = self.start("--set", "cache.embedding.enabled=false")
        self.write(node)
        tokens = [self.ask(node)["usage"]["embedding_tokens"] for _ in range(2)]
        self.assertEqual(tokens[0], tokens[1])
        node.stop()
        self.assertFalse((self.data / "embeddings.db").exists())

    def test_another_models_vectors_are_gone(self):
        node = self.start()
        self.write(node)
        node.stop()
        file = sqlite3.connect(self.data / "embeddings.db")
        self.assertGreater(file.execute("SELECT count(*) FROM vectors").fetchone()[0], 0)
        file.execute("UPDATE shelf SET embedder_id = 'another:model'")
        file.commit()
        file.close()
        self.start().stop()
        file = sqlite3.connect(self.data / "embeddings.db")
        self.assertEqual(file.execute("SELECT count(*) FROM vectors").fetchone()[0], 0)
        file.close()

    def test_two_nodes_share_the_file(self):
        one, other = self.start(), self.start()
        self.write(one)
        self.ask(one)
        def known():  # the batches of the one are written behind its answers
            before = calls(other)
            self.ask(other)
            return calls(other) == before
        self.ask(other)
        wait_until(known, "the other node knows the question")
        one.terminate(signal.SIGTERM)
        one.stop()
        third = self.start()
        self.ask(third)
        self.assertEqual(calls(third), 0)
        third.stop()
        other.stop()

    def test_an_operator_sees_and_empties_it(self):
        node = self.start()
        self.write(node)
        self.ask(node)
        self.ask(node)

        def embedding():
            caches = node.get("/admin/cache").json["caches"]
            return next(cache for cache in caches if cache["name"] == "embedding")

        seen = embedding()
        self.assertGreater(seen["entries"], len(HANDBOOK))
        self.assertEqual((seen["ttl_seconds"], seen["disk"]), (0, {"hits": 0}))
        self.assertEqual((seen["hits"] > 0, seen["saved_calls"], seen["saved_tokens"] > 0), (True, 2, True))
        self.assertEqual(node.delete("/admin/cache?cache=embedding&tenant=nobody").json, {"removed": {"embedding": 0}})
        for parameter in ("collection=default", "key=" + 32 * "0"):
            self.assertEqual(node.delete(f"/admin/cache?cache=embedding&{parameter}").status, 422)
            self.assertEqual(set(node.delete(f"/admin/cache?{parameter}").json["removed"]), {"query", "retrieval"})
        with no_calls(self, node):
            self.ask(node)
        removed = node.delete("/admin/cache?cache=embedding&tenant=default").json["removed"]
        self.assertEqual(removed, {"embedding": 2 * seen["entries"]})  # in memory, and on disk
        self.assertEqual(embedding()["entries"], 0)
        node.stop()
        node = self.start()
        self.ask(node)
        self.assertGreater(calls(node), 0)
        node.stop()

    def test_the_command_line_shares_it(self):
        folder = self.folder / "pages"
        folder.mkdir()
        for document in HANDBOOK:
            (folder / f"{document['id']}.md").write_text(document["text"])
        for collection in ("default", "again"):
            done = run("ingest", folder, "--data", self.data, "--collection", collection, "--json", cwd=self.folder)
            self.assertEqual(done.returncode, 0, done.stderr)
        done = run("ask", QUESTION, "--data", self.data, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        node = self.start()
        self.ask(node)
        self.assertEqual(calls(node), 0)
        node.stop()


if __name__ == "__main__":
    unittest.main()
