#!/usr/bin/env python3
"""Conversations: follow-up questions, which any node answers."""

import json
import threading
import unittest

from handbook import HANDBOOK
from harness import TemporaryFolderTest
from postgres_server import PostgresServer
from query_test import read_events

FIRST = "When does the fish market open?"
FOLLOW_UP = "And who must register?"
SUBJECT = "market"


class Conversation:
    """Asks one question after the other, at any node."""

    def __init__(self, node, **fields):
        begun = node.post("/v1/sessions", fields)
        assert begun.status == 201, begun.text
        self.begun = begun.json
        self.id = self.begun["id"]

    def ask(self, node, question, **fields):
        reply = node.query(question, session_id=self.id, **fields)
        if reply.status == 200:
            self.id = reply.json["session"]["id"]
        return reply


class Sessions(TemporaryFolderTest):
    def start_handbook(self, *options, **keywords):
        node = self.start(*options, **keywords)
        self.assertEqual(node.post("/v1/documents", {"documents": HANDBOOK}).status, 200)
        return node

    def test_a_follow_up_question_is_searched_for_with_its_subject(self):
        node = self.start_handbook()
        # Alone it finds nothing, or something else.
        self.assertNotIn("harbour office", node.query("And since when?").json["answer"])
        for keep_in in ("store", "token"):
            conversation = Conversation(node, keep_in=keep_in)
            first = conversation.ask(node, FIRST).json
            self.assertEqual(first["session"], {"id": conversation.id, "asked": 1, "kept": True, "search": None,
                                                "rewritten_by": None})
            second = conversation.ask(node, FOLLOW_UP).json
            self.assertEqual(second["session"]["search"], f"{FIRST}\n{FOLLOW_UP}")
            self.assertEqual(second["session"]["rewritten_by"], "words")
            self.assertEqual(second["sources"][0]["document_id"], SUBJECT)
            self.assertIn("harbour office", second["answer"])
            self.assertIn("rewrite", second["timings_ms"])
        node.stop()

    def test_what_was_asked_and_answered_can_be_read_and_deleted(self):
        node = self.start_handbook()
        conversation = Conversation(node)
        self.assertEqual((conversation.begun["turns"], conversation.begun["asked"]), ([], 0))
        first = conversation.ask(node, FIRST).json
        conversation.ask(node, FOLLOW_UP, mode="retrieve")
        path = f"/v1/sessions/{conversation.id}"
        kept = node.get(path).json
        self.assertEqual([turn["question"] for turn in kept["turns"]], [FIRST, FOLLOW_UP])
        self.assertEqual(kept["turns"][0]["answer"], first["answer"])
        self.assertEqual(kept["turns"][0]["reply_id"], first["id"])
        self.assertIsNone(kept["turns"][1]["answer"])
        self.assertEqual(kept["turns"][1]["search"], f"{FIRST}\n{FOLLOW_UP}")
        self.assertEqual(node.delete(path).json, {"id": conversation.id, "deleted": True})
        self.assertEqual(node.get(path).status, 404)
        self.assertEqual(node.delete(path).status, 404)
        self.assertEqual(conversation.ask(node, FIRST).status, 404)
        node.stop()

    def test_a_stream_ends_with_the_session(self):
        node = self.start_handbook()
        conversation = Conversation(node, keep_in="token")
        for question in (FIRST, FOLLOW_UP):
            events = read_events(conversation_stream := node.query(question, session_id=conversation.id, stream=True))
            self.assertEqual(conversation_stream.status, 200)
            name, done = events[-1]
            self.assertEqual(name, "done")
            conversation.id = done["session"]["id"]
        self.assertEqual(done["session"]["asked"], 2)
        self.assertEqual(done["session"]["search"], f"{FIRST}\n{FOLLOW_UP}")
        node.stop()

    def test_the_first_question_of_a_session_is_everybodys(self):
        node = self.start_handbook()
        node.query(FIRST)
        self.assertEqual(Conversation(node).ask(node, FIRST).json["cache"]["status"], "hit")
        one, other = Conversation(node), Conversation(node)
        for conversation in (one, other):
            conversation.ask(node, FIRST)
            last = conversation.ask(node, FOLLOW_UP).json
        self.assertEqual(last["cache"]["status"], "hit")
        node.stop()

    def test_sessions_survive_a_node_that_is_killed(self):
        node = self.start_handbook()
        conversations = [Conversation(node, keep_in=keep_in) for keep_in in ("store", "token")]
        for conversation in conversations:
            conversation.ask(node, FIRST)
        node.kill()
        node = self.start()
        for conversation in conversations:
            reply = conversation.ask(node, FOLLOW_UP).json
            self.assertEqual((reply["session"]["asked"], reply["sources"][0]["document_id"]), (2, SUBJECT))
        node.stop()

    def test_questions_at_once_are_all_kept(self):
        node = self.start_handbook()
        conversation = Conversation(node)
        replies = []
        askers = [
            threading.Thread(target=lambda n=n: replies.append(node.query(f"{FIRST} ({n})", session_id=conversation.id)))
            for n in range(24)
        ]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        self.assertEqual([reply.status for reply in replies], [200] * 24)
        kept = [reply for reply in replies if reply.json["session"]["kept"]]
        questions = {turn["question"] for turn in node.get(f"/v1/sessions/{conversation.id}").json["turns"]}
        self.assertEqual(len(questions), len(kept))
        self.assertEqual(len(kept), 24)
        node.stop()

    def test_what_is_wrong_with_a_session_is_said(self):
        node = self.start_handbook()
        token = Conversation(node, keep_in="token").id
        for unknown in ("nobody", token[:-1], token + "x", "", "rst1..", "x" * 19_999):
            reply = node.query(FIRST, session_id=unknown)
            self.assertEqual((reply.status, reply.error["code"]), (404, "not_found"), unknown[:20])
        for field, wrong in (("session_id", 7), ("session_id", "x" * 20_001)):
            reply = node.query(FIRST, **{field: wrong})
            self.assertEqual((reply.status, reply.error["param"]), (422, "/session_id"))
        for body in ({"keep_in": "memory"}, {"keep": "store"}, []):
            self.assertEqual(node.post("/v1/sessions", body).status, 422, body)
        self.assertEqual(node.request("POST", "/v1/sessions", b"{").status, 400)
        self.assertEqual(node.request("POST", "/v1/sessions").status, 201)
        reply = node.post("/v1/search", {"query": FIRST, "session_id": token})
        self.assertEqual((reply.status, reply.error["param"]), (422, "/session_id"))
        node.stop()

    def test_with_rewriting_off_questions_are_searched_for_as_they_are(self):
        node = self.start_handbook("--set", "follow_ups.rewrite=off")
        conversation = Conversation(node)
        conversation.ask(node, FIRST)
        self.assertIsNone(conversation.ask(node, FOLLOW_UP).json["session"]["search"])
        node.stop()


class SharedSessions(TemporaryFolderTest):
    """Nodes that share nothing but PostgreSQL."""

    @classmethod
    def setUpClass(cls):
        cls.server = PostgresServer()
        cls.addClassCleanup(cls.server.end)

    def test_each_question_may_go_to_another_node(self):
        environment = {"RAGLAN_STORE__URL": self.server.url("postgres")}
        nodes = [self.start(data=self.folder / name, env=environment) for name in ("one", "two")]
        self.assertEqual(nodes[0].post("/v1/documents", {"documents": HANDBOOK}).status, 200)
        for keep_in in ("store", "token"):
            conversation = Conversation(nodes[0], keep_in=keep_in)
            conversation.ask(nodes[1], FIRST)
            reply = conversation.ask(nodes[0], FOLLOW_UP).json
            self.assertEqual((reply["session"]["asked"], reply["sources"][0]["document_id"]), (2, SUBJECT))
        for node in nodes:
            node.stop()


if __name__ == "__main__":
    unittest.main()
