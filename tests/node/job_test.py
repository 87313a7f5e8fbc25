#!/usr/bin/env python3
"""Documents that are indexed behind the request: their progress, and nodes that die over them."""

import signal
import time
import unittest

from harness import wait_until
from postgres_server import PostgresServer
from remote_embedding_test import QUICK, WELL, RemoteTest

PART = 64  # documents that a job takes at a time
LEASE_SECONDS = 4
OPTIONS = [f"jobs.lease={LEASE_SECONDS}s", "embedding.breaker.recovery_timeout=200ms"]


class JobTest(RemoteTest):
    """Each part is one call of the provider, which takes as long as it is told to."""

    def queue(self, node, count, first=0):
        documents = [self.document(first + n) for n in range(count)]
        reply = node.post("/v1/documents?wait=queued", {"documents": documents})
        self.assertEqual(reply.status, 202, reply.text)
        self.assertEqual(reply.headers["location"], f"/v1/jobs/{reply.json['job']['id']}")
        return reply.json["job"]["id"]

    def job(self, node, job):
        reply = node.get(f"/v1/jobs/{job}")
        self.assertEqual(reply.status, 200, reply.text)
        return reply.json

    def wait_indexed(self, node, job, at_least):
        wait_until(lambda: self.job(node, job)["documents"]["indexed"] >= at_least, f"{at_least} are indexed")

    def wait_finished(self, node, job):
        return wait_until(lambda: (now := self.job(node, job))["finished_at"] and now, "the job is finished", step=0.1)

    def listed(self, node):
        ids, after = [], ""
        while after is not None:
            page = node.get(f"/v1/documents?limit=1000&after={after}").json
            ids += [document["id"] for document in page["documents"]]
            after = page["next_after"]
        return ids


