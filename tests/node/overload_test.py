#!/usr/bin/env python3
"""More is asked than can be done: who waits, who gets less, who is refused; and what the operator sees and sets."""

import json
import re
import threading
import time
import unittest

from generation_test import KEY, QUESTION, QUICK, GenerationTest
from handbook import HANDBOOK
from harness import wait_until
from health_test import parse_metrics
from query_test import read_events
from shared_cache_test import metric

# One question is written at a time.
ONE_PLACE = [f"admission.limit.{name}=1" for name in ("initial_limit", "min_limit", "max_limit")]
NOBODY_IS_DROPPED = "admission.generation_interval=10s"
TIERS = "server.tier_header=x-raglan-tier"


class OverloadTest(GenerationTest):
    def level(self, node, **body):
        """Sets it, or looks."""
        reply = node.put("/admin/degradation", body) if body else node.get("/admin/degradation")
        self.assertEqual(reply.status, 200, reply.text)
        return reply.json

    def changes(self, node):
        """Of the level, as the log has them: from, to, reason."""
        lines = re.findall(r"degradation level changed from=(\d) to=(\d) reason=(\w+) queue_delay_ms=", node.log())
        return [(int(before), int(after), reason) for before, after, reason in lines]

    def waiting(self, node):
        return sum(self.level(node)["admission"]["generation"]["waiting"].values())

    def ask(self, node, number, tier=None, **fields):
        body = {"query": f"{QUESTION} ({number})", **fields}
        return node.post("/v1/query", body, headers={"x-raglan-tier": tier} if tier else {})


