#!/usr/bin/env python3
"""Bad input of every kind: the right error each time, the node alive and correct after each, and
nothing of anybody's text, questions or keys in its log (which the harness checks when it stops)."""

import json
import re
import time
import unittest

from handbook import HANDBOOK, QUESTIONS, long_text
from harness import CANARY, NodeTest, PATIENCE_SECONDS, read_response, run

MIB = 1024 * 1024
MAX_BODY_BYTES = 16 * MIB


class BadInputTest(NodeTest):
    documents = HANDBOOK

    def tearDown(self):
        """Whatever a test did, the node answers as before and holds what it held."""
        self.assertEqual(self.node.get("/health").text, '{"status":"ok"}')
        question, document, words = QUESTIONS[0]
        answer = self.node.query(question, cache="bypass").json
        self.assertIn(words, answer["answer"])
        self.assertEqual(answer["sources"][0]["document_id"], document)
        self.assertEqual(self.node.get("/v1/collections/default").json["documents"], len(HANDBOOK))

    def post_raw(self, path, body, media_type="application/json", **headers):
        return self.node.request("POST", path, body=body, headers={"content-type": media_type, **headers})


class BadBodies(BadInputTest):
    def test_a_misspelt_query_parameter_is_refused_and_nothing_written(self):
        for method, path in [
            ("POST", "/v1/documents?colection=typo"),
            ("GET", "/v1/documents?colection=typo"),
            ("GET", "/v1/documents/x?collection=default&limit=3"),
            ("DELETE", "/v1/documents/x?dryrun=true"),
            ("GET", "/v1/collections?limit=3"),
            ("POST", "/v1/query?query=x"),
        ]:
            body = json.dumps({"id": "misspelt", "text": CANARY}) if method == "POST" else None
            reply = self.node.request(method, path, body, {"content-type": "application/json"})
            name = re.search(r"(\w+)=[^&]*$", path).group(1)
            self.assert_error(reply, 422, "invalid_field", name)
        self.assertEqual(self.node.get("/v1/documents/misspelt").status, 404)

    def test_malformed_json_is_400(self):
        for body in [b"", b"{", b"nonsense", b'{"query":"x"', b'{"query":"x"}}', b"{'query':'x'}", b'{"query":"x",}',
                     b'\xef\xbb\xbf{"query":"x"', b'{"query":"\\ud800"}', b"NaN", b'{"query":01}', b"\x00",
                     b'{"query":"a\nb"}', b"\xff\xfe{\x00}\x00"]:
            for path in ("/v1/query", "/v1/search", "/v1/documents", "/v1/embeddings", "/v1/collections"):
                self.assert_error(self.post_raw(path, body), 400, "malformed_request")

    def test_invalid_utf8_is_400(self):
        for bad in [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]:
            self.assert_error(self.post_raw("/v1/query", b'{"query":"' + bad + b'"}'), 400, "malformed_request")
            self.assert_error(
                self.post_raw("/v1/documents", b'{"id":"bad","text":"words ' + bad + b'"}'), 400, "malformed_request"
            )

    def test_a_wrong_type_is_422_with_its_pointer(self):
        for path, value, pointer in [
            ("/v1/query", [], None),
            ("/v1/query", "text", None),
            ("/v1/query", {}, "/query"),
            ("/v1/query", {"query": None}, "/query"),
            ("/v1/query", {"query": 1}, "/query"),
            ("/v1/query", {"query": ["x"]}, "/query"),
            ("/v1/query", {"query": ""}, "/query"),
            ("/v1/query", {"query": " \n\t"}, "/query"),
            ("/v1/query", {"query": CANARY * 1000}, "/query"),
            ("/v1/query", {"query": "x", "top_k": 0}, "/top_k"),
            ("/v1/query", {"query": "x", "top_k": 101}, "/top_k"),
            ("/v1/query", {"query": "x", "top_k": 1.5}, "/top_k"),
            ("/v1/query", {"query": "x", "top_k": "5"}, "/top_k"),
            ("/v1/query", {"query": "x", "top_k": -1}, "/top_k"),
            ("/v1/query", {"query": "x", "top_k": 1e300}, "/top_k"),
            ("/v1/query", {"query": "x", "mode": "guess"}, "/mode"),
            ("/v1/query", {"query": "x", "cache": "maybe"}, "/cache"),
            ("/v1/query", {"query": "x", "stream": "yes"}, "/stream"),
            ("/v1/query", {"query": "x", "explain": 1}, "/explain"),
            ("/v1/query", {"query": "x", "collection": 1}, "/collection"),
            ("/v1/query", {"query": "x", "filter": 1}, "/filter"),
            ("/v1/query", {"query": "x", CANARY: 1}, f"/{CANARY}"),
            ("/v1/query", {"query": "x", "a/b~c": 1}, "/a~1b~0c"),
            ("/v1/search", {"query": []}, "/query"),
            ("/v1/search", {"query": ["x", 1]}, "/query"),
            ("/v1/search", {"query": ["x", " "]}, "/query"),
            ("/v1/search", {"query": ["x"] * 65}, "/query"),
            ("/v1/search", {"query": "x", "stream": True}, "/stream"),
            ("/v1/documents", {"text": "x", "id": 5}, "/id"),
            ("/v1/documents", {"text": "x", "title": ["t"]}, "/title"),
            ("/v1/documents", {"text": "x", "title": "t" * 1025}, "/title"),
            ("/v1/documents", {"text": "x", "uri": "u" * 2049}, "/uri"),
            ("/v1/documents", {"text": "x", "metadata": "m"}, "/metadata"),
            ("/v1/documents", {"text": "x", "media_type": "application/pdf"}, "/media_type"),
            ("/v1/documents", {"documents": []}, "/documents"),
            ("/v1/documents", {"documents": {}}, "/documents"),
            ("/v1/documents", {"documents": [{}] * 1001}, "/documents"),
            ("/v1/documents", {"documents": [{"text": "x"}], "text": "y"}, "/text"),
        ]:
            with self.subTest(path=path, value=str(value)[:60]):
                self.assert_error(self.node.post(path, value), 422, "invalid_field", pointer)

    def test_deep_nesting_is_400(self):
        for body in [b"[" * 100_000, b'{"a":' * 100_000, b'{"query":' + b"[" * 40 + b"]" * 40 + b"}"]:
            self.assert_error(self.post_raw("/v1/query", body), 400, "malformed_request")
        metadata = "{}"
        for _ in range(40):
            metadata = '{"a":' + metadata + "}"
        body = f'{{"text":"x","metadata":{metadata}}}'.encode()
        self.assert_error(self.post_raw("/v1/documents", body), 400, "malformed_request")

    def test_an_unknown_media_type_is_415(self):
        for media_type in ("text/plain", "multipart/form-data; boundary=x", "application/xml", "garbage"):
            reply = self.post_raw("/v1/documents", b'{"text":"x"}', media_type)
            self.assert_error(reply, 415, "unsupported_media_type", "content-type")

    def test_a_text_that_is_none_is_refused(self):
        for text, media_type in [("", "text/plain"), ("\n\n  \t", "text/markdown"), ("<p></p>", "text/html"),
                                 ("<script>alert(1)</script>", "text/html"), ("<!-- only this -->", "text/html")]:
            reply = self.node.post("/v1/documents", {"id": "none", "text": text, "media_type": media_type})
            self.assertEqual((reply.status, reply.error["code"]), (422, "invalid_field"), reply.text)

    def test_binary_text_is_refused(self):
        for name, bytes_as_text in [("elf", "\x7fELF\x02\x01\x01" + "\x00" * 64), ("pdf", "%PDF-1.7\n1 0 obj\n"),
                                    ("nul", "a\x00b" * 100), ("png", "\x89PNG\r\n\x1a\n" + "\x00\x01" * 50)]:
            reply = self.node.post("/v1/documents", {"id": name, "text": bytes_as_text})
            self.assertIn((reply.status, reply.error["code"]),
                          [(415, "unsupported_media_type"), (422, "invalid_field")], name)
            self.assertEqual(self.node.get(f"/v1/documents/{name}").status, 404)

    def test_large_metadata_is_refused(self):
        reply = self.node.post("/v1/documents", {"id": "m", "text": "x", "metadata": {"k": "v" * 70_000}})
        self.assertIn(reply.status, (413, 422), reply.text)
        self.assertEqual(self.node.get("/v1/documents/m").status, 404)

    def test_words_without_end_are_cut_and_found(self):
        reply = self.node.post("/v1/documents", {"id": "w", "text": "x" * 200_000, "collection": "endless"})
        self.assertEqual(reply.status, 200, reply.text)
        source = self.node.query("x", collection="endless", mode="retrieve").json["sources"][0]
        self.assertEqual(source["text"], "x" * (source["end"] - source["start"]))
        self.node.delete("/v1/collections/endless")

    def test_markup_bombs_are_linear(self):
        for number, text in enumerate(["<div>" * 100_000 + "x", "[" * 50_000 + "x", "> " * 50_000 + "x",
                                       "&amp" * 100_000, "<a " * 100_000 + ">x", "*a_ " * 50_000]):
            started = time.monotonic()
            for media_type in ("text/html", "text/markdown"):
                reply = self.node.post("/v1/documents?dry_run=true", {"text": text, "media_type": media_type})
                self.assertIn(reply.status, (200, 422), reply.text)
            self.assertLess(time.monotonic() - started, 20, number)


