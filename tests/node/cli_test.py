#!/usr/bin/env python3
"""The commands: ingest, ask, doctor, config, version; exit codes, settings, signals."""

import contextlib
import http.server
import json
import signal
import socket
import sqlite3
import threading
import time
import unittest

from handbook import long_text
from harness import ROOT, NodeTest, TemporaryFolderTest, run, wait_until

FILES = {
    "guide.html": "<html><head><title>Harbour guide</title></head><body><h1>Harbour guide</h1>"
    "<h2>Fees</h2><p>Mooring for one night costs seventeen crowns.</p>"
    "<h2>Water</h2><p>Fresh water is pumped at the east quay.</p></body></html>",
    "rules/knots.md": "# Knots\n\nThe bowline makes a loop that does not slip.\n\n"
    "## Hitches\n\nThe clove hitch ties a rope to a post.\n",
    "notes.txt": "The ice house keeps fish fresh for nine days.\n",
}
QUESTION = "How much does mooring cost for one night?"


def write_files(folder, files=None):
    for name, text in (FILES if files is None else files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def refuses_connections(node):
    try:
        node.connect().close()
    except ConnectionRefusedError:
        return True
    return False


class IngestChecks:
    """What `raglan ingest` and `raglan ask` do, with --data and with --url alike. `self.target` is
    which of them."""

    def ingest(self, *arguments, expect=0):
        done = run("ingest", *arguments, *self.target, "--json", cwd=self.folder)
        self.assertEqual(done.returncode, expect, done.stderr)
        return json.loads(done.stdout)

    def ask(self, question, *arguments):
        done = run("ask", question, *self.target, "--json", *arguments, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def counts(self, report):
        return {name: report[name] for name in ("indexed", "unchanged", "removed", "failed", "skipped")}

    def check_sync(self):
        docs = self.folder / "docs"
        write_files(docs)
        zero = {"indexed": 0, "unchanged": 0, "removed": 0, "failed": 0, "skipped": 0}
        dry = self.ingest(docs, "--dry-run")
        self.assertEqual(self.counts(dry), {**zero, "indexed": 3})
        first = self.ingest(docs)
        self.assertEqual(self.counts(first), {**zero, "indexed": 3})
        self.assertGreaterEqual(first["chunks"], 3)
        answer = self.ask(QUESTION)
        self.assertIn("seventeen crowns", answer["answer"])
        self.assertEqual(answer["sources"][0]["title"], "Harbour guide")
        self.assertTrue(answer["sources"][0]["uri"].endswith("docs/guide.html"), answer["sources"][0]["uri"])
        self.assertEqual(self.counts(self.ingest(docs)), {**zero, "unchanged": 3})
        write_files(docs, {"guide.html": FILES["guide.html"].replace("seventeen", "nineteen"),
                           "new.txt": "The chandler sells tar."})
        (docs / "notes.txt").unlink()
        dry = self.ingest(docs, "--dry-run")
        self.assertEqual(self.counts(dry), {**zero, "indexed": 2, "unchanged": 1, "removed": 1})
        self.assertIn("seventeen crowns", self.ask(QUESTION)["answer"])
        third = self.ingest(docs)
        self.assertEqual(self.counts(third), {**zero, "indexed": 2, "unchanged": 1, "removed": 1})
        answer = self.ask(QUESTION)["answer"]
        self.assertIn("nineteen crowns", answer)
        self.assertNotIn("seventeen", answer)
        texts = " ".join(s["text"] for s in self.ask("How long does the ice house keep fish?", "--top-k", "100")["sources"])
        self.assertNotIn("ice house", texts)


class InProcess(TemporaryFolderTest, IngestChecks):
    def setUp(self):
        super().setUp()
        self.target = ["--data", self.data]

    def test_a_folder_is_brought_up_to_date(self):
        self.check_sync()

    def test_files_that_are_no_text_fail_or_are_skipped_alone(self):
        docs = self.folder / "docs"
        # A file in another encoding is text all the same, when it says so.
        latin = "<html><head><meta charset=windows-1252><title>Caf\u00e9</title></head><p>A \u201ccaf\u00e9\u201d.</p>"
        write_files(docs, {"cafe.html": latin.encode("windows-1252"), "good.txt": "Good words.", "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(64),
                           "bad.txt": b"bad \xff\xfe bytes", "empty.txt": b"", ".hidden.txt": "Hidden."})
        (docs / "loop").symlink_to(docs)
        report = self.ingest(docs, expect=1)
        self.assertEqual((report["indexed"], report["skipped"], report["failed"]), (2, 1, 2))
        failed = [failure["id"].rpartition("/")[2] for failure in report["failures"]]
        self.assertEqual(sorted(failed), ["bad.txt", "empty.txt"])
        source = self.ask("caf\u00e9", "--top-k", "1")["sources"][0]
        self.assertEqual((source["title"], source["text"]), ("Caf\u00e9", "A \u201ccaf\u00e9\u201d."))
        self.assertEqual(self.ingest(docs, expect=1)["unchanged"], 2)

    def test_a_path_that_is_not_there_fails(self):
        done = run("ingest", self.folder / "nowhere", *self.target)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nowhere", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_text_output_cites_and_times(self):
        write_files(self.folder / "docs")
        done = run("ingest", self.folder / "docs", *self.target)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("3", done.stdout + done.stderr)
        done = run("ask", QUESTION, *self.target, "--again")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Mooring for one night costs seventeen crowns. [1]", " ".join(done.stdout.split()))
        self.assertRegex(done.stdout, r"(?m)^\[1\] .*Harbour guide")
        self.assertRegex(done.stdout, r"/guide\.html bytes \d+-\d+, score")
        self.assertRegex(done.stdout, r"embed \d+\.\d\d ms")
        self.assertRegex(done.stdout, r"again: \d+\.\d+ ms from the query cache")
        self.assertNotIn("\033", done.stdout)

    def test_ask_in_an_empty_folder_says_so(self):
        done = run("ask", "anything?", *self.target)
        self.assertEqual(done.returncode, 1)
        self.assertIn("there are no documents", done.stderr)
        self.assertFalse(self.data.exists(), "a question makes no store")

    def test_doctor_looks_at_everything(self):
        done = run("doctor", *self.target, "--json", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        self.assertTrue(report["healthy"])
        subjects = [finding["subject"] for finding in report["findings"]]
        self.assertEqual(subjects, ["machine", "model", "data", "store", "listen"])
        done = run("doctor", *self.target, "--set", "embedding.model=nothing", cwd=self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"(?m)^failed +model ")

    def test_doctor_names_a_collection_of_another_model(self):
        write_files(self.folder / "docs")
        self.ingest("docs")
        self.assertEqual(run("doctor", *self.target, "--json", cwd=self.folder).returncode, 0)
        with contextlib.closing(sqlite3.connect(self.data / "raglan.db")) as database, database:
            database.execute("UPDATE collections SET embedder_id = 'another:model'")
        done = run("doctor", *self.target, cwd=self.folder)
        self.assertEqual(done.returncode, 0, "questions by words alone are answered")
        self.assertRegex(done.stdout, r'(?m)^warning +store +collection "default" was embedded with another:model')


class OverHttp(NodeTest, IngestChecks):
    def setUp(self):
        self.target = ["--url", self.node.url]

    def test_a_folder_is_brought_up_to_date(self):
        self.check_sync()

    def test_ask_passes_every_option_on(self):
        self.node.post("/v1/documents", {"documents": [
            {"id": "red", "text": "The red buoy marks the channel.", "metadata": {"colour": "red"}},
            {"id": "green", "text": "The green buoy marks the channel.", "metadata": {"colour": "green"}}],
            "collection": "buoys"})
        reply = self.ask("Which buoy marks the channel?", "--collection", "buoys", "--filter", '{"colour":"green"}',
                         "--top-k", "1", "--mode", "retrieve")
        self.assertIsNone(reply["answer"])
        self.assertEqual([source["document_id"] for source in reply["sources"]], ["green"])
        twice = self.ask("Which buoy marks the channel?", "--collection", "buoys", "--again")
        self.assertEqual([reply["cache"]["status"] for reply in twice], ["miss", "hit"])

    def test_errors_of_the_node_are_errors_of_the_command(self):
        done = run("ask", "x", *self.target, "--collection", "nowhere", "--json")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, "^raglan ask: ")
        done = run("ask", "x", *self.target, "--filter", '{"a":[1]}')
        self.assertEqual(done.returncode, 1)
        self.assertIn("/filter/a", done.stderr)

    def test_the_token_is_sent_as_a_bearer_and_never_shown(self):
        seen = []

        class Recorder(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                seen.append(self.headers["authorization"])
                body = b'{"error":{"message":"no","type":"authentication_error","code":"unauthenticated","param":null}}'
                self.send_response(401)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Recorder)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            done = run("ask", "x", "--url", f"http://127.0.0.1:{server.server_port}", "--token", "secrettoken")
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
        self.assertEqual(done.returncode, 1)
        self.assertEqual(seen, ["Bearer secrettoken"])
        self.assertNotIn("secrettoken", done.stdout + done.stderr)

    def test_a_node_that_is_not_there_is_said_so(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        for command in [("ask", "x"), ("ingest", str(ROOT / "LICENSE"))]:
            done = run(*command, "--url", f"http://127.0.0.1:{port}")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(f"127.0.0.1:{port}", done.stderr)
            self.assertEqual(done.stdout, "")


class Settings(TemporaryFolderTest):
    def show(self, *arguments, env=None):
        done = run("config", "show", *arguments, env=env, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def check(self, *arguments, env=None):
        return run("config", "check", *arguments, env=env, cwd=self.folder)

    def test_flag_over_environment_over_file_over_default(self):
        file = self.folder / "raglan.toml"
        self.assertRegex(self.show(), r"(?m)^top_k = 5 +# default")
        file.write_text("[retrieval]\ntop_k = 6\n")
        self.assertRegex(self.show(), r"(?m)^top_k = 6 .*raglan\.toml:2")
        other = self.folder / "other.toml"
        other.write_text("[retrieval]\ntop_k = 7\n")
        self.assertRegex(self.show("--config", other), r"(?m)^top_k = 7 .*other\.toml:2")
        env = {"RAGLAN_RETRIEVAL__TOP_K": "8"}
        self.assertRegex(self.show(env=env), r"(?m)^top_k = 8 .*RAGLAN_RETRIEVAL__TOP_K")
        self.assertRegex(self.show("--set", "retrieval.top_k=9", env=env), r"(?m)^top_k = 9 .*--set")

    def test_what_show_prints_is_a_valid_configuration(self):
        copy = self.folder / "copy.toml"
        copy.write_text(self.show("--set", "cache.query.ttl=90m"))
        done = self.check("--config", copy)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("valid", done.stdout)

    def test_every_problem_is_reported_at_once_with_its_place(self):
        file = self.folder / "raglan.toml"
        file.write_text('[server]\nlistn = "127.0.0.1:1"\nrequest_timeout = 30\n\n[retreival]\ntop_k = 5\n\n'
                        '[cache.query]\nttl = "soon"\nenabled = "perhaps"\n')
        done = self.check("--set", "retrieval.top_k=1000", env={"RAGLAN_STORE__READERZ": "3"})
        self.assertEqual((done.returncode, done.stdout), (64, ""))
        for place in ["raglan.toml:2", "raglan.toml:3", "raglan.toml:5", "raglan.toml:9", "raglan.toml:10",
                      "RAGLAN_STORE__READERZ", "--set"]:
            self.assertIn(place, done.stderr)
        self.assertRegex(done.stderr, r"did you mean .?server\.listen|did you mean .?listen")
        self.assertRegex(done.stderr, r"did you mean .?retrieval")
        self.assertRegex(done.stderr, r"did you mean RAGLAN_STORE__READERS")

    def test_a_bad_configuration_stops_every_command_with_64(self):
        (self.folder / "raglan.toml").write_text("[server]\nlistn = 1\n")
        for command in [("serve",), ("doctor",), ("config", "show"), ("ask", "x")]:
            done = run(*command, cwd=self.folder)
            self.assertEqual(done.returncode, 64, (command, done.stderr))
            self.assertIn("did you mean", done.stderr)
            self.assertEqual(done.stdout, "")

    def test_a_broken_file_is_said_so_with_its_line(self):
        (self.folder / "raglan.toml").write_text("[server]\nlisten = \"\n")
        done = self.check()
        self.assertEqual(done.returncode, 64)
        self.assertIn("raglan.toml:2", done.stderr)
        done = self.check("--config", self.folder / "missing.toml")
        self.assertEqual(done.returncode, 64)
        self.assertIn("missing.toml", done.stderr)

    def test_the_environment_reaches_a_node(self):
        node = self.start(env={"RAGLAN_RETRIEVAL__TOP_K": "2"})
        node.post("/v1/documents", {"documents": [{"text": f"Entry {n} of the log."} for n in range(4)]})
        self.assertEqual(len(node.query("log entry").json["sources"]), 2)
        node.stop()

    def test_the_reference_of_settings_is_up_to_date(self):
        done = run("config", "describe", cwd=self.folder)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout, (ROOT / "docs" / "config.md").read_text(),
                         "run: build/raglan config describe > docs/config.md")


class Usage(TemporaryFolderTest):
    def test_wrong_usage_is_64_and_says_why(self):
        for arguments in [(), ("nonsense",), ("serve", "--nonsense"), ("ask",), ("ask", "x", "--top-k", "0"),
                          ("ask", "x", "--top-k", "many"), ("ask", "x", "--mode", "guess"),
                          ("ask", "x", "--filter", "{broken"), ("ingest",), ("config",), ("eval",), ("serve", "extra"),
                          ("serve", "--listen", "nowhere"), ("serve", "--listen", "127.0.0.1:99999"),
                          ("serve", "--set", "nonsense"), ("serve", "--set", "server.nonsense=1")]:
            done = run(*arguments, cwd=self.folder)
            self.assertEqual(done.returncode, 64, (arguments, done.stderr))
            self.assertNotEqual(done.stderr, "", arguments)
            self.assertEqual(done.stdout, "", arguments)

    def test_help_is_0_and_on_stdout(self):
        for arguments in [("--help",), ("serve", "--help"), ("ingest", "--help"), ("config", "show", "--help")]:
            done = run(*arguments, cwd=self.folder)
            self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
            self.assertIn("--help", done.stdout)

    def test_version_names_the_parts(self):
        done = run("version", "--json")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(set(json.loads(done.stdout)), {"version", "compiler", "openvino", "sqlite"})
        self.assertRegex(run("version").stdout, r"^raglan \d+\.\d+\.\d+\n")

    def test_listening_beyond_loopback_is_refused(self):
        for address in ("0.0.0.0:0", "[::]:0"):
            done = run("serve", "--data", self.data, "--listen", address, cwd=self.folder)
            self.assertEqual(done.returncode, 64, done.stderr)
            self.assertIn(address, done.stderr)
            self.assertEqual(done.stdout, "")
        self.assertFalse(self.data.exists())

    def test_a_port_in_use_is_a_clear_error(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            done = run("serve", "--data", self.data, "--listen", address, cwd=self.folder)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(address, done.stderr)
        self.assertIn("in use", done.stderr)

    def test_two_nodes_never_share_a_port(self):
        node = self.start()
        done = run("serve", "--data", self.folder / "other", "--listen", f"127.0.0.1:{node.port}", cwd=self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("in use", done.stderr)
        node.stop()

    def test_a_data_folder_that_cannot_be_is_an_error(self):
        (self.folder / "file").write_text("no folder")
        done = run("serve", "--data", self.folder / "file", "--listen", "127.0.0.1:0", cwd=self.folder)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, "(?m)^raglan serve: ")

    def test_a_model_that_is_not_there_is_named(self):
        done = run("serve", "--data", self.data, "--listen", "127.0.0.1:0", "--set", "embedding.model=bert-nonsense",
                   cwd=self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("bert-nonsense", done.stderr)


class Signals(TemporaryFolderTest):
    def begin_slow_write(self, node, text):
        replies = []
        thread = threading.Thread(
            target=lambda: replies.append(node.post("/v1/documents", {"id": "slow", "text": text})))
        thread.start()

        def under_way():
            for line in node.get("/metrics").text.splitlines():
                if line.startswith("raglan_embedding_calls_total "):
                    return float(line.split()[1]) > 0
            return False

        wait_until(under_way, "the write is under way")
        return thread, replies

    def test_sigterm_answers_what_is_in_flight_and_takes_no_more(self):
        for stop in (signal.SIGTERM, signal.SIGINT):
            node = self.start(data=self.folder / stop.name)
            idle = node.connect()
            idle.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            self.assertIn(b"200", idle.recv(4096))
            thread, replies = self.begin_slow_write(node, long_text("drain", 60))
            node.terminate(stop)
            self.assertEqual(idle.recv(4096), b"")  # an idle connection is closed
            idle.close()
            wait_until(lambda: refuses_connections(node), "no more connections are taken")
            self.assertTrue(thread.is_alive(), "the write was meant to outlast the beginning of the drain")
            thread.join()
            self.assertEqual(replies[0].json["documents"][0]["state"], "indexed")
            self.assertEqual(replies[0].headers["connection"], "close")
            node.stop()

    def test_the_drain_timeout_bounds_the_wait(self):
        node = self.start("--set", "server.drain_timeout=200ms")
        body = json.dumps({"id": "slow", "text": long_text("endless", 400)}).encode()
        connection = node.connect()
        connection.sendall(b"POST /v1/documents HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        wait_until(lambda: 'raglan_embedding_calls_total 0' not in node.get("/metrics").text, "the write is under way")
        started = time.monotonic()
        node.terminate()
        self.assertEqual(node.wait_end(), 0)
        self.assertLess(time.monotonic() - started, 15)
        connection.close()

    def test_a_second_signal_ends_it_at_once(self):
        node = self.start()
        thread = threading.Thread(target=self.lose, args=(node,))
        thread.start()
        wait_until(lambda: 'raglan_embedding_calls_total 0' not in node.get("/metrics").text, "the write is under way")
        node.terminate()
        wait_until(lambda: "draining" in node.log(), "the drain begins")
        node.terminate()
        self.assertEqual(node.wait_end(), -signal.SIGTERM)
        thread.join()
        again = self.start()
        self.assertEqual(again.get("/v1/documents/slow?collection=default").status, 404)
        again.stop()

    def lose(self, node):
        try:
            node.post("/v1/documents", {"id": "slow", "text": long_text("second", 300)})
        except Exception:  # the connection goes with the node
            pass


if __name__ == "__main__":
    unittest.main()