class OneNode(JobTest):
    def test_a_job_tells_how_far_it_is_and_then_that_it_is_done(self):
        provider = self.start_provider(latency="1s")
        node = self.start_node(provider, *OPTIONS)
        job = self.queue(node, 3 * PART)
        self.wait_indexed(node, job, PART)
        meanwhile = self.job(node, job)
        self.assertEqual((meanwhile["state"], meanwhile["documents"]["total"]), ("running", 3 * PART))
        self.assertIsNone(meanwhile["finished_at"])
        provider.set(**WELL)
        done = self.wait_finished(node, job)
        self.assertEqual((done["state"], done["error"], done["failures"]), ("done", None, []))
        self.assertEqual(done["documents"], {"total": 3 * PART, "indexed": 3 * PART, "unchanged": 0, "failed": 0})
        self.assertLessEqual(done["created_at"], done["started_at"])
        self.assertEqual(len(set(self.listed(node))), 3 * PART)
        again = self.wait_finished(node, self.queue(node, PART))
        self.assertEqual(again["documents"]["unchanged"], PART)
        jobs = node.get("/v1/jobs").json
        self.assertEqual([each["id"] for each in jobs["jobs"]], [job, again["id"]])
        page = node.get("/v1/jobs?limit=1").json
        self.assertEqual((page["jobs"][0]["id"], page["next_after"]), (job, job))
        self.assertEqual(node.get(f"/v1/jobs?after={job}").json["jobs"][0]["id"], again["id"])
        self.assertEqual(node.metric("raglan_jobs_finished_total"), 2)
        node.stop()

    def test_what_is_wrong_with_a_document_is_said_at_once_or_by_the_job(self):
        node = self.start_node(self.start_provider(), *OPTIONS)
        documents = [{"id": "good", "text": "A good one."}, {"id": "bad"}, {"id": "good", "text": "Its double."},
                     {"text": "One without an id."}, {"id": "empty", "text": " "}]
        reply = node.post("/v1/documents?wait=queued", {"documents": documents})
        self.assertEqual(reply.status, 202)
        states = [document["state"] for document in reply.json["documents"]]
        self.assertEqual(states, ["queued", "failed", "failed", "queued", "queued"])
        self.assertEqual(reply.json["documents"][1]["error"]["param"], "/documents/1/text")
        job = self.wait_finished(node, reply.json["job"]["id"])
        self.assertEqual(job["state"], "done")
        counts = job["documents"]
        self.assertEqual((counts["total"], counts["indexed"] + counts["failed"]), (3, 3))
        self.assertIn(reply.json["documents"][3]["id"], self.listed(node))
        self.assertEqual({each["id"] for each in job["failures"]}, set() if counts["failed"] == 0 else {"empty"})
        none = node.post("/v1/documents?wait=queued", {"documents": [{"id": "bad"}]})
        self.assertEqual((none.status, none.json["job"]), (200, None))
        for path, body, status, param in (
            ("/v1/documents?wait=queued", {"id": "bad"}, 422, "/text"),
            ("/v1/documents?wait=later", {"text": "a"}, 422, "wait"),
            ("/v1/documents?wait=queued&dry_run=true", {"text": "a"}, 422, "dry_run"),
        ):
            refused = node.post(path, body)
            self.assertEqual((refused.status, refused.error["param"]), (status, param), path)
        for path in ("/v1/jobs?limit=0", "/v1/jobs?limit=1001", "/v1/jobs?limit=x"):
            self.assertEqual(node.get(path).status, 422, path)
        self.assertEqual(node.get("/v1/jobs/unknown").status, 404)
        self.assertEqual(node.delete("/v1/jobs/unknown").status, 404)
        node.stop()

    def test_a_cancelled_job_ends_where_it_is(self):
        provider = self.start_provider(latency="1s")
        node = self.start_node(provider, *OPTIONS)
        job = self.queue(node, 10 * PART)
        waiting = self.queue(node, PART, first=10 * PART)
        self.wait_indexed(node, job, PART)
        reply = node.delete(f"/v1/jobs/{job}")
        self.assertEqual((reply.status, reply.json["state"]), (200, "cancelled"))
        provider.set(**WELL)
        self.assertEqual(self.wait_finished(node, waiting)["state"], "done")
        after = self.job(node, job)
        self.assertEqual(after["state"], "cancelled")
        self.assertLess(after["documents"]["indexed"], 10 * PART)
        self.assertLess(len(self.listed(node)), 11 * PART)
        again = node.delete(f"/v1/jobs/{job}")
        self.assertEqual((again.status, again.error["code"]), (409, "conflict"))
        node.stop()

    def test_what_fails_for_a_while_is_tried_again(self):
        provider = self.start_provider()
        node = self.start_node(provider, *OPTIONS, *QUICK)
        provider.set(error_every=1, error_status=500)
        job = self.queue(node, PART)
        wait_until(lambda: provider.embedding_calls() >= 3, "it was tried")
        self.assertEqual(self.job(node, job)["state"], "running")
        provider.set(**WELL)
        self.assertEqual(self.wait_finished(node, job)["documents"]["indexed"], PART)
        node.stop()

    def test_what_keeps_failing_is_given_up(self):
        provider = self.start_provider()
        node = self.start_node(provider, *OPTIONS, *QUICK, "jobs.give_up_after=2s")
        provider.set(error_every=1, error_status=500)
        job = self.wait_finished(node, self.queue(node, PART))
        self.assertEqual((job["state"], job["documents"]["indexed"]), ("failed", 0))
        self.assertIn(job["error"]["code"], ("upstream_error", "unavailable"))
        node.stop()

    def test_a_job_outlives_its_node_which_is_killed_or_told_to_end(self):
        provider = self.start_provider(latency="300ms")
        node = self.start_node(provider, *OPTIONS)
        job = self.queue(node, 6 * PART)
        self.wait_indexed(node, job, PART)
        node.kill()
        node = self.start_node(provider, *OPTIONS)
        self.wait_indexed(node, job, 3 * PART)
        self.assertEqual(node.metric("raglan_jobs_resumed_total"), 1)
        node.stop()
        node = self.start_node(provider, *OPTIONS)
        self.assertEqual(self.wait_finished(node, job)["state"], "done")
        self.assertEqual(node.metric("raglan_jobs_resumed_total"), 0)  # it was given back
        self.assertEqual(len(set(self.listed(node))), 6 * PART)
        node.stop()


