#!/usr/bin/env python3
"""A tenant's limits: on requests and on tokens, by tier, over two nodes with a Redis and without."""

import sys
import unittest

from handbook import HANDBOOK
from harness import ROOT, TemporaryFolderTest, wait_until
from redis_server import RedisServer
from shared_cache_test import metric

sys.path.insert(0, str(ROOT / "tests/support"))
from provider import Provider  # noqa: E402

QUESTION = "When was the lighthouse built?"


def limits_of(reply, what):
    """Limit, what is left, and the seconds until all is there again; None without any."""
    values = [reply.headers.get(f"x-ratelimit-{part}-{what}") for part in ("limit", "remaining", "reset")]
    if values == [None, None, None]:
        return None
    limit, remaining, reset = values
    assert reset.endswith("s"), reset
    return int(limit), int(remaining), float(reset[:-1])


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
        node = self.start_limited("limits.paid.tokens_per_minute=100000", "generation.provider=openai",
                                  f"generation.base_url={provider.url}/v1", "generation.max_tokens=500")
        left = 100_000
        for _ in range(2):  # computed, and from the cache
            reply = node.query(QUESTION)
            self.assertLessEqual(limits_of(reply, "tokens")[1], left - 500, "its longest answer is reserved")
            used = sum(reply.json["usage"].values())
            # Settled behind the reply; some hundred tokens come back in the meantime.
            after = lambda: limits_of(node.post("/v1/embeddings", {"input": "the very same text"}), "tokens")[1]
            wait_until(lambda: left - used - 50 <= after() <= 100_000, "it is settled")
        self.assertEqual(used, 0)
        stream = node.post("/v1/query", {"query": QUESTION, "stream": True, "cache": "refresh"})
        self.assertLessEqual(limits_of(stream, "tokens")[1], 100_000 - 500)
        wait_until(lambda: after() > 100_000 - 500, "the stream is settled, too")
        chat = node.post("/v1/chat/completions", {"model": "raglan", "messages": [{"role": "user", "content": QUESTION}]})
        self.assertEqual(chat.status, 200)
        self.assertIsNotNone(limits_of(chat, "tokens"))
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
