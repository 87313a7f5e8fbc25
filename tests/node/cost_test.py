#!/usr/bin/env python3
"""What requests cost: calls of a provider of embeddings, and SQL statements, as the node's metrics count them."""

import json
import time
import unittest
from collections import Counter

from handbook import HANDBOOK
from harness import PATIENCE_SECONDS
from remote_embedding_test import RemoteTest, ask_many

READS_OF_A_WRITE = 9  # 2 of them are the node's look at what it wrote


class CostTest(RemoteTest):
    def setUp(self):
        super().setUp()
        self.provider = self.start_provider()

    def start_node(self, *extra):
        # The node's own look-outs for other processes' writes and for jobs are statements too: there are none. Nor is
        # another connection opened when two searches meet, which sets it up.
        return super().start_node(self.provider, "embedding.dimensions=384", "store.upkeep_interval=1h",
                                  "jobs.enabled=false", "store.readers=1", *extra)

    def counts(self, node):
        """Calls of the model, statements that read, statements that write; so far."""
        calls = node.metric("raglan_embedding_calls_total")
        self.assertEqual(calls, self.provider.embedding_calls())
        return calls, *(node.metric("raglan_store_statements_total", kind=kind) for kind in ("read", "write"))

    def settled_counts(self, node):
        """Once nothing is done any more: a node looks at what it wrote after it has answered."""
        before = None
        while True:
            now = self.counts(node)
            if now == before:
                return now
            before = now
            time.sleep(0.05)

    def costs(self, node, request, attempts=5):
        """What each `request(attempt)` costs: calls; statements that read, that write."""
        costs = []
        self.longest_seconds = 0
        for attempt in range(attempts):
            began = time.monotonic()  # what happens while the counts are read may be in the one and not in the other
            before = self.settled_counts(node)
            reply = request(attempt)
            self.assertEqual(reply.status, 200, reply.text)
            after = self.settled_counts(node)
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
            calls, *statements = (now - earlier for now, earlier in zip(after, before))
            costs.append((calls, tuple(statements)))
        return costs

    def statements(self, costs):
        """Of most attempts; in the others the writer has looked around, as it does after each idle second: two reads."""
        usual, times = Counter(statements for _, statements in costs).most_common(1)[0]
        self.assertGreater(2 * times, len(costs), costs)
        for _, statements in costs:
            self.assertIn(statements[0] - usual[0], range(1 + 2 * (1 + int(self.longest_seconds))), costs)
            self.assertEqual(statements[1], usual[1], costs)
        return usual

    def cost(self, node, request):
        """What `request(attempt)` costs, every time."""
        costs = self.costs(node, request)
        self.assertEqual(len({calls for calls, _ in costs}), 1, costs)
        return costs[0][0], *self.statements(costs)


