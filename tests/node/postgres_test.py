#!/usr/bin/env python3
"""Nodes that keep nothing: their documents are in PostgreSQL, whichever of them serves a request."""

import concurrent.futures
import json
import os
import queue
import random
import tempfile
import threading
import time
import unittest
from pathlib import Path

from handbook import HANDBOOK
from harness import TemporaryFolderTest, run, wait_until
from postgres_server import PASSWORD, FillableServer, PgBouncer, PostgresServer, make_certificates
from redis_server import RedisServer

QUESTION = "When was the lighthouse built?"
QUICK_BREAKER = ("--set", "store.breaker.recovery_timeout=500ms")


class WithPostgres(TemporaryFolderTest):
    Server = PostgresServer

    @classmethod
    def setUpClass(cls):
        cls.server = cls.Server("max_connections = 50")
        cls.addClassCleanup(cls.server.end)
        cls.databases = 0

    def setUp(self):
        super().setUp()
        type(self).databases += 1
        self.database = f"test{self.databases}"
        self.server.sql(f"CREATE DATABASE {self.database}")

    def environment(self, **more):
        return {"RAGLAN_STORE__URL": self.server.url(self.database, **more)}

    def start_node(self, *options, **keywords):
        data = tempfile.mkdtemp(dir=self.folder)  # nodes may start at once
        node = self.start(*options, data=data, env=self.environment(), **keywords)
        self.addCleanup(lambda: self.assertNotIn(PASSWORD, node.log() if not node.log_file.closed else ""))
        return node


class FullDisk(WithPostgres):
    Server = FillableServer

    def test_a_full_disk_refuses_what_is_written_and_loses_nothing(self):
        node = self.start_node()
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        made = node.post("/v1/sessions", {}).json["id"]
        self.server.set_full(True)
        acknowledged, refused = {}, None
        for number in range(400):
            document = {"id": f"d{number}", "text": f"The ferry to island {number} leaves at noon. " * 200}
            reply = node.post("/v1/documents", document)
            if reply.status != 200:
                refused = reply
                break
            acknowledged[document["id"]] = document["text"]
        self.assertEqual((refused.status, refused.error["code"]), (507, "disk_full"), refused.text)
        batch = {"documents": [{"id": f"more{n}", "text": document["text"] + str(n)} for n in range(3)]}
        statuses = node.post("/v1/documents", batch).json["documents"]
        self.assertEqual([status["error"]["code"] for status in statuses], ["disk_full"] * 3)
        # It goes on reading.
        self.assertEqual(node.get("/ready").status, 200)
        self.assertIn("1847", node.query(QUESTION).json["answer"])
        self.assertEqual(node.get(f"/v1/sessions/{made}").status, 200)
        for id in acknowledged:
            self.assertEqual(node.get(f"/v1/documents/{id}").status, 200)
        self.assertEqual(node.get(f"/v1/documents/{document['id']}").status, 404)
        self.server.set_full(False)
        self.assertEqual(node.post("/v1/documents", document).json["documents"][0]["state"], "indexed")
        self.assertEqual([each["state"] for each in node.post("/v1/documents", batch).json["documents"]], ["indexed"] * 3)
        for id, text in {**acknowledged, document["id"]: document["text"]}.items():
            self.assertEqual(node.get(f"/v1/documents/{id}").json["text"].strip(), text.strip())
        node.stop()


