#!/usr/bin/env python3
"""What an acknowledgement is worth: kill -9 at any moment, two nodes on one folder."""

import os
import random
import subprocess
import threading
import time
import unittest

from handbook import HANDBOOK, QUESTIONS, long_text, marker
from harness import BINARY, PATIENCE_SECONDS, TemporaryFolderTest, clean_environment, run, wait_until

PARAGRAPHS = 5


def document_text(number, version=0):
    return long_text(f"{number}v{version}", PARAGRAPHS)


class DurabilityTest(TemporaryFolderTest):
    def check_whole(self, node, id, text):
        """The document's text is `text`, and its chunks, all of them and no others, are found."""
        document = node.get(f"/v1/documents/{id}").json
        self.assertEqual(document["text"], text)
        reply = node.post("/v1/search", {"query": "harbour tide", "top_k": 100, "filter": {"id": id}})
        sources = reply.json["sources"]
        self.assertEqual({source["document_id"] for source in sources}, {id})
        self.assertEqual(len(sources), document["chunks"])
        encoded = text.encode()
        uncovered = set(range(len(encoded)))
        for source in sources:
            self.assertEqual(encoded[source["start"]:source["end"]].decode(), source["text"])
            uncovered -= set(range(source["start"], source["end"]))
        self.assertEqual(bytes(encoded[at] for at in sorted(uncovered)).strip(), b"")

    def check_handbook(self, node):
        for question, document, words in QUESTIONS:
            answer = node.query(question).json
            self.assertIn(words, answer["answer"])
            self.assertEqual(answer["sources"][0]["document_id"], document)

    def write_handbook(self, node):
        reply = node.post("/v1/documents", {"documents": HANDBOOK})
        self.assertEqual({document["state"] for document in reply.json["documents"]}, {"indexed"})


