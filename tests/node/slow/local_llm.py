#!/usr/bin/env python3
"""A node with the language model of ./dev llm, which is real: its answers, its restarts, its end. Minutes long.

One of the slow tests: ./dev test-slow sets the model up and runs this.
"""

import concurrent.futures
import os
import signal
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from handbook import HANDBOOK, QUESTIONS  # noqa: E402
from harness import TemporaryFolderTest, wait_until  # noqa: E402
from health_test import parse_metrics  # noqa: E402
from query_test import read_events  # noqa: E402

QUESTION, DOCUMENT, _ = QUESTIONS[0]


def children_of(pid):
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class LocalLlm(TemporaryFolderTest):
    def start_local(self, *options):
        node = self.start("--llm", "local", *options)
        self.assertEqual(node.post("/v1/documents", {"documents": HANDBOOK}).status, 200)
        return node

    def child(self, node):
        (pid,) = children_of(node.process.pid)
        return pid

    def ready(self, node):
        return parse_metrics(node.get("/metrics").text).get(("raglan_child_ready", frozenset({("child", "llm")}))) == 1

    def test_more_than_it_has_slots_for_wait_and_get_its_words(self):
        node = self.start_local()
        with concurrent.futures.ThreadPoolExecutor(4) as askers:
            replies = list(askers.map(lambda n: node.query(f"{QUESTION} ({n})").json, range(4)))
        self.assertEqual([reply["degraded"]["level"] for reply in replies], [0] * 4)
        self.assertTrue(any("generation_queue" in reply["timings_ms"] for reply in replies))

    def test_it_answers_from_the_passages_as_a_stream_and_then_from_the_cache(self):
        node = self.start_local()
        events = read_events(node.post("/v1/query", {"query": QUESTION, "stream": True}))
        self.assertEqual((events[0][0], events[-1][0]), ("sources", "done"))
        reply = events[-1][1]
        self.assertEqual(reply["degraded"], {"level": 0, "reasons": []})
        self.assertEqual("".join(data["text"] for name, data in events if name == "delta"), reply["answer"])
        self.assertGreater(reply["usage"]["prompt_tokens"], 100)
        self.assertGreater(reply["usage"]["completion_tokens"], 0)
        self.assertEqual(reply["sources"][0]["document_id"], DOCUMENT)
        self.assertTrue(reply["generation"]["model"])
        again = node.query(QUESTION).json
        self.assertEqual((again["cache"]["status"], again["answer"]), ("hit", reply["answer"]))
        node.stop()

    def test_it_rewrites_follow_up_questions(self):
        node = self.start_local("--set", "follow_ups.timeout=2m")  # processors differ
        session = node.post("/v1/sessions", {}).json["id"]
        node.query("When was the lighthouse built?", session_id=session)
        reply = node.query("And how many steps does it have?", session_id=session).json
        self.assertEqual(reply["session"]["rewritten_by"], "model")
        self.assertRegex(reply["session"]["search"], "(?i)lighthouse")
        self.assertRegex(reply["session"]["search"], "(?i)steps")
        self.assertEqual(reply["sources"][0]["document_id"], "lighthouse")
        again = node.query(reply["session"]["search"]).json
        self.assertEqual(again["cache"]["status"], "hit")
        node.stop()

    def test_killed_it_is_started_again_and_meanwhile_the_passages_are_the_answer(self):
        node = self.start_local()
        first = self.child(node)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not self.ready(node), "its end is noticed")
        body = node.query(QUESTION, cache="bypass").json
        self.assertIn(body["degraded"]["level"], (0, 2))  # it may be back already
        wait_until(lambda: self.ready(node), "it is ready again")
        self.assertNotEqual(self.child(node), first)
        body = wait_until(lambda: (reply := node.query(QUESTION, cache="bypass").json)["answer"] and reply,
                          "it answers again", step=1)
        self.assertEqual(body["degraded"]["level"], 0)
        node.stop()

    def test_it_never_outlives_its_node(self):
        for end in (signal.SIGTERM, signal.SIGKILL):
            node = self.start_local()
            child = self.child(node)
            node.process.send_signal(end)
            node.process.wait()
            wait_until(lambda: not is_running(child), "it has gone")


if __name__ == "__main__":
    unittest.main()