class EmbeddingCalls(CostTest):
    def post_lines(self, node, documents):
        lines = "".join(json.dumps(document) + "\n" for document in documents)
        reply = node.request(
            "POST", "/v1/documents", lines.encode(), {"content-type": "application/x-ndjson"}, PATIENCE_SECONDS
        )
        self.assertEqual({document["state"] for document in reply.json["documents"]}, {"indexed"}, reply.text)
        return sum(document["chunks"] for document in reply.json["documents"])

    def test_a_thousand_documents_are_as_few_calls_as_their_texts_fill(self):
        node = self.start_node("embedding.max_batch_texts=96")
        texts = self.post_lines(node, [self.document(number) for number in range(1000)])
        self.assertEqual(texts, 1000)
        self.assertEqual(self.provider.stats()["texts"], texts)
        self.assertEqual(self.provider.embedding_calls(), -(-texts // 96))
        self.assertGreaterEqual(texts, 10 * self.provider.embedding_calls())
        node.stop()

    def test_documents_of_many_passages_fill_calls_too(self):
        node = self.start_node("embedding.max_batch_texts=96")
        texts = self.post_lines(node, [self.document(number, words=600) for number in range(100)])
        self.assertGreaterEqual(texts, 500)
        # A document's passages stay together: the last few places of a call may be empty.
        passages = texts // 100
        self.assertLessEqual(self.provider.embedding_calls(), -(-texts // (96 - passages)))
        self.assertGreaterEqual(texts, 10 * self.provider.embedding_calls())
        node.stop()

    def test_64_clients_share_calls(self):
        node = self.start_node()
        self.put(node, HANDBOOK)
        self.provider.set(latency="100ms")
        before = self.provider.embedding_calls()
        ask_many(node, clients=64, questions=8)
        calls = self.provider.embedding_calls() - before
        self.assertEqual(self.provider.stats()["texts"], len(HANDBOOK) + 64 * 8)
        self.assertGreaterEqual(64 * 8, 10 * calls)
        node.stop()


class Costs(CostTest):
    """Of each kind of request: calls of the model, statements that read, statements that write."""

    def setUp(self):
        super().setUp()
        self.node = self.start_node()
        self.put(self.node, HANDBOOK)
        self.node.query("Are the indexes up to date?")

    def tearDown(self):
        self.node.stop()

    def assert_cost(self, calls, reads, writes, request):
        self.assertEqual(self.cost(self.node, request), (calls, reads, writes))

    def documents(self, first, count, words=30):
        """One passage each, and two fields of metadata."""
        return [
            {**self.document(number, words), "metadata": {"number": number, "even": number % 2 == 0}}
            for number in range(first, first + count)
        ]

    def assert_cost_of_writing(self, writes, request):
        self.assert_cost(1, READS_OF_A_WRITE, writes, request)

    def test_a_document(self):
        node = self.node
        self.assert_cost_of_writing(9, lambda n: self.put(node, self.documents(n, 1)))
        self.assert_cost(0, 1, 0, lambda n: self.put(node, self.documents(n, 1)))  # unchanged
        self.assert_cost_of_writing(12, lambda n: self.put(node, self.documents(n, 1, words=20)))  # replaced

    def test_a_hundred_documents(self):
        # As many reads as for one; the rows of each table go in blocks of 32, 8 and 1.
        node = self.node
        self.assert_cost_of_writing(44, lambda n: self.put(node, self.documents(100 * n, 100)))
        self.assert_cost(0, 1, 0, lambda n: self.put(node, self.documents(100 * n, 100)))
        # Of what is replaced only the metadata goes field by field.
        self.assert_cost_of_writing(44 + 1 + 200, lambda n: self.put(node, self.documents(100 * n, 100, words=20)))

    def test_a_question(self):
        ask = lambda n, **fields: self.node.query(f"Who climbs stair {n} of the lighthouse?", **fields)
        self.assert_cost(1, 1, 0, lambda n: ask(n, mode="retrieve"))
        costs = self.costs(self.node, lambda n: ask(100 + n))
        # The question, and those sentences of its passages that are new.
        self.assertLessEqual(max(calls for calls, _ in costs), 2, costs)
        self.assertEqual(self.statements(costs), (1, 0))
        self.assert_cost(0, 0, 0, lambda n: ask(100 + n))  # from the cache
        self.assert_cost(0, 1, 0, lambda n: ask(100 + n, cache="refresh"))

    def test_a_search(self):
        search = lambda query, **fields: self.node.post("/v1/search", {"query": query, **fields})
        self.assert_cost(1, 1, 0, lambda n: search(f"lamp {n}"))
        self.assert_cost(1, 5, 0, lambda n: search(f"tower {n}", filter={"topic": "buildings"}))
        self.assert_cost(0, 0, 0, lambda n: search(f"lamp {n}"))
        self.provider.set(latency="20ms")
        costs = self.costs(self.node, lambda n: search([f"{word} {n}" for word in "abcdefghijklmnop"]))
        # The first one leaves at once; 16 one after the other. How the rest meet is a matter of time.
        self.assertLessEqual(sorted(calls for calls, _ in costs)[len(costs) // 2], 3, costs)
        self.assertEqual(self.statements(costs), (16, 0))

    def test_a_search_catches_up_with_any_number_of_documents(self):
        def write_and_search(n):
            self.put(self.node, self.documents(100 * n, 100))
            return self.node.post("/v1/search", {"query": f"news {n}"})

        calls, reads, _ = self.cost(self.node, write_and_search)
        self.assertEqual(calls, 2)
        self.assertLessEqual(reads, READS_OF_A_WRITE + 9)  # of what came, of what went, and of the search


if __name__ == "__main__":
    unittest.main()