class ManyNodes(JobTest):
    """Nodes that share nothing but PostgreSQL."""

    @classmethod
    def setUpClass(cls):
        cls.server = PostgresServer()
        cls.addClassCleanup(cls.server.end)
        cls.databases = 0

    def setUp(self):
        super().setUp()
        type(self).databases += 1
        self.database = f"jobs{self.databases}"
        self.server.sql(f"CREATE DATABASE {self.database}")
        self.provider = self.start_provider(latency="1s")

    def start_one(self, name, *options):
        environment = {"RAGLAN_STORE__URL": self.server.url(self.database)}
        return self.start_node(self.provider, *OPTIONS, "store.breaker.recovery_timeout=200ms", *options,
                               data=self.folder / name, env=environment)

    def start_two(self):
        """One that works on a job, and one that was there before it."""
        other = self.start_one("other", "jobs.enabled=false")
        worker = self.start_one("worker")
        job = self.queue(worker, 10 * PART)
        self.wait_indexed(worker, job, PART)
        other.stop()
        other = self.start_one("other")
        self.wait_indexed(worker, job, 2 * PART)
        return worker, other, job

    def test_a_dead_nodes_job_is_resumed_within_two_lease_times(self):
        worker, other, job = self.start_two()
        worker.kill()
        died = time.monotonic()
        before = self.job(other, job)["documents"]["indexed"]
        self.assertLess(before, 10 * PART)
        wait_until(lambda: other.metric("raglan_jobs_resumed_total") == 1, "it is taken over")
        self.assertLess(time.monotonic() - died, 2 * LEASE_SECONDS)
        self.assertGreaterEqual(before, PART)
        self.provider.set(**WELL)
        done = self.wait_finished(other, job)["documents"]
        self.assertEqual(done["indexed"] + done["unchanged"], 10 * PART)
        self.assertGreaterEqual(done["indexed"], before)  # what was done was not done again
        listed = self.listed(other)
        self.assertEqual((len(listed), len(set(listed))), (10 * PART, 10 * PART))
        other.stop()

    def test_a_node_that_slept_through_its_lease_writes_nothing_any_more(self):
        worker, other, job = self.start_two()
        worker.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: other.metric("raglan_jobs_resumed_total") == 1, "it is taken over")
            self.provider.set(**WELL)
            self.assertEqual(self.wait_finished(other, job)["state"], "done")
            newer = {"id": "d1", "text": "What was written since."}
            every = [{"id": f"d{n}", "text": f"What was written since, {n}."} for n in range(10 * PART)]
            for first in range(0, len(every), 500):
                self.assertEqual(self.put(other, every[first:first + 500]).status, 200)
            self.assertEqual(self.put(other, [newer]).status, 200)
        finally:
            worker.process.send_signal(signal.SIGCONT)
        wait_until(lambda: worker.metric("raglan_jobs_running") == 0, "it has noticed")
        self.assertEqual(other.get("/v1/documents/d1").json["text"], newer["text"])
        for n in range(2, 10 * PART, 37):
            self.assertEqual(other.get(f"/v1/documents/d{n}").json["text"], every[n]["text"])
        self.assertEqual(self.job(other, job)["state"], "done")
        for node in (worker, other):
            node.stop()

    def test_a_store_that_was_away_costs_time_alone(self):
        worker = self.start_one("worker")
        job = self.queue(worker, 6 * PART)
        self.wait_indexed(worker, job, PART)
        self.server.kill()
        time.sleep(1)
        self.server.start()
        wait_until(lambda: worker.get(f"/v1/jobs/{job}").status == 200, "the store is found again")
        self.provider.set(**WELL)
        done = self.wait_finished(worker, job)
        self.assertEqual((done["state"], done["documents"]["failed"]), ("done", 0))
        self.assertEqual(len(set(self.listed(worker))), 6 * PART)
        worker.stop()


if __name__ == "__main__":
    unittest.main()
