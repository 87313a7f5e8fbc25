#!/usr/bin/env python3
"""/v1/documents and /v1/collections: every way to write, read, list and delete; metadata filters."""

import json
import unittest
from urllib.parse import quote

from handbook import HANDBOOK, long_text, marker
from harness import NodeTest

ODD_IDS = [
    "a b",
    "a/b/c",
    "..",
    ".",
    "%41",
    "a?b=c#d",
    "ünïcödé-日本-🦑",
    "it's \"quoted\"; DROP TABLE documents; --",
    "a+b&c=d",
    "x" * 512,
]


class DocumentTest(NodeTest):
    """Each test has a collection of its own."""

    def setUp(self):
        self.collection = self.id().rpartition(".")[2]

    def write(self, *documents, expect="indexed"):
        reply = self.node.post(f"/v1/documents?collection={self.collection}", {"documents": documents})
        self.assertEqual(reply.status, 200, reply.text)
        states = [document["state"] for document in reply.json["documents"]]
        self.assertEqual(states, [expect] * len(documents), reply.text)
        return reply.json["documents"]

    def path(self, id, **parameters):
        query = "".join(f"&{name}={value}" for name, value in parameters.items())
        return f"/v1/documents/{quote(id, safe='')}?collection={self.collection}{query}"

    def search(self, text, **fields):
        reply = self.node.post("/v1/search", {"query": text, "collection": self.collection, **fields})
        self.assertEqual(reply.status, 200, reply.text)
        return reply.json["sources"]

    def found_ids(self, text, **fields):
        return [source["document_id"] for source in self.search(text, **fields)]