class Nodes(WithPostgres):
    def test_what_one_node_writes_every_node_finds_at_once(self):
        one, two = self.start_node(), self.start_node()
        written = one.post("/v1/documents", {"documents": list(HANDBOOK)})
        self.assertEqual({document["state"] for document in written.json["documents"]}, {"indexed"})
        first = two.query(QUESTION).json
        self.assertIn("1847", first["answer"])
        self.assertEqual(two.query(QUESTION).json["cache"]["status"], "hit")
        identifier = first["sources"][0]["document_id"]
        changed = {"id": identifier, "text": "The lighthouse of Port Ambrose was built in 2024."}
        self.assertEqual(one.post("/v1/documents", changed).json["documents"][0]["state"], "indexed")
        again = two.query(QUESTION).json
        self.assertEqual(again["cache"]["status"], "miss")
        self.assertIn("2024", again["answer"])
        self.assertEqual(one.delete(f"/v1/documents/{identifier}").status, 200)
        self.assertEqual(two.get(f"/v1/documents/{identifier}").status, 404)
        self.assertNotIn(identifier, [source["document_id"] for source in two.query(QUESTION).json["sources"]])
        one.stop()
        two.stop()

    def test_a_node_says_how_its_connections_are(self):
        node = self.start_node()
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        node.query(QUESTION)
        self.assertGreaterEqual(node.metric("raglan_pool_connections", pool="postgres", state="idle"), 1)
        self.assertGreaterEqual(node.metric("raglan_pool_opened_total", pool="postgres"), 1)
        self.assertGreaterEqual(node.metric("raglan_pool_wait_seconds_count", pool="postgres"), 3)
        self.assertGreaterEqual(node.metric("raglan_store_statements_total", kind="write"), 5)
        self.assertEqual(node.metric("raglan_breaker_state", upstream="postgres"), 0)
        self.assertEqual(node.get("/ready").json["checks"]["store"], "ok")
        node.stop()

    def test_a_stale_generation_is_as_old_as_the_operator_allows(self):
        one = self.start_node()
        two = self.start_node("--set", "store.max_staleness=1h")
        one.post("/v1/documents", {"documents": list(HANDBOOK)})
        before = two.query(QUESTION).json["answer"]
        before_reads = two.metric("raglan_store_statements_total", kind="read")
        self.assertEqual(two.query(QUESTION).json["cache"]["status"], "hit")
        self.assertEqual(two.metric("raglan_store_statements_total", kind="read"), before_reads)
        one.post("/v1/documents", {"id": "new", "text": "The lighthouse was built in 2024."})
        self.assertEqual(two.query(QUESTION).json["answer"], before)
        two.post("/v1/documents", {"id": "own", "text": "Something else."})  # its own writes it sees at once
        self.assertEqual(two.query(QUESTION).json["cache"]["status"], "miss")

    def test_with_redis_what_one_node_writes_the_others_know_at_once(self):
        redis = RedisServer()
        self.addCleanup(redis.end)
        options = ("--set", "store.max_staleness=1h", "--set", f"redis.url={redis.url}")
        one, two = self.start_node(*options), self.start_node(*options)
        one.post("/v1/documents", {"documents": list(HANDBOOK)})
        two.query(QUESTION)

        def hits_without_the_database():
            before = two.metric("raglan_store_statements_total", kind="read")
            return (two.query(QUESTION).json["cache"]["status"] == "hit"
                    and two.metric("raglan_store_statements_total", kind="read") == before)

        wait_until(hits_without_the_database, "the generation is known")
        written = one.post("/v1/documents", {"id": "new", "text": "The lighthouse was built in 2024."})
        self.assertEqual(written.status, 200, written.text)
        wait_until(lambda: "2024" in two.query(QUESTION).json["answer"], "the write is known", seconds=5)

        wait_until(hits_without_the_database, "the newer generation is known")
        redis.end()
        wait_until(hits_without_the_database, "it is known again, without hearing of writes")
        one.delete("/v1/documents/new")
        redis.start()
        wait_until(lambda: "2024" not in two.query(QUESTION).json["answer"], "the deletion is known", seconds=20)

    def test_too_many_connections_are_warned_of(self):
        node = self.start_node()  # 20 + 40 of 50, some of which are for superusers
        self.assertIn("is more than the database allows", node.log())
        other = self.start_node("--set", "store.pool.pool_size=2", "--set", "store.pool.max_overflow=2")
        self.assertNotIn("is more than the database allows", other.log())

    def test_api_keys_are_of_all_nodes_and_count_for_nothing_without_the_store(self):
        made = run("keys", "create", "--scopes", "admin", "--data", self.data, env=self.environment())
        self.assertEqual(made.returncode, 0, made.stderr)
        options = ("--set", "auth.mode=api_key", *QUICK_BREAKER)
        one, two = self.start_node(*options), self.start_node(*options)

        def ask(node, key, method, path, body=None):
            return node.request(method, path, body and json.dumps(body).encode(), {"authorization": f"Bearer {key}"})

        admin = made.stdout.strip()
        self.assertEqual(ask(two, admin, "GET", "/admin/keys").status, 200)  # it knows the keys that there are
        key = ask(one, admin, "POST", "/admin/keys", {"tenant": "acme", "scopes": ["read"]}).json
        wait_until(lambda: ask(two, key["key"], "GET", "/v1/collections").status == 200, "it is known", seconds=2)
        self.assertEqual(ask(one, admin, "DELETE", f"/admin/keys/{key['id']}").status, 200)
        wait_until(lambda: ask(two, key["key"], "GET", "/v1/collections").status == 401, "it is revoked", seconds=5)
        self.server.kill()
        try:
            wait_until(lambda: ask(two, admin, "GET", "/metrics").status == 503, "what is known is too old", seconds=8)
            self.assertEqual(two.get("/health").status, 200)
        finally:
            self.server.start()
        wait_until(lambda: ask(two, admin, "GET", "/metrics").status == 200, "it is known again")
        one.stop()
        two.stop()

    def test_both_stores_rank_alike(self):
        labelled = self.folder / "labelled"
        (labelled / "qrels").mkdir(parents=True)
        lines = {"corpus": [{"_id": document["id"], "title": document.get("title", ""), "text": document["text"]}
                            for document in HANDBOOK],
                 "queries": [{"_id": f"q{i}", "text": text} for i, text in enumerate(
                     (QUESTION, "Who keeps the keys?", "How much is the ferry to the island?"))]}
        for name, entries in lines.items():
            (labelled / f"{name}.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        judged = [f"q{i}\t{document['id']}\t1\n" for i, document in zip(range(3), HANDBOOK)]
        (labelled / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(judged))
        reports = []
        for env in ({}, self.environment()):
            measured = run("eval", labelled, "--json", "--data", self.data, env=env, cwd=self.folder)
            self.assertEqual(measured.returncode, 0, measured.stderr)
            report = json.loads(measured.stdout)
            reports.append({side: report[side] for side in ("dense", "bm25", "hybrid")})
        self.assertEqual(*reports)
        self.assertGreater(reports[0]["hybrid"]["mrr"], 0)
        self.assertEqual(self.server.sql("SELECT count(*) FROM raglan.collection", self.database), "0")

    def test_command_line_tools_use_it_too(self):
        folder = self.folder / "pages"
        folder.mkdir()
        (folder / "page.md").write_text("# Harbour\n\nThe harbour master is called Ngaio.")
        env = self.environment()
        ingested = run("ingest", folder, "--collection", "notes", "--data", self.data, env=env)
        self.assertEqual(ingested.returncode, 0, ingested.stderr)
        answer = run("ask", "Who is the harbour master?", "--collection", "notes", "--data", self.data, env=env)
        self.assertIn("Ngaio", answer.stdout, answer.stderr)
        examined = run("doctor", "--data", self.data, env=env)
        self.assertIn("1 collections, 1 documents", examined.stdout)
        shown = run("config", "show", "--data", self.data, env=env)
        self.assertNotIn(PASSWORD, shown.stdout + shown.stderr + examined.stdout)


class Bounced(WithPostgres):
    """PgBouncer hands each transaction to another connection."""

    def test_a_node_behind_pgbouncer_in_transaction_mode(self):
        bouncer = PgBouncer(self.server)
        self.addCleanup(bouncer.end)
        self.environment = lambda: {"RAGLAN_STORE__URL": bouncer.url(self.database)}
        one, two = self.start_node(), self.start_node()
        one.post("/v1/documents", {"documents": list(HANDBOOK)})
        filtered = {"filter": {"type": "ne", "key": "none", "value": 1}}

        def work(i):
            node = one if i % 2 else two
            if i % 5 == 0:
                return node.post("/v1/documents", {"id": f"d{i % 20}", "text": f"Version {i} of a text."}).status
            return node.query(f"{QUESTION} {i}", **(filtered if i % 3 else {})).status

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertEqual(set(pool.map(work, range(200))), {200})
        self.assertEqual(two.get("/v1/collections/default").json["documents"], len(HANDBOOK) + 4)
        one.stop()
        two.stop()


class Tls(WithPostgres):
    """As databases in the cloud have it: TLS, whose certificate is checked, and passwords by SCRAM."""

    def setUp(self):
        super().setUp()
        self.bouncer = PgBouncer(self.server, pool_size=20, tls=True)
        self.addCleanup(self.bouncer.end)

    def environment(self):
        return {"RAGLAN_STORE__URL": self.bouncer.url(self.database)}

    def test_a_node_that_checks_the_servers_certificate(self):
        node = self.start_node()
        written = node.post("/v1/documents", {"documents": list(HANDBOOK)})
        self.assertEqual({document["state"] for document in written.json["documents"]}, {"indexed"})
        large = {"id": "large", "text": "The ferry leaves at noon. " * 40_000}  # many TLS records each way
        self.assertEqual(node.post("/v1/documents", large).json["documents"][0]["state"], "indexed")
        self.assertEqual(node.get("/v1/documents/large").json["text"].strip(), large["text"].strip())
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda i: node.query(f"{QUESTION} {i}").json["answer"], range(64)))
        self.assertTrue(all("1847" in answer for answer in answers))
        self.assertEqual(node.get("/ready").json["checks"]["store"], "ok")
        node.stop()

    def test_a_certificate_that_is_not_the_authoritys_and_a_server_without_tls_are_refused(self):
        other = Path(tempfile.mkdtemp(dir=self.folder))
        make_certificates(other)
        plain = self.server.url(self.database) + "?sslmode=require"
        for url, words in ((self.bouncer.url(self.database, authority=other / "ca.crt"), "certificate"), (plain, "SSL")):
            failed = run("serve", "--data", self.data, "--listen", "127.0.0.1:0", env={"RAGLAN_STORE__URL": url})
            self.assertNotEqual(failed.returncode, 0)
            self.assertIn(words, failed.stderr)
            self.assertNotIn(PASSWORD, failed.stdout + failed.stderr)


