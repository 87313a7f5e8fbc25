#!/usr/bin/env python3
"""A load balancer in front of real nodes: who gets what, and what clients notice of nodes that go and come."""

import json
import signal
import threading
import unittest

from handbook import HANDBOOK
from harness import CANARY, Balancer, TemporaryFolderTest, end_quietly, run, wait_until
from query_test import read_events

QUESTION = "How often must the lamp be cleaned?"


class BalanceTest(TemporaryFolderTest):
    def start_fleet(self, count, *options, ports=None):
        """Nodes on one database, with a few documents in it."""
        nodes = [self.start(*options)]
        reply = nodes[0].post("/v1/documents", {"documents": list(HANDBOOK)})
        self.assertEqual(reply.status, 200, reply.text)
        nodes += [self.start(*options) for _ in range(count - 1)]
        return nodes

    def start_balancer(self, nodes, *options):
        balancer = Balancer(self.folder / "balancer", nodes, *options)
        self.addCleanup(end_quietly, balancer)
        balancer.wait_in_rotation(*nodes)
        return balancer

    def questions(self, node):
        """How many it was asked."""
        text = node.get("/metrics").text
        lines = [line for line in text.splitlines() if line.startswith("raglan_http_requests_total{")]
        return sum(float(line.rpartition(" ")[2]) for line in lines if 'route="/v1/query"' in line)

    def assert_questions(self, nodes, counts):
        """A node counts a question when its answer is sent: who has it may be quicker."""
        wait_until(lambda: sum(self.questions(node) for node in nodes) >= sum(counts), "all are counted")
        self.assertEqual([self.questions(node) for node in nodes], counts)


class Strategies(BalanceTest):
    def test_round_robin_gives_each_node_its_turn(self):
        nodes = self.start_fleet(3)
        balancer = self.start_balancer(nodes, "--set", "balancer.threads=1")
        for number in range(30):
            self.assertEqual(balancer.query(f"{QUESTION} ({number})").status, 200)
        self.assert_questions(nodes, [10, 10, 10])
        balancer.stop()

    def test_weights_are_shares(self):
        nodes = self.start_fleet(2)
        balancer = self.start_balancer(
            nodes,
            *("--strategy", "weighted_round_robin", "--set", "balancer.threads=1"),
            *("--set", "balancer.upstream.0.weight=3", "--set", "balancer.slow_start.duration=0s"),
        )
        for number in range(20):
            self.assertEqual(balancer.query(f"{QUESTION} ({number})").status, 200)
        self.assert_questions(nodes, [15, 5])

    def test_with_affinity_the_caches_of_all_nodes_are_one(self):
        nodes = self.start_fleet(3)
        balancer = self.start_balancer(nodes, "--strategy", "affinity", "--set", "balancer.threads=1")
        # Few, so that hardly any node comes to the sixteen requests from which on its share is bounded.
        for number in range(10):
            first = balancer.query(f"{QUESTION} ({number})").json
            self.assertEqual(first["cache"]["status"], "miss")
        again = [balancer.query(f"  {QUESTION}   ({number})").json["cache"]["status"] for number in range(10)]
        self.assertGreaterEqual(again.count("hit"), 8, again)  # in turn it would be none
        self.assertGreater(sum(self.questions(node) > 0 for node in nodes), 1)
        balancer.stop()

    def test_a_route_may_have_a_strategy_of_its_own(self):
        nodes = self.start_fleet(2)
        balancer = self.start_balancer(
            nodes,
            *("--strategy", "ip_hash"),
            *("--set", "balancer.route.0.path=/v1/query", "--set", "balancer.route.0.strategy=round_robin"),
        )
        for number in range(10):
            self.assertEqual(balancer.query(f"{QUESTION} ({number})").status, 200)
            self.assertEqual(balancer.get("/v1/collections").status, 200)
        self.assertTrue(all(self.questions(node) > 0 for node in nodes))
        listed = [node.metric("raglan_http_requests_total", route="/v1/collections", code="200")
                  for node in nodes if 'route="/v1/collections"' in node.get("/metrics").text]
        self.assertEqual(listed, [10])


