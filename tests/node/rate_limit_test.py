#!/usr/bin/env python3
"""A tenant's limits: on requests and on tokens, by tier, over two nodes with a Redis and without."""

import math
import sys
import time
import unittest

from handbook import HANDBOOK
from harness import ROOT, TemporaryFolderTest, wait_until
from query_test import read_events
from redis_server import RedisServer
from shared_cache_test import metric

sys.path.insert(0, str(ROOT / "tests/support"))
from provider import Provider  # noqa: E402

QUESTION = "When was the lighthouse built?"
TOKENS = 1_200  # a minute: 20 come back in a second, a minute passes before all have
LONGEST_ANSWER = 100
# What a question reserves is at most the window, and an answer.
SMALL_WINDOW = ("generation.context_tokens=512", f"generation.max_tokens={LONGEST_ANSWER}")


def limits_of(reply, what):
    """Limit, what is left, and the seconds until all is there again; None without any."""
    values = [reply.headers.get(f"x-ratelimit-{part}-{what}") for part in ("limit", "remaining", "reset")]
    if values == [None, None, None]:
        return None
    limit, remaining, reset = values
    assert reset.endswith("s"), reset
    return int(limit), int(remaining), float(reset[:-1])


class Purse:
    """What a tier's tenant has left of its tokens. Between two looks comes back what the clock says, and no more."""

    def __init__(self, node, tier):
        self.node = node
        self.tier = tier
        self.left = TOKENS
        self.seen = None  # the time of that, between two; all is there: none comes back before the first is taken

    def ask(self, path, body):
        began = time.monotonic()
        reply = self.node.post(path, body, headers={"x-tier": self.tier})
        self.seen = self.seen or (began, time.monotonic())
        return reply

    def assert_used(self, tokens):
        """So many of them, exactly, since the last time; settled behind the reply."""

        def settled():
            # Who asks for more than is left is told how much that is, and takes nothing.
            began = time.monotonic()
            reply = self.node.post("/v1/embeddings", {"input": TOKENS * "much "}, headers={"x-tier": self.tier})
            ended = time.monotonic()
            assert reply.status == 429, reply.text
            looks.append(limits_of(reply, "tokens")[1])
            # What is shown is rounded down.
            least = self.left - tokens + math.floor((began - self.seen[1]) * TOKENS / 60)
            most = self.left - tokens + math.floor((ended - self.seen[0]) * TOKENS / 60 + 1)
            expected.append((least, most))
            if not least <= looks[-1] <= most:
                return False
            self.left, self.seen = looks[-1], (began, ended)
            return True

        looks, expected = [], []
        try:
            wait_until(settled, "it is settled", seconds=5)
        except AssertionError:
            raise AssertionError(f"{looks[-1]} are left, and not {expected[-1]}") from None


