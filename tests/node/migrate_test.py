#!/usr/bin/env python3
"""raglan migrate: from the embedded store to PostgreSQL and back, broken off, repeated, checked."""

import json
import os
import signal
import subprocess
import unittest

from handbook import HANDBOOK
from harness import clean_environment, run, wait_until
from postgres_server import PASSWORD
from postgres_test import QUESTION, WithPostgres


class Migrate(WithPostgres):
    def setUp(self):
        super().setUp()
        self.postgres = self.server.url(self.database)

    def migrate(self, *options, expect=0, env=None):
        done = run("migrate", "--data", self.data, "--json", *options, env=env)
        self.assertEqual(done.returncode, expect, done.stderr)
        self.assertNotIn(PASSWORD, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout else done.stderr

    def test_an_empty_source_empties_nothing(self):
        self.fill()
        self.migrate("--to", self.postgres)
        self.server.sql(f"CREATE DATABASE {self.database}_empty")
        empty = self.server.url(f"{self.database}_empty")
        self.assertIn("holds nothing", self.migrate("--from", empty, "--to", self.postgres, "--prune", expect=1))
        self.assertTrue(self.migrate("--to", self.postgres, "--check")["same"])

    def test_a_conversations_id_is_not_shown(self):
        session, _ = self.fill()
        self.migrate("--to", self.postgres)
        node = self.start(data=self.data)
        node.post("/v1/query", {"query": QUESTION, "session_id": session})
        report = self.migrate("--to", self.postgres, "--check", expect=1)
        self.assertEqual(report["records"]["compared"]["named"], ["session of default"])
        self.assertNotIn(session, json.dumps(report))

    def test_more_records_than_one_sweep_are_copied(self):
        node = self.start(data=self.data)
        for _ in range(32):  # after each 16th the other store removes those that have expired, behind the write
            node.post("/v1/sessions", {})
        node.stop()
        self.assertEqual(self.migrate("--to", self.postgres)["records"]["copied"], 32)

    def fill(self):
        """The embedded store: documents of two collections, a key, a conversation."""
        node = self.start(data=self.data)
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        node.post("/v1/documents?collection=other", {"id": "ünïcode", "text": "Bergfried 🏰 naïve", "metadata": {"n": 1}})
        session = node.post("/v1/sessions", {}).json["id"]
        node.post("/v1/query", {"query": QUESTION, "session_id": session})
        node.stop()
        made = run("keys", "create", "--tenant", "default", "--data", self.data)
        self.assertEqual(made.returncode, 0, made.stderr)
        return session, made.stdout.strip()

    def answers(self, node):
        reply = node.query(QUESTION).json
        sources = [(source["document_id"], round(source["score"], 5)) for source in reply["sources"]]
        return reply["answer"], sources

    def test_there_and_back_all_is_as_it_was(self):
        session, key = self.fill()
        before = self.migrate("--to", self.postgres, "--check", expect=1)
        missing = {c["collection"]: c["documents"]["missing"] for c in before["collections"]}
        self.assertEqual(missing, {"default": len(HANDBOOK), "other": 1})
        there = self.migrate("--to", self.postgres)
        self.assertTrue(there["same"])
        counts = {c["collection"]: (c["copied"], c["documents"]["count"]) for c in there["collections"]}
        self.assertEqual(counts, {"default": (len(HANDBOOK),) * 2, "other": (1, 1)})
        self.assertGreaterEqual(there["records"]["copied"], 2)
        for each in there["collections"]:
            self.assertEqual(each["documents"]["checksum"], each["documents"]["checksum_there"])

        back = self.migrate("--from", self.postgres, "--to", "sqlite:back.db")
        self.assertTrue(back["same"])
        checksums = [[c["documents"]["checksum"] for c in report["collections"]] for report in (there, back)]
        self.assertEqual(*checksums)

        embedded = self.start(data=self.data)
        returned = self.start("--set", "store.url=sqlite:back.db", data=self.data)
        shared = self.start_node()
        expected = self.answers(embedded)
        self.assertIn("1847", expected[0])
        for node in (returned, shared):
            self.assertEqual(self.answers(node), expected)
            documents = node.get("/v1/documents").json["documents"]
            self.assertEqual(documents, embedded.get("/v1/documents").json["documents"])  # their times, too
            self.assertEqual(len(node.get(f"/v1/sessions/{session}").json["turns"]), 1)
        locked = self.start_node("--set", "auth.mode=api_key")
        self.assertEqual(locked.get("/v1/collections", {"authorization": f"Bearer {key}"}).status, 200)

    def test_what_is_repeated_copies_what_has_changed_and_prunes_what_is_gone(self):
        self.fill()
        self.migrate("--to", self.postgres)
        node = self.start(data=self.data)  # a node in use does not keep it from being moved
        gone, changed = HANDBOOK[0]["id"], HANDBOOK[1]["id"]
        node.delete(f"/v1/documents/{gone}")
        node.post("/v1/documents", {"id": changed, "text": "It reads otherwise now."})
        again = self.migrate("--to", self.postgres)
        default = again["collections"][0]
        self.assertEqual((default["copied"], default["unchanged"]), (1, len(HANDBOOK) - 2))
        self.assertEqual(default["documents"]["extra"], 1)
        self.assertEqual(again["records"]["copied"], 0)
        node.delete("/v1/collections/other")
        pruned = self.migrate("--to", self.postgres, "--prune")
        self.assertEqual(pruned["collections"][0]["pruned"], 1)
        self.assertEqual((pruned["collections"][0]["documents"]["extra"], pruned["extra_collections"]), (0, []))
        shared = self.start_node()
        self.assertEqual(shared.get(f"/v1/documents/{gone}").status, 404)
        self.assertEqual(shared.get("/v1/collections/other").status, 404)

    def test_what_differs_is_found_out(self):
        self.fill()
        self.migrate("--to", self.postgres)
        self.assertTrue(self.migrate("--to", self.postgres, "--check")["same"])
        spoilt = HANDBOOK[2]["id"]
        self.server.sql(f"UPDATE raglan.document SET text = text || '.' WHERE id = '{spoilt}'", self.database)
        report = self.migrate("--to", self.postgres, "--check", expect=1)
        default = report["collections"][0]["documents"]
        self.assertEqual((report["same"], default["different"], default["named"]), (False, 1, [spoilt]))
        self.assertNotEqual(default["checksum"], default["checksum_there"])
        self.server.sql("DELETE FROM raglan.chunk_vector WHERE chunk_id = (SELECT min(chunk_id) FROM raglan.chunk_vector)",
                        self.database)
        self.assertIn("damaged", self.migrate("--to", self.postgres, "--check", expect=1))

    def test_killed_it_is_resumed(self):
        node = self.start(data=self.data)
        count = 600
        documents = [{"id": f"d{i:04}", "text": f"Entry {i}. " + "The harbour has a story to tell. " * 20} for i in range(count)]
        for first in range(0, count, 100):
            node.post("/v1/documents", {"documents": documents[first:first + 100]})
        node.stop()

        def copied():
            rows = self.server.sql("SELECT count(*) FROM raglan.document", self.database)
            return int(rows.strip())

        command = [os.environ["RAGLAN_BINARY"], "migrate", "--data", self.data, "--to", self.postgres, "--json"]
        process = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'raglan' AND tablename = 'record'"

        def under_way():
            self.assertIsNone(process.poll(), "it ended before it was killed")
            return int(self.server.sql(tables, self.database)) == 1 and copied() > 0

        wait_until(under_way, "some are copied")
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = copied()
        self.assertLess(before, count)
        report = self.migrate("--to", self.postgres)
        default = report["collections"][0]
        self.assertEqual((default["copied"], default["unchanged"]), (count - before, before))
        self.assertTrue(report["same"])
        self.assertEqual(copied(), count)

    def test_errors_are_clear_and_name_no_password(self):
        self.assertIn("does not exist", self.migrate("--to", self.postgres, expect=1))
        self.fill()
        self.assertIn("into itself", self.migrate("--to", "sqlite:raglan.db", expect=1))
        wrong = self.migrate("--to", self.server.url(self.database, password="wrong"), expect=1)
        self.assertIn("password", wrong)
        self.assertIn("store.url", self.migrate("--to", "mysql://localhost/db", expect=64))
        self.migrate(expect=64)
        self.assertIn("does not exist", self.migrate("--to", "sqlite:nowhere.db", "--check", expect=1))

    def test_a_store_that_holds_vectors_of_another_model_refuses_what_is_the_others(self):
        self.fill()
        self.migrate("--to", self.postgres)
        self.server.sql("UPDATE raglan.collection SET embedder_id = 'another' WHERE name = 'other'", self.database)
        self.server.sql("DELETE FROM raglan.document WHERE id = 'ünïcode'", self.database)
        report = self.migrate("--to", self.postgres, expect=1)
        other = report["collections"][1]
        self.assertIn("model", other["error"])
        self.assertEqual(other["documents"]["missing"], 1)
        kept = self.migrate("--to", self.postgres, "--prune", expect=1)
        self.assertEqual([each["pruned"] for each in kept["collections"]], [0, 0])


if __name__ == "__main__":
    unittest.main()