class Faults(BalanceTest):
    def test_a_node_that_is_killed_costs_no_question_and_is_back_when_it_is(self):
        nodes = self.start_fleet(2)
        balancer = self.start_balancer(nodes)
        with Asking(balancer) as asking:
            asking.wait_for(20)
            port = nodes[1].port
            nodes[1].kill()
            balancer.wait_in_rotation(nodes[0])
            asking.wait_for(20)
            again = self.start(listen=f"127.0.0.1:{port}")
            balancer.wait_in_rotation(nodes[0], again)
            before = self.questions(again)
            wait_until(lambda: self.questions(again) > before, "the node is asked again")
        self.assertEqual(asking.failures, [])
        self.assertIn("a node is not well", balancer.log())
        balancer.stop()

    def test_nodes_that_are_restarted_one_after_the_other_cost_no_question(self):
        nodes = self.start_fleet(3)
        balancer = self.start_balancer(nodes)
        with Asking(balancer) as asking:
            for place in range(3):
                port = nodes[place].port
                nodes[place].stop()
                nodes[place] = self.start(listen=f"127.0.0.1:{port}")
                balancer.wait_in_rotation(*nodes)
                asking.wait_for(10)
        self.assertEqual(asking.failures, [])
        balancer.stop()

    def test_without_any_node_it_says_so(self):
        nodes = self.start_fleet(1)
        balancer = self.start_balancer(nodes)
        nodes[0].stop()
        wait_until(lambda: balancer.query(QUESTION).status == 502, "the node is gone")
        error = balancer.query(QUESTION).error
        self.assertEqual(error["code"], "upstream_error")
        self.assertNotIn(str(nodes[0].port), json.dumps(error))
        wait_until(lambda: balancer.hosts()[nodes[0].port]["health"] == "ill", "it is known to be gone")
        self.assertEqual(balancer.get("/health").status, 200)
        balancer.stop()

    def test_a_node_that_fails_every_request_is_left_out(self):
        nodes = self.start_fleet(2)
        with FailingHost() as failing:
            nodes_and_failing = [*nodes, failing]
            balancer = self.start_balancer(nodes_and_failing)
            for number in range(30):
                balancer.query(f"{QUESTION} ({number})")
            host = balancer.hosts()[failing.port]
            self.assertTrue(host["ejection"]["ejected"])
            self.assertIn("5 failures in a row", host["ejection"]["last_reason"])
            self.assertEqual((host["health"], host["in_rotation"]), ("well", False))
            self.assertEqual(failing.questions, 5)
            self.assertEqual(balancer.query(QUESTION).status, 200)
            balancer.stop()


class Drain(BalanceTest):
    def test_an_operator_ends_it_as_sigterm_does(self):
        nodes = self.start_fleet(1)
        balancer = self.start_balancer(nodes)
        reply = balancer.drain()
        self.assertEqual((reply.status, reply.json["status"]), (202, "draining"))
        self.assertGreaterEqual(reply.json["connections"], 1)
        self.assertEqual(balancer.wait_end(), 0)
        self.assertEqual(nodes[0].query(QUESTION).status, 200)


class AccessLog(BalanceTest):
    def lines(self, file):
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def test_each_request_is_a_line_without_its_question_and_a_moved_file_is_opened_anew(self):
        nodes = self.start_fleet(1)
        file, moved = self.folder / "access.log", self.folder / "access.log.1"
        balancer = self.start_balancer(
            nodes,
            *("--set", "balancer.access_log=json", "--set", f"balancer.access_log_file={file}"),
        )
        self.assertEqual(balancer.query(QUESTION).status, 200)
        self.assertEqual(balancer.get(f"/v1/nowhere?q={CANARY}").status, 404)

        def about(path, of=file):
            return [line for line in self.lines(of) if line["path"] == path]

        wait_until(lambda: about("/v1/nowhere"), "the lines are written")
        (line,) = about("/v1/query")
        self.assertEqual((line["method"], line["status"], line["attempts"], line["end"]), ("POST", 200, 1, "done"))
        self.assertEqual(line["host"], f"127.0.0.1:{nodes[0].port}")
        self.assertGreater(line["request_bytes"], len(QUESTION))
        self.assertGreater(line["response_bytes"], 100)
        self.assertNotIn(CANARY, file.read_text())
        self.assertNotIn("lamp", file.read_text())
        file.rename(moved)
        balancer.process.send_signal(signal.SIGHUP)
        wait_until(file.exists, "the file is opened anew")
        self.assertEqual(balancer.query(QUESTION).status, 200)
        wait_until(lambda: about("/v1/query"), "the line is written")
        self.assertEqual(len(about("/v1/query", moved)), 1)
        balancer.stop()


