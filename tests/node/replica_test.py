#!/usr/bin/env python3
"""Nodes that read on streaming standbys of their PostgreSQL: never less than was written before."""

import concurrent.futures
import json
import tempfile
import threading
import unittest

from handbook import HANDBOOK
from harness import TemporaryFolderTest, run, wait_until
from postgres_server import PASSWORD, PostgresServer, Standby

QUESTION = "When was the lighthouse built?"
QUICK_BREAKER = ("--set", "store.breaker.recovery_timeout=500ms")
NOWHERE = f"postgresql://raglan:{PASSWORD}@127.0.0.1:1/raglan"


class WithReplicas(TemporaryFolderTest):
    @classmethod
    def setUpClass(cls):
        cls.primary = PostgresServer("max_wal_senders = 10")
        cls.addClassCleanup(cls.primary.end)
        cls.standbys = []
        for _ in range(2):
            cls.standbys.append(Standby(cls.primary, "max_standby_streaming_delay = 0"))
            cls.addClassCleanup(cls.standbys[-1].end)
        cls.databases = 0

    def setUp(self):
        super().setUp()
        type(self).databases += 1
        self.database = f"test{self.databases}"
        self.primary.sql(f"CREATE DATABASE {self.database}")
        for standby in self.standbys:
            wait_until(lambda: self.database in standby.sql("SELECT datname FROM pg_database"), "it is replicated")

    def environment(self, *replicas):
        urls = replicas or [standby.url(self.database) for standby in self.standbys]
        return {"RAGLAN_STORE__URL": self.primary.url(self.database), "RAGLAN_STORE__REPLICAS": " ".join(urls)}

    def start_node(self, *options, replicas=()):
        data = tempfile.mkdtemp(dir=self.folder)
        node = self.start(*options, data=data, env=self.environment(*replicas))
        self.addCleanup(lambda: self.assertNotIn(PASSWORD, node.log() if not node.log_file.closed else ""))
        if not replicas:
            self.wait_for_rotation(node, 1, 1)
        return node

    def in_rotation(self, node):
        return [node.metric("raglan_replica_in_rotation", replica=i + 1) for i in range(2)]

    def wait_for_rotation(self, node, *expected):
        wait_until(lambda: self.in_rotation(node) == list(expected), f"in rotation: {expected}")

    @staticmethod
    def served(node):
        return [node.metric("raglan_replica_reads_total", replica=i + 1) for i in range(2)]

    @staticmethod
    def repeated(node, reason):
        return sum(node.metric("raglan_replica_repeated_total", replica=i + 1, reason=reason) for i in range(2))

    @staticmethod
    def search(node, text):
        reply = node.post("/v1/search", {"query": text})
        if reply.status != 200:
            raise AssertionError(reply.text)
        return [result["text"] for result in reply.json["sources"]]


class Fresh(WithReplicas):
    def test_every_node_reads_what_any_has_written_while_replay_stands_still_now_and_then(self):
        writer, reader = self.start_node(), self.start_node()
        for i in range(200):
            if i % 40 == 10:
                self.standbys[0].pause()
            if i % 40 == 20:
                self.standbys[1].pause()
            if i % 40 == 30:
                for standby in self.standbys:
                    standby.resume()
            text = f"The ferry costs {i} dollars."
            written = writer.post("/v1/documents", {"id": "ferry", "text": text})
            self.assertEqual(written.json["documents"][0]["state"], "indexed")
            for node in (writer, reader):
                self.assertEqual(node.get("/v1/documents/ferry").json["text"], text)
                self.assertEqual(self.search(node, "What does the ferry cost?"), [text])
                self.assertIn(str(i), node.query("What does the ferry cost?").json["answer"])
            if i % 3 == 0:
                self.assertEqual(writer.delete("/v1/documents/ferry").status, 200)
                for node in (reader, writer):
                    self.assertEqual(node.get("/v1/documents/ferry").status, 404)
                    self.assertEqual(self.search(node, "What does the ferry cost?"), [])
                    self.assertEqual(node.get("/v1/documents").json["documents"], [])
        for node in (writer, reader):
            self.assertGreater(self.repeated(node, "behind"), 20)
            for reason in ("unreachable", "no_place", "slow", "foreign", "refused"):
                self.assertEqual(self.repeated(node, reason), 0, reason)
            node.stop()

    def test_reads_are_spread_over_the_replicas(self):
        node = self.start_node()
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        for standby in self.standbys:
            wait_until(lambda: standby.sql("SELECT count(*) FROM raglan.document", self.database) ==
                       str(len(HANDBOOK)), "it is replicated")
        before = self.repeated(node, "behind")
        asked = 0
        while asked == 0 or (min(self.served(node)) <= 20 and asked < 2_000):  # one may be slow for a moment
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                statuses = list(pool.map(lambda i: node.query(f"{QUESTION} {i}").status, range(asked, asked + 200)))
            self.assertEqual(set(statuses), {200})
            asked += 200
        first, second = self.served(node)
        self.assertEqual(self.repeated(node, "behind"), before)
        self.assertGreaterEqual(first + second, asked)
        self.assertGreater(min(first, second), 20)
        names = [breaker["upstream"] for breaker in node.get("/admin/breakers").json["breakers"]]
        self.assertEqual([name for name in names if name.startswith("postgres")],
                         ["postgres", "postgres replica 1", "postgres replica 2"])
        pool = {"pool": "postgres replica 1"}
        self.assertGreaterEqual(node.metric("raglan_pool_connections", **pool, state="idle"), 1)
        self.assertGreaterEqual(node.metric("raglan_pool_opened_total", **pool), 1)
        self.assertEqual(node.get("/ready").json["checks"]["replicas"], "ok")
        node.stop()