class Faults(WithPostgres):
    def refused(self, url, *expected):
        failed = run("serve", "--data", self.data, "--listen", "127.0.0.1:0", env={"RAGLAN_STORE__URL": url})
        self.assertNotEqual(failed.returncode, 0)
        for words in expected:
            self.assertIn(words, failed.stderr)
        self.assertNotIn(PASSWORD, failed.stdout + failed.stderr)

    def test_what_cannot_be_used_is_said_clearly(self):
        self.refused(self.server.url("nowhere"), 'database "nowhere" does not exist')
        self.refused(self.server.url(password="wrong"), "password authentication failed")
        self.refused("postgresql://raglan@127.0.0.1:1/raglan", "Connection refused")
        self.refused("mysql://raglan@127.0.0.1/raglan", "must be sqlite:NAME or postgresql://")
        self.server.sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        self.refused(self.server.url("latin"), "its encoding is LATIN1, not UTF8")
        self.start_node().stop()
        self.server.sql("INSERT INTO raglan.schema_version VALUES (1000)", self.database)
        self.refused(self.server.url(self.database), "written by a newer Raglan")

    def test_a_pgvector_that_is_too_old_is_refused_until_it_is_updated(self):
        self.start_node().stop()

        def pretend(version):
            return self.server.sql(
                f"UPDATE pg_extension AS e SET extversion = '{version}' FROM (SELECT extversion FROM pg_extension"
                " WHERE extname = 'vector') AS old WHERE extname = 'vector' RETURNING old.extversion",
                self.database).splitlines()[0]

        real = pretend("0.7.4")
        self.refused(self.server.url(self.database), "its pgvector is 0.7.4, and 0.8.0 or newer is needed",
                     "ALTER EXTENSION vector UPDATE")
        pretend("0.8.0")
        self.start_node().stop()
        pretend(real)
        self.start_node().stop()

    def test_a_user_without_rights_is_told_what_an_administrator_must_do(self):
        self.server.sql(f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'")
        self.addCleanup(self.server.sql, "DROP ROLE plain")
        url = self.server.url(self.database).replace("raglan:", "plain:")
        self.refused(url, "CREATE EXTENSION vector")

    def test_many_nodes_set_it_up_at_once(self):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            nodes = list(pool.map(lambda _: self.start_node(), range(6)))
        self.assertEqual(self.server.sql("SELECT count(*) FROM raglan.store", self.database), "1")
        for node in nodes:
            self.assertEqual(node.get("/ready").status, 200)

    def test_a_server_that_dies_makes_nodes_unready_until_it_is_back(self):
        node = self.start_node(*QUICK_BREAKER)
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        self.assertEqual(node.query(QUESTION).status, 200)
        self.server.kill()
        try:
            wait_until(lambda: node.get("/ready").status == 503, "the node is not ready")
            self.assertEqual(node.get("/ready").json["checks"]["store"], "failed")
            self.assertEqual(node.get("/health").status, 200)
            lost = node.query("Who keeps the keys of the museum?")
            self.assertEqual((lost.status, lost.error["code"]), (503, "unavailable"))
            refused = node.post("/v1/documents", {"id": "late", "text": "Too late."})
            self.assertEqual(refused.status, 503)
            self.assertNotIn("127.0.0.1", refused.text)  # whom to ask is for the log
        finally:
            self.server.start()
        wait_until(lambda: node.get("/ready").status == 200, "the node is ready again")
        self.assertEqual(node.query(QUESTION).status, 200)
        self.assertEqual(node.get("/v1/documents/late").status, 404)

    def test_a_read_only_server_refuses_writes_and_serves_questions(self):
        node = self.start_node()
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        self.server.sql(f"ALTER DATABASE {self.database} SET default_transaction_read_only = on")
        self.server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.database}'")
        self.assertEqual(node.query(QUESTION).status, 200)
        refused = node.post("/v1/documents", {"id": "late", "text": "Too late."})
        self.assertEqual(refused.status, 503, refused.text)
        self.server.sql(f"ALTER DATABASE {self.database} SET default_transaction_read_only = off")
        self.server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.database}'")

        def written():
            return node.post("/v1/documents", {"id": "late", "text": "In time."}).status == 200

        wait_until(written, "writes are taken again")

    def test_a_server_without_connections_is_waited_for_and_then_overloaded(self):
        node = self.start_node("--set", "store.pool.pool_size=1", "--set", "store.pool.max_overflow=0", "--set",
                               "store.pool.pool_timeout=200ms")
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        self.server.sql("CREATE TABLE held AS SELECT", self.database)
        lock = threading.Thread(target=self.server.sql, args=(
            "BEGIN; LOCK raglan.collection IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT", self.database))
        lock.start()
        wait_until(lambda: self.server.sql(
            "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
            " AND relation = 'raglan.collection'::regclass", self.database) == "1", "the table is locked")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            asked = list(pool.map(lambda i: node.query(f"question {i}?").status, range(4)))
        lock.join()
        self.assertEqual(sorted(set(asked)), [200, 503])
        self.assertEqual(node.query("And now?").status, 200)

    def test_a_character_that_postgresql_cannot_keep_fails_its_document_alone(self):
        node = self.start_node()
        written = node.post("/v1/documents", {"documents": [{"id": "a", "title": "a \0 b", "text": "nul"},
                                                            {"id": "b", "text": "fine"}]}).json["documents"]
        self.assertEqual([document["state"] for document in written], ["failed", "indexed"])
        self.assertIn("U+0000", written[0]["error"]["message"])