class LargeBodies(BadInputTest):
    def test_a_body_over_the_limit_is_413(self):
        head = (f"POST /v1/documents HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                f"content-length: {MAX_BODY_BYTES + 1}\r\n\r\n").encode()
        answer = self.node.exchange(head)  # refused by its length alone
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer[:200])
        self.assertIn(b'"code":"too_large"', answer)

    def test_a_50_mb_document_is_413(self):
        body = b'{"id":"huge","text":"' + b"All work and no play. " * (50 * MIB // 22) + b'"}'
        head = (f"POST /v1/documents HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\n\r\n").encode()
        answer = self.node.exchange(head + body)
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer[:200])
        self.assertEqual(self.node.get("/v1/documents/huge").status, 404)

    def test_a_chunked_body_over_the_limit_is_413(self):
        chunk = b"100000\r\n" + b"x" * MIB + b"\r\n"
        head = b"POST /v1/query HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
        answer = self.node.exchange(head + chunk * 50 + b"0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer[:200])

    def test_a_50_mb_file_fails_alone_at_ingest(self):
        folder = self.folder / "large"
        folder.mkdir()
        (folder / "huge.txt").write_text("All work and no play. " * (50 * MIB // 22))
        (folder / "small.txt").write_text("The harbour office opens at nine in the morning.")
        done = run("ingest", folder, "--url", self.node.url, "--collection", "large", "--json")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("huge.txt", done.stdout + done.stderr)
        found = self.node.query("When does the harbour office open?", collection="large").json
        self.assertIn("The harbour office opens at nine in the morning.", found["answer"])
        self.assertEqual(self.node.get("/v1/collections/large").json["documents"], 1)
        self.node.delete("/v1/collections/large")

    def test_the_largest_body_is_taken(self):
        padding = MAX_BODY_BYTES - len('{"text":"","x":1}')
        body = b'{"text":"' + b" " * padding + b'","x":1}'
        self.assertEqual(len(body), MAX_BODY_BYTES)
        self.assert_error(self.post_raw("/v1/documents", body), 422, "invalid_field", "/x")


class Wire(BadInputTest):
    """Bytes on the wire."""

    def status_of(self, data):
        answer = self.node.exchange(data, timeout=20)
        self.assertNotEqual(answer, b"", data[:80])
        return int(answer.split(b" ")[1])

    def test_a_target_that_is_too_long_is_414(self):
        self.assertEqual(self.status_of(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n"), 414)
        self.assertEqual(self.status_of(b"GET /" + b"a" * 200_000), 414)

    def test_headers_that_are_too_large_are_431(self):
        start = b"GET /health HTTP/1.1\r\nhost: localhost\r\n"
        self.assertEqual(self.status_of(start + b"x-long: " + CANARY.encode() * 3000 + b"\r\n\r\n"), 431)
        self.assertEqual(self.status_of(start + b"".join(b"x-%d: y\r\n" % n for n in range(200)) + b"\r\n"), 431)

    def test_what_could_smuggle_a_request_is_400(self):
        start = b"POST /v1/query HTTP/1.1\r\nhost: localhost\r\n"
        smuggled = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"
        for head in [
            b"content-length: 5\r\ntransfer-encoding: chunked\r\n",
            b"transfer-encoding: chunked\r\ncontent-length: 5\r\n",
            b"content-length: 5\r\ncontent-length: 6\r\n",
            b"content-length: 5, 6\r\n",
            b"content-length: +5\r\n",
            b"content-length: -5\r\n",
            b"content-length: 0x5\r\n",
            b"content-length: 5 5\r\n",
            b"content-length: 99999999999999999999999\r\n",
            b"content-length : 5\r\n",
            b"transfer-encoding : chunked\r\n",
            b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
            b"x: y\r\n folded: content-length: 5\r\n",
            b"x: a\rb\r\n",
            b"x: a\x00b\r\n",
            b"host: y\r\n",
            b": empty\r\n",
            b"no colon\r\n",
        ]:
            answer = self.node.exchange(start + head + b"\r\n" + b"0\r\n\r\n" + smuggled, timeout=20)
            self.assertIn(answer.split(b" ")[1], (b"400", b"501"), head)
            self.assertEqual(answer.count(b"HTTP/1.1 "), 1, head)
            self.assertNotIn(b"all-MiniLM", answer, head)

    def test_an_unknown_transfer_coding_is_501(self):
        start = b"POST /v1/query HTTP/1.1\r\nhost: localhost\r\n"
        self.assertEqual(self.status_of(start + b"transfer-encoding: gzip, chunked\r\n\r\n"), 501)

    def test_broken_request_lines_are_400(self):
        for line in [b"GET /health", b"GET  /health HTTP/1.1", b"GET /health HTTP/2.0", b"GET /health HTTP/1.1 x",
                     b"G@T /health HTTP/1.1", b"GET health HTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00",
                     b"GET /he\x01alth HTTP/1.1", b"PRI * HTTP/2.0"]:
            self.assertEqual(self.status_of(line + b"\r\nhost: localhost\r\n\r\n"), 400, line)
        self.assertEqual(self.status_of(b"GET /health HTTP/1.1\r\n\r\n"), 400)  # no host

    def test_broken_chunks_are_400(self):
        start = b"POST /v1/query HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
        for chunks in [b"xyz\r\n", b"-1\r\n", b"5\r\nabcdefg\r\n", b"fffffffffffffffff\r\n", b"5;" + b"e" * 40_000]:
            self.assertEqual(self.status_of(start + chunks), 400 if b";" not in chunks else 400, chunks[:20])

    def test_a_chunked_body_is_put_together(self):
        body = json.dumps({"query": QUESTIONS[0][0]}).encode()
        chunks = b"".join(b"%x;extension=1\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7])
                          for i in range(0, len(body), 7))
        head = b"POST /v1/query HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        answer = self.node.exchange(head + chunks + b"0\r\nx-trailer: y\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer[:200])
        self.assertIn(b"1847", answer)

    def test_expect_continue_is_answered_before_the_body(self):
        body = json.dumps({"query": QUESTIONS[0][0]}).encode()
        with self.node.connect() as connection:
            stream = connection.makefile("rb")
            connection.sendall(b"POST /v1/query HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n"
                               b"content-length: %d\r\n\r\n" % len(body))
            self.assertEqual(read_response(stream, head_only=True)[0], 100)
            connection.sendall(body)
            status, _, answer = read_response(stream)
            self.assertEqual(status, 200)
            self.assertIn(b"1847", answer)

    def test_expect_continue_is_refused_when_the_body_would_be(self):
        with self.node.connect() as connection:
            connection.sendall(b"POST /v1/query HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n"
                               b"content-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1))
            self.assertEqual(read_response(connection.makefile("rb"))[0], 413)

    def test_pipelined_requests_are_answered_in_order(self):
        requests = b""
        for number, (question, _, _) in enumerate(QUESTIONS):
            body = json.dumps({"query": question, "mode": "retrieve", "top_k": 1}).encode()
            requests += (b"POST /v1/query HTTP/1.1\r\nhost: localhost\r\nx-request-id: %d\r\ncontent-length: %d\r\n\r\n%s"
                         % (number, len(body), body))
            requests += b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-request-id: health-%d\r\n\r\n" % number
        with self.node.connect() as connection:
            connection.sendall(requests)
            stream = connection.makefile("rb")
            for number, (_, document, _) in enumerate(QUESTIONS):
                status, headers, body = read_response(stream)
                self.assertEqual((status, headers["x-request-id"]), (200, str(number)))
                self.assertEqual(json.loads(body)["sources"][0]["document_id"], document)
                status, headers, body = read_response(stream)
                self.assertEqual((headers["x-request-id"], body), (f"health-{number}", b'{"status":"ok"}'))

    def test_an_unread_body_is_not_the_next_request(self):
        body = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"
        with self.node.connect() as connection:
            connection.sendall(b"POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%s"
                               b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n" % (len(body), body))
            stream = connection.makefile("rb")
            self.assertEqual(read_response(stream)[0], 404)
            self.assertEqual(read_response(stream)[2], b'{"status":"ok"}')

    def test_a_client_that_leaves_in_the_middle_harms_nobody(self):
        with self.node.connect() as connection:
            connection.sendall(b"POST /v1/query HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{")
        body = json.dumps({"id": "left", "collection": "left", "text": long_text("left", 30)}).encode()
        with self.node.connect() as connection:
            connection.sendall(b"POST /v1/documents HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                               b"content-length: %d\r\n\r\n%s" % (len(body), body))
        with self.node.connect() as connection:
            connection.sendall(b"GET /hea")
        self.assertEqual(self.node.query("x").status, 200)

    def test_a_page_of_another_site_is_kept_out(self):
        write = {"id": "planted", "text": "Planted by a page."}
        for headers, param in [({"host": "evil.example"}, "host"), ({"host": f"evil.example:{self.node.port}"}, "host"),
                               ({"origin": "http://evil.example"}, "origin"), ({"origin": "null"}, "origin")]:
            reply = self.node.post("/v1/documents", write, headers=headers)
            self.assert_error(reply, 403, "forbidden", param)
            self.assertEqual(self.node.get("/health", headers=headers).status, 200)
        reply = self.node.post("/v1/documents", write, headers={"sec-fetch-site": "cross-site"})
        self.assertEqual((reply.status, reply.error["code"]), (403, "forbidden"))
        self.assertEqual(self.node.get("/v1/documents/planted").status, 404)
        for host in ("localhost", "127.0.0.1:1", "[::1]:8080", "LocalHost"):
            self.assertEqual(self.node.get("/v1/models", headers={"host": host}).status, 200, host)

    def test_keys_in_headers_are_ignored_and_not_logged(self):
        reply = self.node.post("/v1/query", {"query": CANARY, "filter": {CANARY: CANARY}},
                               headers={"authorization": f"Bearer {CANARY}", "cookie": CANARY, "x-api-key": CANARY})
        self.assertEqual(reply.status, 200)
        self.assertEqual(self.node.get(f"/v1/documents/{CANARY}?collection={CANARY}").status, 404)
        self.assertEqual(self.node.get(f"/{CANARY}?key={CANARY}").status, 404)


class SlowClients(BadInputTest):
    options = ("--set", "server.header_timeout=1s", "--set", "server.body_timeout=1s", "--set",
               "server.idle_timeout=1s")

    def test_a_head_or_body_that_does_not_arrive_is_408(self):
        for unfinished in [b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-", b"POST /v1/query HTTP/1.1\r\nhost: localhost\r\n"
                           b"content-length: 10\r\n\r\n{"]:
            answer = self.node.exchange(unfinished)
            self.assertTrue(answer.startswith(b"HTTP/1.1 408 "), answer[:100])

    def test_an_idle_connection_is_closed(self):
        started = time.monotonic()
        answer = self.node.exchange(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        self.assertEqual(answer.count(b"HTTP/1.1 200 "), 1)
        self.assertLess(time.monotonic() - started, PATIENCE_SECONDS / 2)


if __name__ == "__main__":
    unittest.main()
