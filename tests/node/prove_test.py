#!/usr/bin/env python3
"""raglan prove: its rows, its reports and its exit codes, on a small corpus."""

import json
import re
import unittest

from handbook import HANDBOOK
from harness import TemporaryFolderTest, run

FAST = ("cache.query.latency", "coalescing.one_node")


class Prove(TemporaryFolderTest):
    def prove(self, *options):
        return run("prove", "--data", self.data, "--quick", *options, cwd=self.folder, timeout=300)

    def fill(self):
        node = self.start()
        self.assertEqual(node.post("/v1/documents", {"documents": list(HANDBOOK)}).status, 200)
        node.stop()

    def test_two_rows_as_json_and_as_a_page(self):
        self.fill()
        page = self.folder / "report.html"
        only = [word for row in FAST for word in ("--only", row)]
        done = self.prove("--json", "--html", page, *only)
        report = json.loads(done.stdout)
        self.assertEqual([row["id"] for row in report["rows"]], list(FAST))
        self.assertGreaterEqual(report["machine"]["cores"], 1)
        for row in report["rows"]:
            self.assertLessEqual({"id", "claim", "promise", "off", "on", "ratio", "result"}, set(row))
            self.assertEqual(set(row["promise"]), {"min", "max", "unit"})
            self.assertIn(row["result"], ("pass", "fail"), row)
            self.assertGreater(row["off"], row["on"], row)
            self.assertGreater(row["ratio"], 1, row)
        failed = any(row["result"] == "fail" for row in report["rows"])
        self.assertEqual(done.returncode, 2 if failed else 0, done.stderr)
        self.assertEqual(report["rows"][1]["result"], "pass", report["rows"][1])  # counts, not times
        text = page.read_text()
        self.assertTrue(text.startswith("<!doctype html>"))
        for row in FAST:
            self.assertIn(f'id="{row}"', text)
        self.assertIsNone(re.search(r"(src|href)=\"[^#]", text), "it needs no other file")

    def test_a_row_that_cannot_be_measured_says_why(self):
        self.fill()
        done = self.prove("--json", "--only", "cache.query.zipf")
        self.assertEqual(done.returncode, 0, done.stderr)
        (row,) = json.loads(done.stdout)["rows"]
        self.assertEqual(row["result"], "not_measurable")
        self.assertIn("distinct questions", row["reason"])
        self.assertIsNone(row["off"])
        done = self.prove("--only", "cache.query.zipf")
        self.assertIn("not measurable", done.stdout)

    def test_the_documents_are_left_as_they_are(self):
        self.fill()
        before = sorted(path.name for path in self.data.rglob("*"))
        store = (self.data / "raglan.db").read_bytes()
        self.assertEqual(self.prove("--json", "--only", "cache.retrieval.searches").returncode, 0)
        self.assertEqual((self.data / "raglan.db").read_bytes(), store)
        self.assertLessEqual({name for name in before}, {path.name for path in self.data.rglob("*")})

    def test_the_list_of_rows(self):
        done = run("prove", "--list", cwd=self.folder)
        self.assertEqual(done.returncode, 0)
        rows = [line.split()[0] for line in done.stdout.splitlines()]
        self.assertLessEqual(set(FAST), set(rows))
        self.assertEqual(len(rows), len(set(rows)))
        done = run("prove", "--list", "--json", cwd=self.folder)
        self.assertEqual([row["id"] for row in json.loads(done.stdout)["rows"]], rows)

    def test_without_documents_it_says_what_to_do(self):
        for fill in (lambda: None, lambda: self.start().stop()):
            fill()
            done = self.prove("--only", FAST[0])
            self.assertEqual(done.returncode, 1)
            self.assertIn("raglan ingest FOLDER first", done.stderr)
            self.assertEqual(done.stdout, "")

    def test_an_unknown_row_is_wrong_usage(self):
        done = self.prove("--only", "cache.everything")
        self.assertEqual(done.returncode, 64)
        self.assertIn("there is no row cache.everything", done.stderr)


if __name__ == "__main__":
    unittest.main()
