#!/usr/bin/env python3
"""Damaged databases and snapshots, files that are not ours, and a full disk."""

import os
import random
import resource
import signal
import sqlite3
import subprocess
import unittest

from durability_test import DurabilityTest, document_text
from handbook import HANDBOOK, long_text
from harness import BINARY, PATIENCE_SECONDS, clean_environment, run


class Damaged(DurabilityTest):
    def fill(self, *options):
        node = self.start(*options)
        self.write_handbook(node)
        node.post("/v1/documents", {"id": "long", "text": long_text("damaged", 30)})
        self.check_handbook(node)  # loads the index, so that there is one to save
        node.stop()
        self.assertFalse((self.data / "raglan.db-wal").exists(), "a clean end folds the log")

    def assert_refuses(self, *words):
        done = run("serve", "--data", self.data, "--listen", "127.0.0.1:0", cwd=self.folder)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, "|".join(words))
        done = run("ask", "When was the lighthouse built?", "--data", self.data, cwd=self.folder)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertRegex(done.stderr, "|".join(words))
        doctor = run("doctor", "--data", self.data, cwd=self.folder)
        self.assertEqual(doctor.returncode, 1)
        self.assertRegex(doctor.stdout, r"failed +store")

    def test_a_file_that_is_no_database_is_refused_and_kept(self):
        self.data.mkdir()
        garbage = b"This is somebody's file, not a database. " * 500
        (self.data / "raglan.db").write_bytes(garbage)
        self.assert_refuses("not a database")
        self.assertEqual((self.data / "raglan.db").read_bytes(), garbage)

    def test_another_programs_database_is_refused_and_kept(self):
        self.data.mkdir()
        other = sqlite3.connect(self.data / "raglan.db")
        other.execute("CREATE TABLE recipes (name TEXT)")
        other.execute("INSERT INTO recipes VALUES ('bread')")
        other.commit()
        other.close()
        done = run("serve", "--data", self.data, "--listen", "127.0.0.1:0", cwd=self.folder)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, "another program|not Raglan|no store|foreign|other program")
        other = sqlite3.connect(self.data / "raglan.db")
        self.assertEqual(other.execute("SELECT name FROM recipes").fetchall(), [("bread",)])
        self.assertEqual(other.execute("SELECT count(*) FROM sqlite_master").fetchone(), (1,))
        other.close()

    def test_a_database_with_damaged_pages_is_refused(self):
        self.fill()
        database = self.data / "raglan.db"
        whole = database.read_bytes()
        self.assertGreater(len(whole), 20 * 4096)
        for page in (1, len(whole) // 4096 // 2):
            damaged = bytearray(whole)
            start = page * 4096
            damaged[start:start + 4096] = random.Random(page).randbytes(4096)
            database.write_bytes(damaged)
            with self.subTest(page=page):
                done = run("serve", "--data", self.data, "--listen", "127.0.0.1:0", cwd=self.folder)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("damaged", done.stderr)
        database.write_bytes(whole)
        node = self.start()
        self.check_handbook(node)
        node.stop()

    def test_a_database_that_was_cut_short_is_refused(self):
        self.fill()
        database = self.data / "raglan.db"
        os.truncate(database, database.stat().st_size // 2 // 4096 * 4096)
        self.assert_refuses("damaged", "cut short")

    def test_a_damaged_snapshot_is_rebuilt(self):
        options = ("--set", "store.snapshot_at_close_chunks=1")
        self.fill(*options)
        snapshots = list((self.data / "raglan.db.snapshots").iterdir())
        self.assertEqual(len(snapshots), 1, list(self.data.rglob("*")))
        whole = snapshots[0].read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        versions = {
            "flipped bit": bytes(flipped),
            "cut short": whole[: len(whole) // 2],
            "empty": b"",
            "huge counts": whole[:64] + b"\xff" * 64 + whole[128:],
        }
        for name, content in versions.items():
            snapshots[0].write_bytes(content)
            with self.subTest(name):
                node = self.start(*options)
                self.assertIn("index snapshot not used", node.log())
                self.check_handbook(node)
                node.stop()
        snapshots[0].write_bytes(whole)
        node = self.start(*options)
        self.assertNotIn("index snapshot not used", node.log())
        self.check_handbook(node)
        node.stop()

    def test_an_older_snapshot_is_brought_up_to_date(self):
        options = ("--set", "store.snapshot_at_close_chunks=1")
        self.fill(*options)
        snapshot = next(path for path in self.data.rglob("*") if path.is_file() and path.name[:9] != "raglan.db")
        old = snapshot.read_bytes()
        node = self.start(*options)
        node.post("/v1/documents", {"id": "lighthouse", "text": "The lighthouse was built in 1903 from brick."})
        node.post("/v1/documents", {"id": "crane", "text": "The crane lifts nine tons."})
        node.delete("/v1/documents/ferry")
        node.stop()
        snapshot.write_bytes(old)
        node = self.start(*options)
        self.assertIn("1903", node.query("When was the lighthouse built?").json["answer"])
        self.assertIn("nine tons", node.query("How much does the crane lift?").json["answer"])
        ids = [source["document_id"] for source in node.query("ferry ticket", top_k=100).json["sources"]]
        self.assertNotIn("ferry", ids)
        node.stop()


class FullDisk(DurabilityTest):
    def fill_up(self, node):
        """Writes until the disk is full; what was acknowledged before."""
        acknowledged = {}
        for number in range(400):
            id, text = f"d{number}", document_text(number)
            reply = node.post("/v1/documents", {"id": id, "text": text, "metadata": {"id": id}})
            if reply.status != 200:
                return acknowledged, reply
            acknowledged[id] = text
        raise AssertionError("the disk never filled up")

    def check_full(self, node):
        acknowledged, refusal = self.fill_up(node)
        self.assertEqual((refusal.status, refusal.error["code"]), (507, "disk_full"), refusal.text)
        self.assertGreater(len(acknowledged), 3)
        batch = {"documents": [{"id": f"more{n}", "text": document_text(n, 1)} for n in range(3)]}
        statuses = node.post("/v1/documents", batch).json["documents"]
        self.assertEqual([status["error"]["code"] for status in statuses], ["disk_full"] * 3)
        # It goes on serving.
        self.assertEqual(node.get("/health").status, 200)
        self.assertEqual(node.get("/ready").status, 200)
        self.check_handbook(node)
        for id, text in acknowledged.items():
            self.check_whole(node, id, text)
        self.assertEqual(node.get(f"/v1/documents/d{len(acknowledged)}").status, 404)
        return acknowledged

    def check_afterwards(self, acknowledged):
        node = self.start()
        self.check_handbook(node)
        for id, text in acknowledged.items():
            self.check_whole(node, id, text)
        self.assertEqual(node.get("/v1/collections/default").json["documents"], len(HANDBOOK) + len(acknowledged))
        reply = node.post("/v1/documents", {"id": "again", "text": "There is room again."})
        self.assertEqual(reply.json["documents"][0]["state"], "indexed")
        node.stop()

    def test_a_full_disk_is_507_and_loses_nothing(self):
        # No file may grow past this: what a full disk is to one process, without being root.
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (800_000, 800_000))

        node = self.start(preexec=limit)
        self.write_handbook(node)
        acknowledged = self.check_full(node)
        node.stop()
        self.check_afterwards(acknowledged)

    def test_a_disk_that_is_full_at_the_start_is_said_so(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

        done = subprocess.run(
            [BINARY, "serve", "--data", str(self.data), "--listen", "127.0.0.1:0"], capture_output=True, text=True,
            env=clean_environment(), cwd=self.folder, preexec_fn=limit, timeout=PATIENCE_SECONDS)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, "(?m)^raglan serve: the disk is full")


if __name__ == "__main__":
    unittest.main()