class Streams(BalanceTest):
    def test_events_arrive_one_by_one_and_a_drain_ends_them_properly(self):
        nodes = self.start_fleet(1)
        balancer = self.start_balancer(nodes)
        reply = balancer.query(QUESTION, stream=True)
        self.assertEqual(reply.headers["content-type"], "text/event-stream")
        events = [name for name, _ in read_events(reply)]
        self.assertEqual((events[0], events[-1]), ("sources", "done"))
        with balancer.connect() as idle:
            balancer.terminate()
            self.assertEqual(idle.recv(1), b"")
        self.assertEqual(balancer.wait_end(), 0)


class Operators(BalanceTest):
    def test_nodes_are_added_and_taken_out_while_it_runs(self):
        nodes = self.start_fleet(2)
        balancer = self.start_balancer(nodes[:1])
        with Asking(balancer) as asking:
            asking.wait_for(5)
            reply = balancer.put("/admin/upstreams", {"url": nodes[1].url, "weight": 2})
            self.assertEqual(reply.status, 200, reply.text)
            balancer.wait_in_rotation(*nodes)
            self.assertEqual(balancer.hosts()[nodes[1].port]["weight"], 2)
            wait_until(lambda: self.questions(nodes[1]) > 0, "the new node is asked")
            self.assertEqual(balancer.delete(f"/admin/upstreams?url={nodes[0].url}").status, 200)
            wait_until(lambda: set(balancer.hosts()) == {nodes[1].port}, "it is taken out")
            seen = self.questions(nodes[0])
            asking.wait_for(10)
            self.assertLessEqual(self.questions(nodes[0]) - seen, 1)  # one may have been under way
        self.assertEqual(asking.failures, [])
        self.assertEqual(balancer.delete(f"/admin/upstreams?url={nodes[0].url}").status, 404)
        for wrong, status in (({"url": "nonsense"}, 422), ({"url": nodes[0].url, "weight": 0}, 422),
                              ({"url": nodes[0].url, "wait": 1}, 422), ({"url": "http://no-such-host.invalid"}, 503)):
            self.assertEqual(balancer.put("/admin/upstreams", wrong).status, status, wrong)
        balancer.stop()

    def test_metrics_tell_nodes_apart(self):
        nodes = self.start_fleet(2)
        balancer = self.start_balancer(nodes, "--set", "balancer.threads=1")
        for number in range(10):
            balancer.query(f"{QUESTION} ({number})")
        for node in nodes:
            upstream = f"127.0.0.1:{node.port}"
            self.assertEqual(balancer.metric("raglan_upstream_requests_total", upstream=upstream, code="2xx"), 5)
            self.assertEqual(balancer.metric("raglan_upstream_in_rotation", upstream=upstream), 1)
        balancer.stop()

    def test_mistakes_are_told_at_the_start(self):
        nothing = run("balance", cwd=self.folder)
        self.assertEqual(nothing.returncode, 64)
        self.assertIn("--upstream", nothing.stderr)
        for option, value, says in (
            ("--upstream", "ftp://x", "must be http://HOST"),
            ("--strategy", "round_robbin", "round_robin"),
            ("--listen", "nonsense", "HOST:PORT"),
        ):
            wrong = run("balance", "--upstream", "http://127.0.0.1:1", option, value, cwd=self.folder)
            self.assertEqual(wrong.returncode, 64, wrong.stderr)
            self.assertIn(says, wrong.stderr)
        unknown = run("balance", "--listen", "127.0.0.1:0", "--upstream", "http://no-such-host.invalid", cwd=self.folder)
        self.assertEqual(unknown.returncode, 1)
        self.assertIn("no-such-host.invalid", unknown.stderr)


class Asking:
    """Somebody who asks again and again, on connections of their own, and notes what went wrong."""

    def __init__(self, balancer):
        self.balancer = balancer
        self.answered = 0
        self.failures = []
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(place,)) for place in range(2)]

    def ask(self, place):
        number = 0
        while not self.ended.is_set():
            number += 1
            try:
                reply = self.balancer.query(f"{QUESTION} ({place}, {number})")
                if reply.status != 200:
                    self.failures.append(reply.text)
            except OSError as error:
                self.failures.append(repr(error))
            self.answered += 1

    def wait_for(self, answers):
        seen = self.answered
        wait_until(lambda: self.answered >= seen + answers, f"{answers} answers")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()


class FailingHost:
    """A host that is well when it is asked how it is, and answers all else with 500 at once."""

    def __init__(self):
        import http.server

        self.questions = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def do_GET(self):
                self.answer(200)

            def do_POST(self):
                outer.questions += 1
                self.answer(500)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


if __name__ == "__main__":
    unittest.main()
