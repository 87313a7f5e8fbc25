"""The provider stand-in as OpenAI's own client sees it."""

import base64
import struct
import unittest

import openai

from provider import Provider


class ProviderTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = Provider(dimensions=32, api_key="sesame")
        cls.addClassCleanup(cls.provider.stop)
        cls.client = openai.OpenAI(base_url=cls.provider.url + "/v1", api_key="sesame", max_retries=0)
        cls.addClassCleanup(cls.client.close)

    def setUp(self):
        self.addCleanup(self.provider.set, fault="none", error_every=0, requests_per_second=0)
        self.provider.reset_stats()

    def test_embeddings_are_the_same_as_numbers_and_as_base64(self):
        texts = ["one", "two"]
        floats = self.client.embeddings.create(model="m", input=texts, encoding_format="float")
        coded = self.client.embeddings.create(model="m", input=texts, encoding_format="base64")
        for left, right in zip(floats.data, coded.data):
            numbers = struct.unpack("<32f", base64.b64decode(right.embedding))
            self.assertEqual(len(left.embedding), 32)
            for a, b in zip(left.embedding, numbers):
                self.assertAlmostEqual(a, b, places=6)
        self.assertEqual(floats.usage.prompt_tokens, 2)
        self.assertEqual(self.provider.embedding_calls(), 2)

    def chat(self, **options):
        messages = [{"role": "user", "content": "[1] Vacuum nightly. It helps.\n\nHow often?"}]
        return self.client.chat.completions.create(model="m", messages=messages, **options)

    def test_chat_answers_and_streams_the_same(self):
        whole = self.chat()
        self.assertEqual(whole.choices[0].message.content, "The passages say: Vacuum nightly. [1]")
        chunks = list(self.chat(stream=True, stream_options={"include_usage": True}))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        self.assertEqual(text, whole.choices[0].message.content)
        self.assertEqual(chunks[-1].usage, whole.usage)

    def test_models_are_listed(self):
        self.assertEqual([model.id for model in self.client.models.list()], ["stand-in-embedding", "stand-in-chat"])

    def test_errors_raise_the_clients_own_types(self):
        for status, expected in [(401, openai.AuthenticationError), (404, openai.NotFoundError), (500, openai.InternalServerError)]:
            self.provider.set(error_every=1, error_status=status)
            with self.assertRaises(expected):
                self.chat()
        self.provider.set(error_every=0, requests_per_second=0.001)
        self.chat()
        with self.assertRaises(openai.RateLimitError) as raised:
            self.chat()
        self.assertGreater(int(raised.exception.response.headers["retry-after"]), 500)

    def test_it_refuses_and_comes_back(self):
        self.provider.set(fault="refuse")
        with self.assertRaises(openai.APIConnectionError):
            self.chat()
        self.provider.set(fault="none")
        self.chat()


if __name__ == "__main__":
    unittest.main()