class Ladder(OverloadTest):
    def test_each_rung_does_less_and_says_so(self):
        provider = self.start_provider()
        node = self.start_node(provider, TIERS)
        self.put(node, 12)
        full = self.ask(node, 0, "free").json
        self.assertEqual(full["degraded"], {"level": 0, "reasons": []})
        self.assertEqual(len(full["sources"]), 5)
        self.assertEqual((self.levels(node), self.changes(node)), ({"vip": 0, "paid": 0, "free": 0}, []))
        for level, sources, text in ((1, 3, True), (2, 3, False)):
            self.assertEqual(self.level(node, mode="manual", level=level)["tiers"]["free"], level)
            reply = self.ask(node, level, "free").json
            self.assertEqual(reply["degraded"], {"level": level, "reasons": ["manual"]})
            self.assertEqual((len(reply["sources"]), reply["answer"] is not None), (sources, text))
            self.assertEqual(self.levels(node), {"vip": 0, "paid": level - 1, "free": level})
            self.assertEqual(self.changes(node)[-1], (level - 1, level, "manual"))
        calls = self.calls(provider)
        self.level(node, mode="manual", level=3)
        self.assertEqual(self.levels(node), {"vip": 1, "paid": 2, "free": 3})
        self.assertEqual(self.changes(node)[-1], (2, 3, "manual"))
        refused = self.ask(node, 3, "free")
        self.assertEqual((refused.status, refused.json["error"]["code"]), (503, "overloaded"))
        self.assertEqual(refused.headers["retry-after"], "5")
        for number in range(3):  # what was answered before, in full or not
            reply = self.ask(node, number, "free").json
            self.assertEqual((reply["cache"]["status"], reply["degraded"]["level"]), ("hit", number))
        self.assertEqual(self.calls(provider), calls)
        self.assertEqual(len(self.changes(node)), 3)  # one line for each
        self.level(node, mode="auto")

    def levels(self, node):
        return {tier: node.metric("raglan_degradation_level", tier=tier) for tier in ("vip", "paid", "free")}

    def test_degraded_replies_are_counted_by_level_and_reason(self):
        provider = self.start_provider()
        node = self.start_node(provider, TIERS, *QUICK, "generation.breaker.failure_threshold=1000")
        expected = {}
        self.assertEqual(self.ask(node, 0, "free").json["degraded"]["level"], 0)
        self.assertEqual(self.degraded_replies(node), expected)
        for level, replies in ((1, 3), (2, 2)):
            self.level(node, mode="manual", level=level)
            for _ in range(replies):  # the first, and the others from the cache
                self.assertEqual(self.ask(node, level, "free").json["degraded"]["level"], level)
            expected[str(level), "manual"] = replies
            self.assertEqual(self.degraded_replies(node), expected)
        self.assertEqual(self.ask(node, 2, "paid").json["degraded"], {"level": 1, "reasons": ["manual"]})
        self.assertEqual(self.ask(node, 2, "vip").json["degraded"]["level"], 0)
        expected["1", "manual"] += 1
        self.level(node, mode="manual", level=3)
        self.assertEqual(self.ask(node, 3, "free").status, 503)
        expected["3", "manual"] = 1
        self.assertEqual(self.degraded_replies(node), expected)
        self.level(node, mode="manual", level=0)
        provider.set(error_every=1)
        body = {"level": 2, "reasons": ["generator_unavailable"]}
        self.assertEqual(self.ask(node, 4, "free").json["degraded"], body)
        streamed = self.ask(node, 5, "free", stream=True)
        self.assertEqual(read_events(streamed)[-1][1]["degraded"], body)
        expected["2", "generator_unavailable"] = 2
        self.assertEqual(self.degraded_replies(node), expected)

    def degraded_replies(self, node):
        """What was counted, by level and reason."""
        found = {}
        for (name, labels), count in parse_metrics(node.get("/metrics").text).items():
            if name == "raglan_degraded_replies_total":
                found[dict(labels)["level"], dict(labels)["reason"]] = count
        return found

    def put(self, node, count):
        documents = [{"id": f"more{n}", "text": f"{HANDBOOK[0]['text']} Edition {n}."} for n in range(count)]
        self.assertEqual(node.post("/v1/documents", {"documents": documents}).status, 200)

    def test_a_degraded_answer_is_never_in_the_place_of_a_full_one(self):
        provider = self.start_provider()
        node = self.start_node(provider)
        for level in (3, 2):  # a paid question is spared one
            self.level(node, mode="manual", level=level)
            for expected in ("miss", "hit"):
                reply = self.ask(node, 1).json
                self.assertEqual((reply["cache"]["status"], reply["degraded"]["level"]), (expected, level - 1))
        self.level(node, mode="manual", level=0)
        full = self.ask(node, 1).json
        self.assertEqual((full["cache"]["status"], full["degraded"]["level"]), ("miss", 0))
        self.assertIsNotNone(full["answer"])

    def test_a_tier_is_spared_levels(self):
        node = self.start_node(self.start_provider(), TIERS)
        self.level(node, mode="manual", level=2)
        got = {tier: self.ask(node, tier, tier).json["degraded"]["level"] for tier in ("vip", "paid", "free")}
        self.assertEqual(got, {"vip": 0, "paid": 1, "free": 2})
        wrong = self.ask(node, 0, "gold")
        self.assertEqual((wrong.status, wrong.json["error"]["param"]), (422, "x-raglan-tier"))

    def test_nobody_names_a_tier_unless_the_operator_says_how(self):
        node = self.start_node(self.start_provider())
        self.level(node, mode="manual", level=2)
        self.assertEqual(self.ask(node, 1, "vip").json["degraded"]["level"], 1)

    def test_chat_completions_and_streams_get_less_too(self):
        node = self.start_node(self.start_provider())
        self.level(node, mode="manual", level=3)
        body = {"model": "raglan", "messages": [{"role": "user", "content": QUESTION}]}
        reply = node.post("/v1/chat/completions", body).json
        self.assertEqual(reply["raglan"]["degraded"], {"level": 2, "reasons": ["manual"]})
        self.assertIn("[1]", reply["choices"][0]["message"]["content"])
        streamed = node.post("/v1/chat/completions", {**body, "stream": True}).text
        self.assertIn('"degraded":{"level":2,"reasons":["manual"]}', streamed)
        self.assertTrue(streamed.rstrip().endswith("[DONE]"))
        events = self.stream(node, QUESTION).text
        self.assertIn('"degraded":{"level":2,"reasons":["manual"]}', events)

    def test_what_is_set_wrongly_is_refused(self):
        node = self.start_node(self.start_provider())
        for body, param in (
            ({}, "/mode"),
            ({"mode": "off"}, "/mode"),
            ({"mode": "manual"}, "/level"),
            ({"mode": "manual", "level": 6}, "/level"),
            ({"mode": "manual", "level": -1}, "/level"),
            ({"mode": "auto", "level": 1}, "/level"),
            ({"mode": "auto", "levle": 1}, "/levle"),
        ):
            reply = node.put("/admin/degradation", body)
            self.assertEqual((reply.status, reply.json["error"]["param"]), (422, param), body)
        self.assertEqual(node.put("/admin/degradation", "no object").status, 422)
        self.assertEqual(self.level(node)["level"], 0)