class Killed(WithPostgres):
    """Nodes that are killed at random while they are written to and asked."""

    ROUNDS = int(os.environ.get("RAGLAN_KILLS", 5))

    def test_no_acknowledged_document_is_lost_or_doubled(self):
        rng = random.Random(7)
        acknowledged = {}
        survived = []
        survivor = self.start_node()
        survivor.post("/v1/documents", {"id": "first", "text": "Document first, version 0."})
        for round_number in range(self.ROUNDS):
            victim = self.start_node()
            stop = threading.Event()
            answers = queue.SimpleQueue()

            def write(worker):
                for i in range(1_000):
                    if stop.is_set():
                        return
                    identifier = f"r{round_number}-w{worker}-{i % 40}"  # some are written again
                    text = f"Document {identifier}, version {i}."
                    try:
                        reply = victim.post("/v1/documents", {"id": identifier, "text": text})
                    except OSError:
                        return
                    if reply.status == 200:
                        acknowledged[identifier] = text
                    answers.put(reply.status)

            def ask():
                while not stop.is_set():
                    survived.append(survivor.post("/v1/search", {"query": "Document"}).status)
                    try:
                        victim.post("/v1/search", {"query": "Document"})
                    except OSError:
                        return

            threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
            threads.append(threading.Thread(target=ask))
            for thread in threads:
                thread.start()
            for _ in range(rng.randint(10, 200)):
                self.assertEqual(answers.get(timeout=60), 200)
            time.sleep(rng.uniform(0, 0.02))  # the kill falls anywhere within a write
            victim.kill()
            stop.set()
            for thread in threads:
                thread.join()
        self.assertGreater(len(acknowledged), 20)
        self.assertEqual(set(survived), {200})
        listed = []
        after = ""
        while True:
            page = survivor.get(f"/v1/documents?limit=1000&after={after}").json
            listed += [document["id"] for document in page["documents"]]
            after = page["next_after"]
            if after is None:
                break
        self.assertEqual(len(listed), len(set(listed)))
        self.assertEqual(set(acknowledged) - set(listed), set())
        for identifier, text in rng.sample(sorted(acknowledged.items()), 20):
            kept = survivor.get(f"/v1/documents/{identifier}").json["text"]
            version = int(kept.rpartition(" ")[2].rstrip("."))
            self.assertGreaterEqual(version, int(text.rpartition(" ")[2].rstrip(".")))
        counted = self.server.sql(
            "SELECT (SELECT documents FROM raglan.collection), (SELECT count(*) FROM raglan.document),"
            " (SELECT chunks FROM raglan.collection), (SELECT count(*) FROM raglan.chunk)", self.database)
        documents, rows, chunks, chunk_rows = counted.split("|")
        self.assertEqual((documents, chunks), (rows, chunk_rows))
        survivor.stop()


if __name__ == "__main__":
    unittest.main()