class RateLimits(TemporaryFolderTest):
    def start_limited(self, *settings, documents=True):
        node = self.start(*[part for setting in ("server.tier_header=x-tier", *settings) for part in ("--set", setting)])
        if documents:
            self.assertEqual(node.post("/v1/documents", {"documents": list(HANDBOOK)}).status, 200)
        return node

    def assert_limited(self, reply, message):
        self.assertEqual(reply.status, 429, reply.text)
        error = reply.json["error"]
        self.assertEqual((error["type"], error["code"]), ("rate_limit_error", "rate_limited"))
        self.assertIn(message, error["message"])
        self.assertGreaterEqual(int(reply.headers["retry-after"]), 1)

    def test_without_limits_no_reply_speaks_of_them(self):
        node = self.start_limited()
        self.assertIsNone(limits_of(node.query(QUESTION), "requests"))
        node.stop()

    def test_requests_beyond_the_limit_are_told_when_to_come_back(self):
        node = self.start_limited("limits.free.requests_per_minute=3")
        ask = lambda tier: node.post("/v1/query", {"query": QUESTION}, headers={"x-tier": tier})
        for left in (2, 1, 0):
            reply = ask("free")
            self.assertEqual(reply.status, 200)
            limit, remaining, reset = limits_of(reply, "requests")
            self.assertEqual((limit, remaining), (3, left))
            self.assertAlmostEqual(reset, 20 * (3 - left), delta=5)
            self.assertIsNone(limits_of(reply, "tokens"))
        refused = ask("free")
        self.assert_limited(refused, "requests a minute")
        self.assertAlmostEqual(int(refused.headers["retry-after"]), 20, delta=5)
        self.assertEqual(limits_of(refused, "requests")[:2], (3, 0))
        self.assertIsNone(limits_of(ask("paid"), "requests"))
        self.assertEqual(ask("vip").status, 200)
        self.assertEqual(metric(node, "raglan_rate_limited_total", tier="free", limit="requests"), 1)
        self.assertEqual(metric(node, "raglan_rate_limited_total", tier="paid", limit="requests"), 0)
        self.assertEqual(metric(node, "raglan_rate_limit_local_total"), 0)
        node.stop()

    def test_each_question_of_a_search_is_a_request(self):
        node = self.start_limited("limits.paid.requests_per_minute=10")
        search = lambda count: node.post("/v1/search", {"query": [f"{QUESTION} {i}" for i in range(count)]})
        self.assertEqual(limits_of(search(7), "requests")[1], 3)
        self.assert_limited(search(4), "requests a minute")
        self.assert_limited(search(11), "more requests at once")
        self.assertEqual(search(3).status, 200)
        node.stop()

    def test_what_is_malformed_costs_nothing(self):
        node = self.start_limited("limits.paid.requests_per_minute=1")
        self.assertEqual(node.post("/v1/query", {"query": ""}).status, 422)
        self.assertEqual(node.query(QUESTION).status, 200)
        node.stop()

    def test_tokens_are_those_that_models_used(self):
        provider = Provider()
        self.addCleanup(provider.stop)
        node = self.start_limited(
            *[f"limits.{tier}.tokens_per_minute={TOKENS}" for tier in ("vip", "paid", "free")], *SMALL_WINDOW,
            "generation.provider=openai", f"generation.base_url={provider.url}/v1", "generation.retry.min_retries=0",
            "generation.retry.retry_ratio=0")
        question = {"query": QUESTION}

        with self.subTest("in one piece, and from the cache"):
            purse = Purse(node, "paid")
            for status in ("miss", "hit"):
                left = purse.left
                reply = purse.ask("/v1/query", question)
                self.assertEqual(reply.json["cache"]["status"], status)
                self.assertLess(limits_of(reply, "tokens")[1], left - LONGEST_ANSWER, "that is reserved")
                used = reply.json["usage"]
                self.assertEqual(used["prompt_tokens"], provider.stats()["tokens"])
                purse.assert_used(sum(used.values()))
                provider.reset_stats()
            self.assertEqual(set(used.values()), {0})
        with self.subTest("a chat"):
            messages = [{"role": "user", "content": f"{QUESTION} Please."}]
            reply = purse.ask("/v1/chat/completions", {"model": "raglan", "messages": messages})
            self.assertEqual(reply.status, 200, reply.text)
            used = reply.json["raglan"]["usage"]
            self.assertEqual(reply.json["usage"]["total_tokens"], used["prompt_tokens"] + used["completion_tokens"])
            purse.assert_used(sum(used.values()))
        with self.subTest("streamed, and from the cache"):
            purse = Purse(node, "vip")
            for status in ("refresh", "hit"):
                mode = {"cache": "refresh"} if status == "refresh" else {}
                reply = purse.ask("/v1/query", {**question, **mode, "stream": True})
                name, whole = read_events(reply)[-1]
                self.assertEqual((name, whole["cache"]["status"]), ("done", status))
                used = sum(whole["usage"].values())
                self.assertEqual(used > LONGEST_ANSWER, status == "refresh")
                purse.assert_used(used)
        with self.subTest("no answer: the model fails"):
            provider.set(error_every=1)
            reply = purse.ask("/v1/query", {**question, "cache": "bypass"})
            self.assertEqual(reply.json["degraded"]["level"], 2)
            used = sum(reply.json["usage"].values())
            self.assertLess(used, LONGEST_ANSWER)
            purse.assert_used(used)
        with self.subTest("a stream that ends in the middle costs what was reserved"):
            provider.set(error_every=0, fault="truncated")
            purse = Purse(node, "free")
            reply = purse.ask("/v1/query", {**question, "stream": True, "cache": "bypass"})
            names = [name for name, _ in read_events(reply)]
            self.assertEqual((names[1], names[-1]), ("delta", "error"))
            reserved = TOKENS - limits_of(reply, "tokens")[1]
            self.assertGreater(reserved, LONGEST_ANSWER)
            purse.assert_used(reserved)
            purse.ask("/v1/query", question)  # cached; and what would have been given back were there by now
            purse.assert_used(0)
        node.stop()

    def test_an_answer_that_the_model_breaks_off_costs_what_was_reserved(self):
        provider = Provider(fault="truncated")
        self.addCleanup(provider.stop)
        node = self.start_limited(
            f"limits.paid.tokens_per_minute={TOKENS}", *SMALL_WINDOW, "generation.provider=openai",
            f"generation.base_url={provider.url}/v1")
        purse = Purse(node, "paid")
        reply = purse.ask("/v1/query", {"query": QUESTION})
        self.assertEqual(reply.json["degraded"]["reasons"], ["generator_interrupted"])
        purse.assert_used(TOKENS - limits_of(reply, "tokens")[1])
        node.stop()

    def test_an_answer_that_was_too_long_is_waited_for(self):
        node = self.start_limited("limits.paid.tokens_per_minute=60")
        text = " ".join("lighthouse" for _ in range(200))
        reply = node.post("/v1/embeddings", {"input": text})  # estimated at more than there is, it takes all
        self.assertEqual((reply.status, limits_of(reply, "tokens")[1]), (200, 0))
        refused = node.post("/v1/embeddings", {"input": "short"})
        self.assert_limited(refused, "tokens a minute")
        node.stop()

    def test_nodes_share_the_limits_through_redis_and_divide_them_without(self):
        redis = RedisServer()
        self.addCleanup(redis.end)
        settings = [f"redis.url={redis.url}", "limits.paid.requests_per_minute=20"]
        one, two = self.start_limited(*settings), self.start_limited(*settings, documents=False)
        wait_until(lambda: metric(one, "raglan_nodes") == metric(two, "raglan_nodes") == 2, "they know of each other")
        replies = [(one, two)[i % 2].query(f"{QUESTION} {i % 3}") for i in range(24)]
        self.assertGreaterEqual([reply.status for reply in replies].count(429), 3)  # one comes back in three seconds
        self.assertEqual([reply.status for reply in replies[:20]].count(200), 20)
        redis.end()
        replies = [one.query(f"{QUESTION} {i % 3}") for i in range(13)]
        statuses = [reply.status for reply in replies]
        self.assertEqual(statuses[:10], 10 * [200])
        self.assertIn(429, statuses[10:])
        self.assertEqual(limits_of(replies[0], "requests")[0], 10)
        self.assertEqual(metric(one, "raglan_rate_limit_local_total"), 13)
        for node in (one, two):
            node.stop()


if __name__ == "__main__":
    unittest.main()