class Faults(WithReplicas):
    def test_one_that_lags_leaves_the_rotation_and_returns(self):
        node = self.start_node("--set", "store.max_replica_lag=1s")
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        self.standbys[0].pause()
        node.post("/v1/documents", {"id": "new", "text": "The lighthouse was painted in 2024."})
        self.wait_for_rotation(node, 0, 1)
        self.assertGreater(node.metric("raglan_replica_lag_seconds", replica=1), 1)
        wait_until(lambda: node.get("/ready").json["checks"]["replicas"] == "degraded", "it is said")
        self.assertEqual(node.get("/ready").status, 200)
        before = self.served(node)
        for i in range(20):
            self.assertEqual(node.query(f"{QUESTION} {i}").status, 200)
        self.assertEqual(self.served(node)[0], before[0])
        self.assertGreater(self.served(node)[1], before[1])
        self.standbys[0].resume()
        self.wait_for_rotation(node, 1, 1)
        self.assertEqual(node.log().count("a read replica is not in rotation"), 1)
        node.stop()

    def test_one_that_is_killed_costs_no_request_and_returns(self):
        node = self.start_node(*QUICK_BREAKER)
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        stop = threading.Event()
        statuses = []

        def ask(worker):
            i = 0
            while not stop.is_set():
                i += 1
                statuses.append(node.query(f"{QUESTION} {worker} {i}").status)
                statuses.append(node.get(f"/v1/documents/{HANDBOOK[0]['id']}").status)

        workers = [threading.Thread(target=ask, args=(worker,)) for worker in range(4)]
        for worker in workers:
            worker.start()
        try:
            wait_until(lambda: min(self.served(node)) > 20, "both serve")
            for standby, expected in zip(self.standbys, ((0, 1), (1, 0))):
                standby.kill()
                self.wait_for_rotation(node, *expected)
                standby.start()
                self.wait_for_rotation(node, 1, 1)
            for standby in self.standbys:
                standby.kill()
            self.wait_for_rotation(node, 0, 0)
            asked = len(statuses)
            wait_until(lambda: len(statuses) > asked + 20, "the primary answers")
            for standby in self.standbys:
                standby.start()
            self.wait_for_rotation(node, 1, 1)
            before = self.served(node)
            wait_until(lambda: min(now - then for now, then in zip(self.served(node), before)) > 10, "both serve again")
        finally:
            stop.set()
            for worker in workers:
                worker.join()
        self.assertEqual(set(statuses), {200})
        node.stop()

    def test_a_conflict_with_what_is_replayed_costs_no_request(self):
        node = self.start_node()
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        self.primary.sql("CREATE TABLE other AS SELECT generate_series(1, 100) AS n", self.database)
        stop = threading.Event()
        statuses = []

        def ask(worker):
            i = 0
            while not stop.is_set():
                i += 1
                statuses.append(node.post("/v1/search", {"query": [f"{QUESTION} {worker} {i} {j}" for j in range(8)]}).status)

        workers = [threading.Thread(target=ask, args=(worker,)) for worker in range(4)]
        for worker in workers:
            worker.start()

        def conflict():
            # Many at a time: a conflict needs a read that is under way when the cleaning is replayed.
            self.primary.sql_each(20 * ["UPDATE other SET n = n + 1", "VACUUM other"], self.database)
            return self.repeated(node, "conflict") > 2

        try:
            wait_until(conflict, "conflicts")
        finally:
            stop.set()
            for worker in workers:
                worker.join()
        self.assertEqual(set(statuses), {200})
        self.assertEqual(node.metric("raglan_breaker_state", upstream="postgres replica 1"), 0)
        node.stop()

    def test_nothing_depends_on_replicas_that_are_not_there(self):
        node = self.start_node(replicas=(NOWHERE, self.standbys[1].url(self.database)))
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        self.assertIn("1847", node.query(QUESTION).json["answer"])
        self.wait_for_rotation(node, 0, 1)
        self.assertEqual(node.metric("raglan_replica_lag_seconds", replica=1), -1)
        self.assertIn("state=unreachable", node.log())
        node.stop()

    def test_what_is_no_replica_is_said_and_not_read(self):
        node = self.start_node(replicas=(self.primary.url(self.database), self.standbys[1].url()))
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        wait_until(lambda: "state=promoted" in node.log() and "state=stranger" in node.log(), "it is said")
        self.assertIn("1847", node.query(QUESTION).json["answer"])
        self.assertEqual(self.served(node), [0, 0])
        node.stop()

    def test_without_the_primary_nothing_is_read(self):
        node = self.start_node(*QUICK_BREAKER)
        node.post("/v1/documents", {"documents": list(HANDBOOK)})
        self.primary.kill()
        try:
            wait_until(lambda: node.get("/ready").status == 503, "the node is not ready")
            self.assertEqual(node.query("Who keeps the keys?").status, 503)
            self.assertEqual(node.get(f"/v1/documents/{HANDBOOK[0]['id']}").status, 503)
        finally:
            self.primary.start()
        wait_until(lambda: node.query(QUESTION).status == 200, "it is read again")
        self.wait_for_rotation(node, 1, 1)
        node.stop()


