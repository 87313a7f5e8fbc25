#!/usr/bin/env python3
"""The official OpenAI client against a node: embeddings, models, and its typed exceptions."""

import math
import threading
import unittest

import openai

from handbook import long_text
from harness import CANARY, NodeTest, occupy_extraction

TEXTS = [
    "How do I make a copy of the database?",
    "Backing up a database",
    "The weather in Auckland",
    f"{CANARY} 日本語 🦑",
]


def cosine(left, right):
    return sum(a * b for a, b in zip(left, right))


class OpenAiClient(NodeTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = openai.OpenAI(base_url=f"{cls.node.url}/v1", api_key=CANARY, max_retries=0)
        cls.addClassCleanup(cls.client.close)
        cls.model = cls.client.models.list().data[0].id

    def embed(self, input, **fields):
        return self.client.embeddings.create(model=self.model, input=input, **fields)

    def test_models_are_listed_and_retrieved(self):
        models = self.client.models.list()
        self.assertEqual([model.id for model in models], ["all-MiniLM-L6-v2", "raglan"])
        model = self.client.models.retrieve("all-MiniLM-L6-v2")
        self.assertEqual((model.id, model.object, model.owned_by), ("all-MiniLM-L6-v2", "model", "raglan"))
        with self.assertRaises(openai.NotFoundError) as raised:
            self.client.models.retrieve("gpt-5")
        self.assertEqual((raised.exception.status_code, raised.exception.code), (404, "not_found"))

    def test_embeddings_are_unit_vectors_that_know_a_paraphrase(self):
        made = self.embed(TEXTS)
        self.assertEqual((made.object, made.model), ("list", "all-MiniLM-L6-v2"))
        self.assertEqual([item.index for item in made.data], [0, 1, 2, 3])
        for item in made.data:
            self.assertEqual(len(item.embedding), 384)
            self.assertAlmostEqual(math.hypot(*item.embedding), 1, places=4)
        vectors = [item.embedding for item in made.data]
        self.assertGreater(cosine(vectors[0], vectors[1]), cosine(vectors[0], vectors[2]) + 0.3)
        self.assertGreater(made.usage.prompt_tokens, 20)
        self.assertEqual(made.usage.total_tokens, made.usage.prompt_tokens)

    def test_base64_and_float_are_the_same_numbers(self):
        by_default = self.embed(TEXTS[0]).data[0].embedding  # the client asks for base64 and decodes it
        floats = self.embed(TEXTS[0], encoding_format="float").data[0].embedding
        text = self.embed(TEXTS[0], encoding_format="base64").data[0].embedding
        self.assertIsInstance(text, str)
        self.assertEqual(len(text), 384 * 4 * 4 // 3)
        self.assertEqual(len(floats), len(by_default))
        for left, right in zip(floats, by_default):
            self.assertAlmostEqual(left, right, places=6)

    def test_a_batch_embeds_as_each_text_alone(self):
        texts = TEXTS + [f"{word} " * length for word, length in [("tide", 3), ("net", 40), ("oar", 150)]]
        together = [item.embedding for item in self.embed(texts).data]
        for text, vector in zip(texts, together):
            self.assertGreater(cosine(self.embed(text).data[0].embedding, vector), 0.99999, text[:40])

    def test_a_large_batch_keeps_its_order(self):
        texts = [f"Sentence number {number} about the sea." for number in range(600)]
        made = self.embed(texts)
        self.assertEqual([item.index for item in made.data], list(range(600)))
        for number in (0, 299, 599):
            alone = self.embed(texts[number]).data[0].embedding
            self.assertGreater(cosine(alone, made.data[number].embedding), 0.99999)

    def test_a_text_longer_than_the_model_reads_is_cut(self):
        text = long_text("embedding", 20)
        self.assertEqual(len(self.embed(text).data[0].embedding), 384)

    def test_a_single_text_does_not_wait_for_a_batch(self):
        batch = threading.Thread(target=self.embed, args=([long_text(n, 1) for n in range(60)],))
        batch.start()
        overtook = False
        while batch.is_alive():
            self.embed("short")
            overtook = overtook or batch.is_alive()
        batch.join()
        self.assertTrue(overtook)

    def test_texts_do_not_wait_for_a_document(self):
        busy = occupy_extraction(self.node, long_text("embeddings", 300) * 90)
        self.embed("short")
        self.embed(["short", "shorter"])
        self.assertTrue(busy.is_alive())
        busy.join()

    def test_errors_raise_the_clients_own_types(self):
        for expected, fields in [
            (openai.NotFoundError, {"model": "text-embedding-3-small", "input": "x"}),
            (openai.UnprocessableEntityError, {"model": self.model, "input": []}),
            (openai.UnprocessableEntityError, {"model": self.model, "input": ""}),
            (openai.UnprocessableEntityError, {"model": self.model, "input": ["x", ""]}),
            (openai.UnprocessableEntityError, {"model": self.model, "input": ["x"] * 2049}),
            (openai.UnprocessableEntityError, {"model": self.model, "input": "x" * 70000}),
            (openai.UnprocessableEntityError, {"model": self.model, "input": [1, 2]}),
            (openai.UnprocessableEntityError, {"model": self.model, "input": "x", "dimensions": 12}),
            (openai.UnprocessableEntityError, {"model": self.model, "input": "x", "extra_body": {"inptu": 1}}),
        ]:
            with self.assertRaises(expected) as raised:
                self.client.embeddings.create(**fields)
            error = raised.exception
            self.assertIn(error.code, ("not_found", "invalid_field"))
            self.assertEqual(error.type, "not_found_error" if error.status_code == 404 else "invalid_request_error")
            self.assertIsNotNone(error.request_id)
            self.assertIsNotNone(error.param)

    def test_an_unsupported_call_is_a_not_found_error(self):
        with self.assertRaises(openai.NotFoundError):
            self.client.completions.create(model=self.model, prompt="x")


if __name__ == "__main__":
    unittest.main()