class Queue(OverloadTest):
    def start_asking(self, node, number, tier=None, **fields):
        replies = []
        thread = threading.Thread(target=lambda: replies.append(self.ask(node, number, tier, **fields)))
        thread.start()
        thread.replies = replies
        return thread

    def test_the_higher_tier_is_answered_first_and_the_wait_is_told(self):
        provider = self.start_provider(latency="400ms")
        node = self.start_node(provider, TIERS, *ONE_PLACE, NOBODY_IS_DROPPED)
        ended = []

        def ask(number, tier):
            reply = self.ask(node, number, tier)
            ended.append((tier, reply.json["timings_ms"].get("generation_queue", 0)))

        threads = []
        for number, tier in enumerate(("paid", "free", "vip")):
            threads.append(threading.Thread(target=ask, args=(number, tier)))
            threads[-1].start()
            wait_until(lambda: self.waiting(node) == number or number == 0, "it waits")
            wait_until(lambda: self.calls(provider) >= 1, "the first is written")
        for thread in threads:
            thread.join()
        self.assertEqual([tier for tier, _ in ended], ["paid", "vip", "free"])
        self.assertEqual(ended[0][1], 0)
        self.assertGreater(ended[2][1], ended[1][1])
        self.assertEqual(provider.stats()["max_concurrent"], 1)

    def test_what_cannot_be_written_in_time_is_the_passages_at_once(self):
        provider = self.start_provider(latency="600ms")
        node = self.start_node(provider, *ONE_PLACE, "admission.limit.window_min_samples=1")
        for number in range(3):
            self.assertEqual(self.ask(node, number).status, 200)  # how long one takes is known now
        busy = self.start_asking(node, "busy")
        wait_until(lambda: self.calls(provider) == 4, "it is written")
        body = {"query": "Is there time for this?"}
        reply = node.post("/v1/query", body, headers={"x-request-timeout-ms": "500"})
        busy.join()
        self.assertEqual((reply.status, reply.json["degraded"]), (200, {"level": 2, "reasons": ["overload"]}))
        self.assertLess(reply.json["timings_ms"]["total"], 500)
        self.assertEqual(self.calls(provider), 4)

    def test_a_client_that_goes_away_leaves_the_queue(self):
        provider = self.start_provider(latency="500ms")
        node = self.start_node(provider, *ONE_PLACE)
        busy = self.start_asking(node, "busy")
        wait_until(lambda: self.calls(provider) == 1, "it is written")
        body = json.dumps({"query": "never mind"}).encode()
        with node.connect() as client:
            client.sendall(
                b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            wait_until(lambda: self.waiting(node) == 1, "it waits")
        wait_until(lambda: self.waiting(node) == 0, "it has left")
        busy.join()
        self.assertEqual(self.calls(provider), 1)

    def test_who_cannot_wait_for_the_model_gets_the_passages_and_health_answers(self):
        provider = self.start_provider(latency="1s")
        node = self.start_node(provider, *ONE_PLACE, "admission.max_waiting=2", NOBODY_IS_DROPPED)
        threads = []
        for number in range(3):
            threads.append(self.start_asking(node, number))
            wait_until(lambda: self.level(node)["admission"]["generation"]["in_flight"] == 1, "the first is in")
            wait_until(lambda: self.waiting(node) == number, "the next waits")
        reply = self.ask(node, 3)
        self.assertEqual((reply.status, reply.json["degraded"]), (200, {"level": 2, "reasons": ["overload"]}))
        self.assertIsNone(reply.json["answer"])
        self.assertEqual(reply.headers["cache-status"].split(";")[1].strip(), "fwd=miss")
        self.assertNotIn("stored", reply.headers["cache-status"])
        self.assertEqual(node.get("/health").status, 200)
        labels = {"work": "generation", "tier": "paid"}
        self.assertEqual(node.metric("raglan_admission_waiting", **labels), 2)
        self.assertEqual(node.metric("raglan_admission_decisions_total", **labels, decision="full"), 1)
        for thread in threads:
            thread.join()

    def test_who_cannot_wait_to_be_computed_is_503_with_retry_after(self):
        provider = self.start_provider(latency="1s")
        settings = ("embedding.provider=openai", f"embedding.base_url={provider.url}/v1", "embedding.dimensions=64")
        settings += ("embedding.model=stand-in", "admission.max_computing=1", "admission.max_waiting=1")
        node = self.start("--set", "generation.provider=extractive", *[p for s in settings for p in ("--set", s)],
                          env={"RAGLAN_EMBEDDING__API_KEY": KEY})
        self.assertEqual(node.post("/v1/documents", {"documents": HANDBOOK}).status, 200)
        threads = []
        for number in range(2):
            threads.append(self.start_asking(node, number, mode="retrieve"))
            wait_until(lambda: self.level(node)["admission"]["computing"]["in_flight"] == 1, "the first is in")
            wait_until(lambda: self.level(node)["admission"]["computing"]["waiting"]["paid"] == number, "the next waits")
        refused = self.ask(node, 2, mode="retrieve")
        self.assertEqual((refused.status, refused.json["error"]["code"]), (503, "overloaded"))
        self.assertGreaterEqual(int(refused.headers["retry-after"]), 1)
        for thread in threads:
            thread.join()

    def test_the_level_rises_with_the_delay_and_falls_behind_it(self):
        provider = self.start_provider(latency="300ms", parallel=1)
        node = self.start_node(
            provider, TIERS, *ONE_PLACE, NOBODY_IS_DROPPED, "degradation.raise_hold=300ms", "degradation.lower_hold=300ms"
        )
        stop = threading.Event()
        replies = []

        def load(client):
            number = 0
            while not stop.is_set():
                number += 1
                reply = self.ask(node, f"{client}/{number}", "free")
                replies.append(reply)
                if reply.status != 200:
                    time.sleep(0.1)

        threads = [threading.Thread(target=load, args=(client,)) for client in range(8)]
        for thread in threads:
            thread.start()
        def degraded():
            return [reply.json["degraded"] for reply in list(replies) if reply.status == 200 and reply.json["degraded"]["level"]]

        wait_until(degraded, "there is less service")
        shown = wait_until(lambda: node.metric("raglan_degradation_level", tier="free"), "the metric says so")
        stop.set()
        for thread in threads:
            thread.join()
        wait_until(lambda: self.level(node)["level"] == 0, "there is full service again")
        for each in degraded():
            self.assertEqual(each["reasons"], ["overload"])
        changes = self.changes(node)
        self.assertEqual(changes[0], (0, 1, "overload"))
        self.assertEqual((changes[-1][1], {reason for _, _, reason in changes}), (0, {"overload"}))
        self.assertIn(shown, {min(after, 3) for _, after, _ in changes})
        reached = max(after for _, after, _ in changes)
        counted = sum(metric(node, "raglan_degraded_replies_total", level=str(level), reason="overload") for level in (1, 2, 3))
        self.assertGreaterEqual(counted, len(degraded()))
        self.assertGreaterEqual(node.metric("raglan_degradation_steps_total", direction="up"), reached)
        self.assertEqual(node.metric("raglan_degradation_level", tier="free"), 0)
        for reply in replies:
            self.assertIn(reply.status, (200, 503))

    def test_switched_off_everybody_is_let_in(self):
        provider = self.start_provider(latency="500ms")
        node = self.start_node(provider, *ONE_PLACE, "admission.enabled=false")
        threads = [self.start_asking(node, number) for number in range(4)]
        for thread in threads:
            thread.join()
        self.assertEqual(provider.stats()["max_concurrent"], 4)


if __name__ == "__main__":
    unittest.main()