class Settings(WithReplicas):
    def test_doctor_looks_at_each_replica(self):
        self.start_node().stop()
        env = self.environment(self.standbys[0].url(self.database), NOWHERE, self.primary.url(self.database))
        examined = run("doctor", "--json", "--data", self.data, env=env)
        found = {finding["subject"]: finding for finding in json.loads(examined.stdout)["findings"]}
        self.assertEqual([found[f"replica {i}"]["health"] for i in (1, 2, 3)], ["ok", "warning", "warning"])
        self.assertIn("serving, 0.0 s behind", found["replica 1"]["text"])
        self.assertIn("unreachable: no connection to PostgreSQL", found["replica 2"]["text"])
        self.assertIn("promoted", found["replica 3"]["text"])
        self.assertNotIn(PASSWORD, examined.stdout + examined.stderr)
        shown = run("config", "show", "--data", self.data, env=env)
        self.assertIn('replicas = ["(redacted)", "(redacted)", "(redacted)"]', shown.stdout)
        self.assertNotIn(PASSWORD, shown.stdout + shown.stderr)

    def test_a_file_may_hold_them(self):
        listed = self.folder / "replicas"
        listed.write_text("".join(standby.url(self.database) + "\n" for standby in self.standbys))
        self.environment = lambda: {"RAGLAN_STORE__URL": self.primary.url(self.database),
                                    "RAGLAN_STORE__REPLICAS_FILE": str(listed)}
        self.start_node().stop()

    def test_what_cannot_be_is_refused(self):
        def refused(expected, **env):
            failed = run("serve", "--data", self.data, "--listen", "127.0.0.1:0",
                         env={"RAGLAN_" + name: value for name, value in env.items()})
            self.assertEqual(failed.returncode, 64)
            self.assertIn(expected, failed.stderr)
            self.assertNotIn(PASSWORD, failed.stderr)

        refused("store.url names none", STORE__REPLICAS=NOWHERE)
        refused("must be at most 16 of postgresql://", STORE__URL=NOWHERE, STORE__REPLICAS=f"mysql://{PASSWORD}@host")
        refused("must be at most 16 of postgresql://", STORE__URL=NOWHERE, STORE__REPLICAS=" ".join([NOWHERE] * 17))

    def test_too_many_connections_are_warned_of_for_each_server(self):
        node = self.start_node("--set", "store.pool.pool_size=60", "--set", "store.pool.max_overflow=60")
        for server in (self.primary, *self.standbys):
            wait_until(lambda: f"server=127.0.0.1:{server.port}/{self.database} nodes=1 wanted=121" in node.log(),
                       "it is said")
        node.stop()


if __name__ == "__main__":
    unittest.main()