class Writing(DocumentTest):
    def test_one_document_is_written_and_read_back(self):
        sent = {**HANDBOOK[0], "collection": self.collection}
        reply = self.node.post("/v1/documents", sent)
        self.assertEqual(reply.status, 200, reply.text)
        self.assertEqual(reply.json, {"documents": [{"id": "lighthouse", "state": "indexed", "chunks": 1}]})
        read = self.node.get(self.path("lighthouse")).json
        for field in ("id", "title", "uri", "text", "metadata"):
            self.assertEqual(read[field], sent[field])
        self.assertEqual(read["chunks"], 1)
        self.assertRegex(read["content_hash"], r"^[0-9a-f]{32}$")
        self.assertRegex(read["updated_at"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_a_document_without_an_id_gets_one(self):
        reply = self.node.post(f"/v1/documents?collection={self.collection}", {"text": "Nameless words."})
        id = reply.json["documents"][0]["id"]
        self.assertRegex(id, r"^[0-9a-f-]{36}$")
        self.assertEqual(self.node.get(self.path(id)).json["text"], "Nameless words.")

    def test_many_documents_in_one_request_keep_their_order(self):
        written = self.write(*HANDBOOK)
        self.assertEqual([document["id"] for document in written], [document["id"] for document in HANDBOOK])
        self.assertEqual(self.found_ids("When does the fish market open?")[0], "market")

    def test_ndjson_has_a_document_on_each_line(self):
        lines = [json.dumps(document) for document in HANDBOOK[:3]]
        body = "\n".join([lines[0], "", lines[1] + "\r", "{broken", '{"id":"no text"}', lines[2]])
        for media_type in ("application/x-ndjson", "application/jsonl; charset=utf-8"):
            reply = self.node.request(
                "POST",
                f"/v1/documents?collection={self.collection}",
                body=body.encode(),
                headers={"content-type": media_type},
            )
            self.assertEqual(reply.status, 200, reply.text)
            statuses = reply.json["documents"]
            self.assertEqual([status["id"] for status in statuses], ["lighthouse", "ferry", "", "no text", "market"])
            expected = "indexed" if media_type == "application/x-ndjson" else "unchanged"
            self.assertEqual(
                [status["state"] for status in statuses], [expected, expected, "failed", "failed", expected]
            )
            self.assertEqual(statuses[2]["error"]["code"], "malformed_request")
            self.assertIn("line 4", statuses[2]["error"]["message"])
            self.assertEqual(statuses[3]["error"]["code"], "invalid_field")
            self.assertEqual(statuses[3]["error"]["param"], "/text")

    def test_put_takes_its_id_from_the_path(self):
        path = self.path("from/the path")
        reply = self.node.put(path, {"text": "Put here."})
        self.assertEqual(
            reply.json, {"documents": [{"id": "from/the path", "state": "indexed", "chunks": 1}]}, reply.text
        )
        self.assertEqual(
            self.node.put(path, {"text": "Put here."}).json,
            {"documents": [{"id": "from/the path", "state": "unchanged", "chunks": 1}]},
        )
        self.assertEqual(self.node.put(path, {"id": "from/the path", "text": "Put here again."}).status, 200)
        self.assertEqual(self.node.get(path).json["text"], "Put here again.")
        self.assert_error(self.node.put(path, {"id": "another", "text": "x"}), 422, "invalid_field", "/id")
        many = self.node.put(path, {"documents": [{"text": "x"}]})
        self.assertEqual((many.status, many.error["code"]), (422, "invalid_field"))

    def test_an_unchanged_document_costs_no_embedding(self):
        def calls():
            for line in self.node.get("/metrics").text.splitlines():
                if line.startswith("raglan_embedding_calls_total "):
                    return float(line.split(" ")[1])
            raise AssertionError("no raglan_embedding_calls_total")

        self.write(*HANDBOOK)
        hashes = [self.node.get(self.path(document["id"])).json["updated_at"] for document in HANDBOOK]
        before = calls()
        self.write(*HANDBOOK, expect="unchanged")
        self.assertEqual(calls(), before)
        self.assertEqual(
            hashes, [self.node.get(self.path(document["id"])).json["updated_at"] for document in HANDBOOK]
        )

    def test_each_changed_field_is_a_change(self):
        document = {"id": "d", "title": "One", "uri": "u", "text": "Some words.", "metadata": {"a": 1}}
        self.write(document)
        for change in [{"title": "Two"}, {"uri": "v"}, {"text": "Other words."}, {"metadata": {"a": 2}}]:
            changed = {**document, **change}
            self.write(changed)
            read = self.node.get(self.path("d")).json
            for field, value in changed.items():
                self.assertEqual(read[field], value, change)
            self.write(document)

    def test_a_replaced_document_is_found_by_its_new_text_alone(self):
        self.write({"id": "d", "text": "The password of the day is rhododendron."}, HANDBOOK[1])
        self.assertIn("rhododendron", self.search("rhododendron")[0]["text"])
        self.write({"id": "d", "text": "The password of the day is chrysanthemum."})
        sources = self.search("rhododendron password", top_k=100)
        self.assertNotIn("rhododendron", " ".join(source["text"] for source in sources))
        self.assertIn("chrysanthemum", self.search("chrysanthemum")[0]["text"])
        self.assertEqual(self.node.get(f"/v1/collections/{self.collection}").json["documents"], 2)
        self.assertEqual(self.node.get(f"/v1/collections/{self.collection}").json["chunks"], 2)

    def test_a_shorter_version_leaves_no_chunks_behind(self):
        self.write({"id": "d", "text": long_text("before", 12)})
        self.assertGreater(self.node.get(self.path("d")).json["chunks"], 1)
        self.write({"id": "d", "text": "Only this is left."})
        self.assertEqual([source["text"] for source in self.search(marker("before", 11), top_k=100)],
                         ["Only this is left."])

    def test_an_id_twice_in_one_request_is_written_once(self):
        reply = self.node.post(
            f"/v1/documents?collection={self.collection}",
            {"documents": [{"id": "d", "text": "The first."}, {"id": "e", "text": "Another."},
                           {"id": "d", "text": "The second."}]},
        )
        self.assertEqual(reply.status, 200)
        statuses = reply.json["documents"]
        self.assertEqual([status["state"] for status in statuses], ["indexed", "indexed", "failed"])
        self.assertEqual(statuses[2]["error"]["code"], "conflict")
        self.assertEqual(self.node.get(self.path("d")).json["text"], "The first.")

    def test_documents_fail_alone(self):
        reply = self.node.post(
            f"/v1/documents?collection={self.collection}",
            {
                "documents": [
                    {"id": "good", "text": "Good words."},
                    {"id": "empty", "text": ""},
                    {"id": "blank", "text": " \n\t "},
                    {"id": "typed", "text": 7},
                    {"id": "field", "text": "x", "txet": "y"},
                    {"id": "meta", "text": "x", "metadata": [1]},
                    {"id": "x" * 513, "text": "x"},
                    "no object",
                    {"id": "also good", "text": "More good words."},
                ]
            },
        )
        self.assertEqual(reply.status, 200)
        statuses = reply.json["documents"]
        self.assertEqual(
            [status["state"] for status in statuses], ["indexed"] + ["failed"] * 7 + ["indexed"], reply.text
        )
        params = [status["error"]["param"] for status in statuses[3:8]]
        self.assertEqual(
            params, ["/documents/3/text", "/documents/4/txet", "/documents/5/metadata", "/documents/6/id",
                     "/documents/7"]
        )
        for status in statuses[1:8]:
            self.assertEqual(status["error"]["code"], "invalid_field", status)
            self.assertEqual(status["chunks"], 0)
        listed = self.node.get(f"/v1/documents?collection={self.collection}").json
        self.assertEqual([document["id"] for document in listed["documents"]], ["also good", "good"])

    def test_one_document_that_fails_is_answered_with_its_error(self):
        path = f"/v1/documents?collection={self.collection}"
        self.assert_error(self.node.post(path, {"id": "d", "text": 1}), 422, "invalid_field", "/text")
        self.assert_error(self.node.post(path, {"id": "d"}), 422, "invalid_field", "/text")
        reply = self.node.post(path, {"id": "d", "text": ""})
        self.assertEqual((reply.status, reply.error["code"]), (422, "invalid_field"))
        self.assert_error(self.node.get(self.path("d")), 404, "not_found")

    def test_a_dry_run_says_what_would_happen_and_does_nothing(self):
        path = f"/v1/documents?collection={self.collection}&dry_run=true"
        document = {"id": "d", "text": long_text("dry", 10)}
        would = self.node.post(path, document).json["documents"][0]
        self.assertEqual(would["state"], "indexed")
        self.assertGreater(would["chunks"], 1)
        self.assert_error(self.node.get(self.path("d")), 404, "not_found")
        written = self.write(document)[0]
        self.assertEqual(written["chunks"], would["chunks"])
        self.assertEqual(
            self.node.post(path, document).json["documents"], [{**written, "state": "unchanged"}]
        )
        changed = self.node.post(path, {"id": "d", "text": "Shorter."}).json["documents"][0]
        self.assertEqual((changed["state"], changed["chunks"]), ("indexed", 1))
        self.assertEqual(self.node.get(self.path("d")).json["text"], document["text"])

    def test_markdown_and_html_are_read_as_such(self):
        self.write(
            {"id": "md", "media_type": "text/markdown",
             "text": "# Knots\n\nA **bowline** holds [well](http://x.example/).\n\n## Hitches\n\nA clove hitch slips."},
            {"id": "html", "media_type": "text/html",
             "text": "<html><head><title>Tides &amp; moons</title><script>var hidden = 1</script></head>"
                     "<body><h1>Spring tides</h1><p>They follow the <b>full</b> moon.</p></body></html>"},
        )
        markdown = self.node.get(self.path("md")).json
        self.assertEqual(markdown["title"], "Knots")
        self.assertIn("A bowline holds well.", markdown["text"])
        html = self.node.get(self.path("html")).json
        self.assertEqual(html["title"], "Tides & moons")
        self.assertIn("They follow the full moon.", html["text"])
        self.assertNotIn("hidden", html["text"])
        self.assertNotIn("<", html["text"])

    def test_html_in_json_is_utf8_whatever_it_declares(self):
        self.write({"id": "html", "media_type": "text/html",
                    "text": "<html><head><meta charset=iso-8859-1></head><body><p>Ébène 日本</p></body></html>"})
        self.assertEqual(self.node.get(self.path("html")).json["text"].strip(), "Ébène 日本")

    def test_any_unicode_comes_back_as_it_was(self):
        text = "Ünïcödé: 日本語の文書。 עברית, العربية; 🦑🏴‍☠️ e\u0301 \u200d \ufdfa ffi. Zero\u00a0width\u200bspace."
        self.write({"id": "d", "title": "日本 🦑", "text": text, "metadata": {"ключ": "значение"}})
        read = self.node.get(self.path("d")).json
        self.assertEqual((read["text"], read["title"]), (text, "日本 🦑"))
        self.assertEqual(read["metadata"], {"ключ": "значение"})
        source = self.search("日本語の文書", filter={"ключ": "значение"})[0]
        self.assertEqual(source["text"].encode(), text.encode()[source["start"]:source["end"]])


class Reading(DocumentTest):
    def test_odd_ids_are_ids_like_any_other(self):
        self.write(*({"id": id, "text": f"Document number {number}."} for number, id in enumerate(ODD_IDS)))
        for number, id in enumerate(ODD_IDS):
            reply = self.node.get(self.path(id))
            self.assertEqual(reply.status, 200, id)
            self.assertEqual((reply.json["id"], reply.json["text"]), (id, f"Document number {number}."))
        listed = self.node.get(f"/v1/documents?collection={self.collection}").json["documents"]
        by_bytes = sorted(ODD_IDS, key=str.encode)
        self.assertEqual([document["id"] for document in listed], by_bytes)
        for id in ODD_IDS:
            self.assertEqual(self.node.delete(self.path(id)).json, {"id": id, "deleted": True})
            self.assert_error(self.node.get(self.path(id)), 404, "not_found")

    def test_a_list_comes_in_pages(self):
        ids = [f"d{number:02}" for number in range(25)]
        self.write(*({"id": id, "text": f"Text of {id}."} for id in ids))
        seen, after, pages = [], "", 0
        while after is not None:
            reply = self.node.get(f"/v1/documents?collection={self.collection}&limit=10&after={after}").json
            self.assertEqual(reply["total"], 25)
            self.assertNotIn("text", reply["documents"][0])
            seen += [document["id"] for document in reply["documents"]]
            after, pages = reply["next_after"], pages + 1
        self.assertEqual((seen, pages), (ids, 3))
        whole = self.node.get(f"/v1/documents?collection={self.collection}&limit=25").json
        self.assertEqual((len(whole["documents"]), whole["next_after"]), (25, None))
        beyond = self.node.get(f"/v1/documents?collection={self.collection}&after=zzz").json
        self.assertEqual((beyond["documents"], beyond["next_after"]), ([], None))

    def test_a_list_is_refused_for_a_bad_limit(self):
        self.write({"id": "d", "text": "x"})
        for limit in ("0", "1001", "-1", "ten", "1e2", ""):
            reply = self.node.get(f"/v1/documents?collection={self.collection}&limit={limit}")
            self.assert_error(reply, 422, "invalid_field", "limit")

    def test_a_deleted_document_is_gone_everywhere(self):
        self.write(*HANDBOOK)
        self.assertEqual(self.found_ids("driftwood oven")[0], "bakery")
        self.assertEqual(self.node.delete(self.path("bakery")).json, {"id": "bakery", "deleted": True})
        self.assert_error(self.node.delete(self.path("bakery")), 404, "not_found")
        self.assert_error(self.node.get(self.path("bakery")), 404, "not_found")
        self.assertNotIn("bakery", self.found_ids("driftwood oven", top_k=100))
        self.assertEqual(self.node.get(f"/v1/collections/{self.collection}").json["documents"], 5)

    def test_an_unknown_collection_is_404(self):
        for reply in [
            self.node.get("/v1/documents?collection=nowhere"),
            self.node.get("/v1/collections/nowhere"),
            self.node.delete("/v1/collections/nowhere"),
            self.node.query("x", collection="nowhere"),
            self.node.post("/v1/search", {"query": "x", "collection": "nowhere"}),
        ]:
            self.assert_error(reply, 404, "not_found", "collection")
        path = "/v1/documents/x?collection=nowhere"
        self.assert_error(self.node.get(path), 404, "not_found")
        self.assert_error(self.node.delete(path), 404, "not_found", "collection")


class Collections(DocumentTest):
    def test_a_collection_is_created_listed_and_deleted(self):
        reply = self.node.post("/v1/collections", {"name": self.collection})
        self.assertEqual(reply.status, 201, reply.text)
        self.assertEqual(
            {field: reply.json[field] for field in ("name", "documents", "chunks")},
            {"name": self.collection, "documents": 0, "chunks": 0},
        )
        self.assert_error(self.node.post("/v1/collections", {"name": self.collection}), 409, "conflict")
        empty = self.node.query("Is anything there?", collection=self.collection).json
        self.assertEqual((empty["found"], empty["sources"]), (False, []))
        listed = self.node.get("/v1/collections").json["collections"]
        names = [collection["name"] for collection in listed]
        self.assertIn(self.collection, names)
        self.assertEqual(names, sorted(names))
        self.assertEqual(self.node.get(f"/v1/collections/{self.collection}").json, reply.json)
        deleted = self.node.delete(f"/v1/collections/{self.collection}")
        self.assertEqual(deleted.json, {"name": self.collection, "deleted": True})
        self.assert_error(self.node.get(f"/v1/collections/{self.collection}"), 404, "not_found", "collection")

    def test_a_bad_name_is_refused(self):
        for name in ["", ".", ".hidden", "a b", "a/b", "ü", "x" * 129, "a\u0000b", None, 7, ["a"]]:
            self.assert_error(self.node.post("/v1/collections", {"name": name}), 422, "invalid_field", "/name")
        self.assert_error(self.node.get("/v1/documents?collection=a%20b"), 422, "invalid_field", "collection")
        self.assert_error(self.node.query("x", collection="a b"), 422, "invalid_field", "/collection")
        self.assert_error(
            self.node.post("/v1/documents", {"text": "x", "collection": ""}), 422, "invalid_field", "/collection"
        )

    def test_collections_do_not_see_each_other(self):
        self.write({"id": "d", "text": "The heron is grey."})
        other = self.collection + ".other"
        self.node.post("/v1/documents", {"id": "d", "text": "The kingfisher is blue.", "collection": other})
        self.assertEqual([source["text"] for source in self.search("bird", top_k=100)], ["The heron is grey."])
        self.assertEqual(self.node.delete(f"/v1/documents/d?collection={other}").status, 200)
        self.assertEqual(self.node.get(self.path("d")).json["text"], "The heron is grey.")

    def test_a_recreated_collection_serves_nothing_of_the_old_one(self):
        ask = {"query": "What colour is the heron?", "collection": self.collection}
        self.write({"id": "d", "text": "The heron of this harbour is grey."})
        self.assertIn("grey", self.node.post("/v1/query", ask).json["answer"])
        self.assertEqual(self.node.post("/v1/query", ask).json["cache"]["status"], "hit")
        self.node.delete(f"/v1/collections/{self.collection}")
        self.assert_error(self.node.post("/v1/query", ask), 404, "not_found", "collection")
        self.write({"id": "d", "text": "The heron of this harbour is violet."})
        fresh = self.node.post("/v1/query", ask).json
        self.assertEqual(fresh["cache"]["status"], "miss")
        self.assertIn("violet", fresh["answer"])
        self.assertEqual([source["text"] for source in fresh["sources"]], ["The heron of this harbour is violet."])


class Filters(NodeTest):
    """200 documents whose texts are alike, so that only the filter tells them apart."""

    documents = [
        {
            "id": f"d{number:03}",
            "text": f"Entry {number} of the ship's log tells of wind and waves.",
            "metadata": {
                "n": number,
                "half": number / 2,
                "parity": "even" if number % 2 == 0 else "odd",
                "watch": ["first", "middle", "morning"][number % 3],
                **({"rare": True} if number in (13, 77, 150, 151, 199) else {}),
                **({"nothing": None} if number == 42 else {}),
                "odd key ~/'\"": number % 5,
            },
        }
        for number in range(200)
    ]

    def matches(self, filter, top_k=100):
        reply = self.node.post("/v1/search", {"query": "wind and waves in the log", "top_k": top_k, "filter": filter})
        self.assertEqual(reply.status, 200, reply.text)
        ids = [int(source["document_id"][1:]) for source in reply.json["sources"]]
        self.assertEqual(len(ids), len(set(ids)))
        return sorted(ids)

    def metadata(self, key):
        return {number: document["metadata"].get(key) for number, document in enumerate(self.documents)}

    def test_each_comparison(self):
        for filter, expected in [
            ({"type": "eq", "key": "n", "value": 42}, [42]),
            ({"type": "eq", "key": "n", "value": 42.0}, [42]),
            ({"type": "eq", "key": "n", "value": "42"}, []),
            ({"type": "eq", "key": "half", "value": 20.5}, [41]),
            ({"type": "eq", "key": "rare", "value": True}, [13, 77, 150, 151, 199]),
            ({"type": "eq", "key": "absent", "value": 1}, []),
            ({"type": "lt", "key": "n", "value": 3}, [0, 1, 2]),
            ({"type": "lte", "key": "n", "value": 3}, [0, 1, 2, 3]),
            ({"type": "gt", "key": "n", "value": 196}, [197, 198, 199]),
            ({"type": "gte", "key": "n", "value": 196}, [196, 197, 198, 199]),
            ({"type": "gt", "key": "watch", "value": "middlf"}, [n for n in range(200) if n % 3 == 2]),
            ({"type": "lt", "key": "watch", "value": 5}, []),
            ({"type": "in", "key": "n", "value": [5, 190, 7, 1000, "8"]}, [5, 7, 190]),
            ({"type": "in", "key": "n", "value": []}, []),
        ]:
            self.assertEqual(self.matches(filter), expected, filter)

    def test_ne_and_nin_match_documents_without_the_key(self):
        rare = [13, 77, 150, 151, 199]
        for base in [
            {"type": "ne", "key": "rare", "value": True},
            {"type": "nin", "key": "rare", "value": [True, False]},
        ]:
            window = {"type": "gte", "key": "n", "value": 145}
            self.assertEqual(
                self.matches({"type": "and", "filters": [base, window]}),
                [n for n in range(145, 200) if n not in rare],
            )
        self.assertEqual(
            self.matches({"type": "nin", "key": "parity", "value": ["even"]}), [n for n in range(200) if n % 2]
        )

    def test_short_form_and_combinations(self):
        for filter, expected in [
            ({"n": 9}, [9]),
            ({"watch": "first", "parity": "odd", "odd key ~/'\"": 1}, [21, 51, 81, 111, 141, 171]),
            ({"type": "or", "filters": [{"n": 1}, {"type": "gt", "key": "n", "value": 198}]}, [1, 199]),
            ({"type": "and", "filters": [{"rare": True}, {"type": "or", "filters": [
                {"parity": "even"}, {"type": "lt", "key": "n", "value": 20}]}]}, [13, 150]),
            ({"type": "or", "filters": []}, []),
        ]:
            self.assertEqual(self.matches(filter), expected, filter)
        self.assertEqual(len(self.matches({"type": "and", "filters": []})), 100)
        self.assertEqual(len(self.matches({})), 100)

    def test_rare_matches_fill_top_k(self):
        self.assertEqual(self.matches({"rare": True}, top_k=5), [13, 77, 150, 151, 199])
        self.assertEqual(len(self.matches({"rare": True}, top_k=3)), 3)
        self.assertEqual(len(self.matches({"parity": "odd"}, top_k=100)), 100)

    def test_a_filter_is_part_of_what_is_cached(self):
        answers = [
            self.node.query("Which entry tells of wind and waves?", filter={"n": number}, top_k=1).json["sources"]
            for number in (3, 4, 3)
        ]
        self.assertEqual([sources[0]["document_id"] for sources in answers], ["d003", "d004", "d003"])

    def test_a_bad_filter_names_its_place(self):
        deep = {"n": 1}
        for _ in range(40):
            deep = {"type": "and", "filters": [deep]}
        for filter, pointer in [
            ([], "/filter"),
            ("n", "/filter"),
            ({"n": {"gt": 1}}, "/filter/n"),
            ({"type": "like", "key": "n", "value": 1}, "/filter/type"),
            ({"type": "eq", "key": 7, "value": 1}, "/filter/key"),
            ({"type": "eq", "key": "", "value": 1}, "/filter/key"),
            ({"type": "eq", "key": "n"}, "/filter/value"),
            ({"type": "lt", "key": "n", "value": True}, "/filter/value"),
            ({"type": "in", "key": "n", "value": 1}, "/filter/value"),
            ({"type": "in", "key": "n", "value": [1, [2]]}, "/filter/value/1"),
            ({"type": "eq", "key": "n", "value": 1, "vlaue": 2}, "/filter/vlaue"),
            ({"type": "and", "filters": [{"n": 1}, {"type": "or", "filters": 3}]}, "/filter/filters/1/filters"),
            ({"a/b~c": [1]}, "/filter/a~1b~0c"),
        ]:
            reply = self.node.query("x", filter=filter)
            self.assert_error(reply, 422, "invalid_field", pointer)
        reply = self.node.query("x", filter=deep)
        self.assertIn((reply.status, reply.error["code"]), [(422, "invalid_field"), (400, "malformed_request")])


if __name__ == "__main__":
    unittest.main()
