"""Real nodes for the tests: starts `raglan serve`, talks to it, ends it, and looks at what it logged.

The program is RAGLAN_BINARY, or build/raglan. Every text, question and credential that tests send
may carry CANARY; a node whose log shows it fails the test that stops it.
"""

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("RAGLAN_BINARY", str(ROOT / "build" / "raglan"))
PATIENCE_SECONDS = 120  # nothing here takes that long; sanitizers and busy machines are slow
CANARY = "quizzaciouscanary"


def clean_environment(extra=None):
    """The environment without settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAGLAN_")}
    return {**kept, **(extra or {})}


def wait_until(done, what, seconds=PATIENCE_SECONDS, step=0.01):
    """Polls `done` until it is true; its value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = done()
        if value:
            return value
        time.sleep(step)
    raise AssertionError(f"not within {seconds} s: {what}")


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]


class Node:
    """One `raglan serve`. With wait=False it may still be loading when the constructor returns."""

    command = "serve"

    def __init__(self, data, *options, wait=True, env=None, preexec=None, listen="127.0.0.1:0"):
        self.data = Path(data)
        self.told_to_end = False
        self.log_file = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [BINARY, self.command, "--data", str(data), "--listen", listen, "--set", "log.level=debug", *options],
            stdout=subprocess.PIPE,
            stderr=self.log_file,
            env=clean_environment(env),
            cwd=self.data.parent,
            preexec_fn=preexec,
        )
        self.first_line = self._read_first_line()
        if not self.first_line.startswith("listening on http://"):
            self.process.wait(PATIENCE_SECONDS)
            raise AssertionError(f"no 'listening on' but {self.first_line!r}; log: {self.log()}")
        self.url = self.first_line.removeprefix("listening on ")
        self.host, _, port = self.url.removeprefix("http://").rpartition(":")
        self.port = int(port)
        if wait:
            self.wait_started()

    def _read_first_line(self):
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE_SECONDS)
        return self.process.stdout.readline().decode().rstrip("\n") if readable else ""

    def wait_started(self):
        def started():
            if self.process.poll() is not None:
                raise AssertionError(f"the node ended with {self.process.returncode}: {self.log()}")
            return self.get("/startup").status == 200

        wait_until(started, "the node starts")

    def request(self, method, path, body=None, headers=None, timeout=PATIENCE_SECONDS):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def delete(self, path):
        return self.request("DELETE", path)

    def post(self, path, value, headers=None):
        all_headers = {"content-type": "application/json", **(headers or {})}
        return self.request("POST", path, body=json.dumps(value).encode(), headers=all_headers)

    def put(self, path, value):
        return self.request(
            "PUT", path, body=json.dumps(value).encode(), headers={"content-type": "application/json"}
        )

    def metric(self, name, **labels):
        """The value of one sample of /metrics; labels in the order in which they are written there."""
        sample = name + ("{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else "")
        for line in self.get("/metrics").text.splitlines():
            if line.startswith(sample + " "):
                return float(line.removeprefix(sample + " "))
        raise AssertionError(f"no {sample}")

    def query(self, text, **fields):
        return self.post("/v1/query", {"query": text, **fields})

    def connect(self, timeout=PATIENCE_SECONDS):
        return socket.create_connection((self.host, self.port), timeout=timeout)

    def exchange(self, data, timeout=PATIENCE_SECONDS):
        """Sends bytes and reads until the node closes the connection."""
        with self.connect(timeout) as connection:
            try:
                connection.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before it was all sent; the answer is there to read
            return read_to_end(connection)

    def log(self):
        self.log_file.seek(0)
        return self.log_file.read().decode(errors="replace")

    def terminate(self, with_signal=signal.SIGTERM):
        self.told_to_end = True
        self.process.send_signal(with_signal)

    def drain(self):
        """Has it end as `terminate` does, by a request."""
        self.told_to_end = True
        return self.request("POST", "/admin/drain")

    def wait_end(self):
        code = self.process.wait(PATIENCE_SECONDS)
        self.process.stdout.close()
        return code

    def kill(self):
        self.process.kill()
        self.wait_end()

    def stop(self):
        """Ends the node as an operator would, and holds it to what every node owes."""
        if not self.told_to_end:  # a second signal would end it at once
            self.terminate()
        code = self.wait_end()
        log = self.log()
        self.log_file.close()  # closing twice is allowed
        if code != 0:
            raise AssertionError(f"the node ended with {code}; its log: {log[-4000:]}")
        for never in (CANARY, "a handler threw", "a stream threw", "ERROR: "):
            if never in log:
                line = next(line for line in log.splitlines() if never in line)
                raise AssertionError(f"the node logged {never!r}: {line}")


class Balancer(Node):
    """One `raglan balance`, whose nodes are asked every 100 ms whether they are well."""

    command = "balance"

    def __init__(self, data, nodes, *options, **keywords):
        upstreams = [option for node in nodes for option in ("--upstream", node.url)]
        super().__init__(data, *upstreams, "--set", "balancer.health.interval=100ms", *options, **keywords)

    def hosts(self):
        """What it knows of its nodes, by their port."""
        hosts = self.get("/admin/upstreams").json["hosts"]
        return {int(host["host"].rpartition(":")[2]): host for host in hosts}

    def wait_in_rotation(self, *nodes):
        """Until these, and no others, are well."""
        ports = {node.port for node in nodes}
        wait_until(
            lambda: {port for port, host in self.hosts().items() if host["health"] == "well"} == ports,
            "the nodes that are well are these",
        )


def read_to_end(connection):
    received = b""
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            return received
        if not part:
            return received
        received += part


def read_response(stream, head_only=False):
    """One HTTP response from a socket's makefile("rb"): status, headers, body."""
    status = int(stream.readline().split(b" ")[1])
    headers = {}
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        headers[name.decode().lower()] = value.strip().decode()
    length = 0 if head_only else int(headers.get("content-length", 0))
    return status, headers, stream.read(length)


class TemporaryFolderTest(unittest.TestCase):
    """A test case with a folder of its own, and nodes that end with it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="raglan-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.data = self.folder / "data"

    def start(self, *options, data=None, **keywords):
        node = Node(data or self.data, *options, **keywords)
        self.addCleanup(end_quietly, node)
        return node


def occupy_extraction(node, text):
    """Has the node chunk a long text and write nothing; returns when other documents wait behind it.

    The thread that is returned lives until the text is done.
    """
    headers = {"content-type": "application/json"}
    path = "/v1/documents?dry_run=true"
    long = json.dumps({"id": "occupies", "text": text}).encode()
    thread = threading.Thread(target=node.request, args=("POST", path, long, headers))
    thread.start()
    short = json.dumps({"id": "waits", "text": "short"}).encode()
    while thread.is_alive():
        reply = node.request("POST", path, short, {**headers, "x-request-timeout-ms": "300"})
        if reply.status == 504:
            return thread
    raise AssertionError("no document had to wait")


def end_quietly(node):
    if node.process.poll() is None:
        node.process.kill()
        node.wait_end()
    node.log_file.close()


class NodeTest(unittest.TestCase):
    """A test case whose tests share one node, which must end well after them."""

    options = ()
    documents = ()  # written to the default collection before the first test

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="raglan-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.node = Node(cls.folder / "data", *cls.options)
        cls.addClassCleanup(end_quietly, cls.node)
        if cls.documents:
            reply = cls.node.post("/v1/documents", {"documents": list(cls.documents)})
            states = {document["state"] for document in reply.json["documents"]}
            if reply.status != 200 or states != {"indexed"}:
                raise AssertionError(reply.text)

    @classmethod
    def tearDownClass(cls):
        cls.node.stop()

    def assert_error(self, reply, status, code, param=None):
        """The one shape that every error has."""
        self.assertEqual(reply.status, status, reply.text)
        self.assertEqual(reply.headers["content-type"], "application/json")
        body = reply.json
        self.assertEqual(set(body), {"error", "request_id"})
        self.assertEqual(set(body["error"]), {"message", "type", "code", "param"})
        self.assertEqual(body["error"]["code"], code)
        self.assertEqual(body["error"]["param"], param)
        self.assertNotEqual(body["error"]["message"], "")
        self.assertEqual(body["request_id"], reply.headers["x-request-id"])
        if status in (429, 503):
            self.assertGreaterEqual(int(reply.headers["retry-after"]), 1)


def run(*arguments, env=None, cwd=None, input=None, timeout=PATIENCE_SECONDS):
    """Runs the program to its end."""
    return subprocess.run(
        [BINARY, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=clean_environment(env),
        cwd=cwd,
        input=input,
        timeout=timeout,
    )