class Killed(DurabilityTest):
    def test_kill_9_at_any_moment_loses_nothing_acknowledged_and_halves_nothing(self):
        seed = int(os.environ.get("TEST_SEED", "20261125"))
        chance = random.Random(seed)
        acknowledged = {}  # id: version
        maybe = {}  # id: versions that were sent after the acknowledged one
        sent = 0
        for turn in range(3):
            node = self.start("--set", "store.snapshot_after_chunks=10")
            self.check_after_kill(node, acknowledged, maybe, f"seed {seed}, turn {turn}")
            # Killed at any moment of the request that follows the n-th acknowledgement.
            answered = []
            killer = threading.Thread(target=self.kill_after, args=(node, answered, chance.randint(1, 4), chance.random()))
            killer.start()
            while killer.is_alive():
                # New documents and new versions of old ones, a few a request, in two shapes.
                batch = []
                for _ in range(chance.randint(1, 4)):
                    old = acknowledged and chance.random() < 0.4
                    id = chance.choice(sorted(acknowledged)) if old else f"d{sent}"
                    if id in (document["id"] for document in batch):
                        continue
                    sent += 1
                    batch.append({"id": id, "text": document_text(id, sent), "metadata": {"id": id}})
                    maybe.setdefault(id, set()).add(sent)
                versions = {document["id"]: max(maybe[document["id"]]) for document in batch}
                try:
                    if len(batch) == 1:
                        reply = node.put(f"/v1/documents/{batch[0]['id']}", batch[0])
                    else:
                        reply = node.post("/v1/documents", {"documents": batch})
                except OSError:
                    break
                except Exception as lost:  # http.client: the reply was cut short
                    self.assertIn(type(lost).__name__, ("RemoteDisconnected", "IncompleteRead", "BadStatusLine"))
                    break
                answered.append(time.monotonic())
                for status in reply.json["documents"]:
                    self.assertEqual(status["state"], "indexed", reply.text)
                    acknowledged[status["id"]] = versions[status["id"]]
                    maybe[status["id"]] = set()
            killer.join()
        node = self.start()
        self.check_after_kill(node, acknowledged, maybe, f"seed {seed}, at the end")
        self.assertGreaterEqual(len(acknowledged), 3)
        node.stop()

    def kill_after(self, node, answered, count, share):
        started = time.monotonic()
        wait_until(lambda: len(answered) >= count, "acknowledgements", step=0.001)
        usual = (answered[-1] - started) / len(answered)
        moment = answered[-1] + share * usual
        while time.monotonic() < moment:
            time.sleep(0.0005)
        node.kill()

    def check_after_kill(self, node, acknowledged, maybe, when):
        for id in sorted(acknowledged.keys() | maybe.keys()):
            with self.subTest(id=id, when=when):
                reply = node.get(f"/v1/documents/{id}")
                if id not in acknowledged:
                    if reply.status == 404:
                        continue
                versions = ({acknowledged[id]} if id in acknowledged else set()) | maybe.get(id, set())
                self.assertEqual(reply.status, 200, reply.text)
                texts = {document_text(id, version): version for version in versions}
                self.assertIn(reply.json["text"], texts)
                self.check_whole(node, id, reply.json["text"])
                acknowledged[id] = texts[reply.json["text"]]  # what is there now must stay
                maybe[id] = set()

    def test_a_killed_ingest_command_can_be_repeated(self):
        documents = self.folder / "documents"
        documents.mkdir()
        for number in range(40):
            (documents / f"{number:02}.txt").write_text(document_text(number))
        arguments = [BINARY, "ingest", str(documents), "--data", str(self.data)]
        process = subprocess.Popen(arguments, env=clean_environment(), cwd=self.folder,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        database = self.data / "raglan.db"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not database.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.001)
        time.sleep(random.Random(1).uniform(0.1, 1))  # a moment of the ingest, whichever
        process.kill()
        process.wait()
        done = run("ingest", documents, "--data", self.data, "--json", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        node = self.start()
        listed = node.get("/v1/documents?limit=100").json["documents"]
        self.assertEqual(len(listed), 40)
        self.assertEqual(
            sorted(node.get(f"/v1/documents/{document['id'].replace('/', '%2F')}").json["text"].strip()
                   for document in listed),
            sorted(document_text(number) for number in range(40)),
        )
        for number in (0, 20, 39):
            found = node.query(marker(f"{number}v0", 3), mode="retrieve", top_k=1).json["sources"][0]["text"]
            self.assertIn(marker(f"{number}v0", 3), found)
        node.stop()


class TwoNodes(DurabilityTest):
    def test_a_write_in_one_is_found_by_the_other_at_once_and_nothing_stale_is_served(self):
        first = self.start()
        second = self.start()
        self.write_handbook(first)
        self.check_handbook(second)
        question = {"query": "What is the word of the day?", "mode": "retrieve"}

        def ask(node):
            reply = node.post("/v1/query", question).json
            return reply["cache"]["status"], " ".join(source["text"] for source in reply["sources"])

        slowest = 0
        for number in range(10):
            writer, reader = (first, second) if number % 2 == 0 else (second, first)
            ask(reader)
            self.assertEqual(ask(reader)[0], "hit")
            reply = writer.put("/v1/documents/word", {"text": f"The word of the day is secret{number}x."})
            self.assertEqual(reply.json["documents"][0]["state"], "indexed", reply.text)
            written = time.monotonic()
            # The very first answer after the acknowledgement must have it.
            status, texts = ask(reader)
            slowest = max(slowest, time.monotonic() - written)
            self.assertEqual(status, "miss")
            self.assertIn(f"secret{number}x", texts)
            self.assertNotIn(f"secret{number - 1}x", texts)
        self.assertLess(slowest, 1)
        print(f"written in one node, found through the other: {slowest * 1000:.0f} ms at most", flush=True)
        second.delete("/v1/documents/word")
        self.assertNotIn("secret", ask(first)[1])
        first.delete("/v1/collections/default")
        self.assertEqual(second.post("/v1/query", question).status, 404)
        first.stop()
        second.stop()

    def test_both_write_at_the_same_time(self):
        nodes = [self.start(), self.start()]
        problems = []

        def write(node, first):
            for number in range(first, first + 15):
                text = f"Entry entry{number}x of the shared log."
                reply = node.post("/v1/documents", {"id": f"d{number}", "text": text, "metadata": {"id": f"d{number}"}})
                if reply.status != 200 or reply.json["documents"][0]["state"] != "indexed":
                    problems.append(reply.text)

        writers = [threading.Thread(target=write, args=(node, 100 * index + 100 * turn * 2))
                   for turn in range(2) for index, node in enumerate(nodes)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        self.assertEqual(problems, [])
        for node in nodes:
            self.assertEqual(node.get("/v1/collections/default").json["documents"], 60)
            for number in (0, 114, 200, 314):
                found = node.query(f"entry{number}x", mode="retrieve", top_k=1).json["sources"][0]
                self.assertEqual(found["document_id"], f"d{number}")
        nodes[0].kill()
        self.assertEqual(nodes[1].post("/v1/documents", {"id": "after", "text": "After the kill."}).status, 200)
        nodes[1].stop()

    def test_an_ingest_beside_a_running_node_is_found_by_it(self):
        node = self.start()
        self.write_handbook(node)
        node.query("What colour is the buoy?")
        file = self.folder / "buoy.md"
        file.write_text("# Buoys\n\nThe buoy at the harbour mouth is painted turquoise.\n")
        done = run("ingest", file, "--data", self.data, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("turquoise", node.query("What colour is the buoy?").json["answer"])
        node.stop()


if __name__ == "__main__":
    unittest.main()
