"""Real nodes behind the real balancer, and clients that keep their connections: what fleet_caches.py, slow_node.py and
two_nodes.py share. Measures nothing itself.
"""

import collections
import json
import pathlib
import random
import re
import selectors
import socket
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/node"))
import harness  # noqa: E402
from handbook import HANDBOOK  # noqa: E402

QUESTION = "How often must the lamp of the lighthouse be cleaned?"


def use(program):
    """What is started from now on is this program."""
    harness.BINARY = str(program)


def settings(*chosen):
    return [part for setting in chosen for part in ("--set", setting)]


def start_nodes(stack, folder, options):
    """One node for each list of options, on one data folder with a few documents in it; they end with `stack`."""
    folder.mkdir(exist_ok=True)
    nodes = []
    for of_node in options:
        nodes.append(harness.Node(folder / "data", *of_node, *settings("log.level=warning")))
        stack.callback(harness.end_quietly, nodes[-1])
        if len(nodes) == 1:
            reply = nodes[0].post("/v1/documents", {"documents": list(HANDBOOK)})
            if reply.status != 200:
                raise SystemExit(f"the documents were not taken: {reply.text}")
    return nodes


def start_balancer(stack, folder, hosts, strategy, *chosen):
    """With every setting at its default but those named. It ends with `stack`."""
    options = ["--strategy", strategy, *settings("balancer.health.interval=10s", "log.level=warning", *chosen)]
    balancer = harness.Balancer(folder / "balancer", hosts, *options)
    stack.callback(harness.end_quietly, balancer)
    balancer.wait_in_rotation(*hosts)
    return balancer


class Client:
    """One connection that is kept, and opened again when it was lost."""

    LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

    def __init__(self, server, timeout_seconds=60):
        self.address = (server.host, server.port)
        self.timeout_seconds = timeout_seconds
        self.head = f"POST /v1/query HTTP/1.1\r\nhost: {server.host}\r\ncontent-type: application/json\r\n".encode()
        self.connection = None

    def ask(self, question):
        """Status, head and body of the answer to a question with these fields; status 0: there was none."""
        try:
            if self.connection is None:
                self.open()
            self.send(question)
            received = b""
            while (answer := self.parsed(received)) is None:
                part = self.connection.recv(65536)
                if not part:
                    raise ConnectionResetError
                received += part
            return answer
        except OSError:
            self.close()
            return 0, b"", b""

    def open(self):
        self.connection = socket.create_connection(self.address, timeout=self.timeout_seconds)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, question):
        body = json.dumps(question).encode()
        self.connection.sendall(self.head + b"content-length: %d\r\n\r\n" % len(body) + body)

    def parsed(self, received):
        """As ask(); None while the answer is not whole."""
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return None
        head, body = received[:end], received[end + 4 :]
        return (int(head[9:12]), head, body) if len(body) >= int(self.LENGTH.search(head)[1]) else None

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def side_by_side(count, work):
    """Calls work(place) in so many threads; what they return."""
    results = [None] * count

    def one(place):
        results[place] = work(place)

    threads = [threading.Thread(target=one, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if None in results:
        raise SystemExit("a client broke off")
    return results


def closed_loop(server, clients, seconds, question_of, seen):
    """Each client asks its next question when it has the answer to the one before.

    question_of(place, number) makes it. seen(status, head, body) is called for each answer, in the client's thread.
    Returns answers a second, and how long each took. An answer that comes after the end counts by the part of its time
    that was before: where many come at once, it would be chance who is just in time.
    """
    ends = time.monotonic() + seconds

    def work(place):
        client = Client(server)
        answers = []
        while (asked := time.monotonic()) < ends:
            answer = client.ask(question_of(place, len(answers)))
            took = time.monotonic() - asked
            answers.append((took, min(1, (ends - asked) / took)))
            seen(*answer)
        client.close()
        return answers

    answers = [answer for of_client in side_by_side(clients, work) for answer in of_client]
    return sum(part for _, part in answers) / seconds, [took for took, _ in answers]


def quantile(values, share):
    """The smallest value that `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def open_loop(server, per_second, seconds, question_of, deadline_seconds, seed, gives_up=False):
    """Questions at random times (Poisson) at this rate, whether those before are answered or not.

    Each has a connection of its own while it is under way; those that are free are used again. Returns of each its
    status and how long it took, from the time at which it was to be asked; status 0: it was not answered, or not within
    its deadline after the end. `gives_up`: a client closes its connection when the deadline is over; else it waits.
    """
    return _OpenLoop(server, question_of, deadline_seconds, gives_up).run(per_second, seconds, random.Random(seed))


class _OpenLoop:
    """One thread for all connections: what it does itself must cost little, or it would be late."""

    def __init__(self, server, question_of, deadline_seconds, gives_up):
        self.server = server
        self.question_of = question_of
        self.deadline_seconds = deadline_seconds
        self.selector = selectors.DefaultSelector()
        self.gives_up = gives_up
        self.idle = []
        self.waiting = collections.deque()  # since when, who; the first asked first
        self.answers = []
        self.asked = 0

    def run(self, per_second, seconds, chance):
        begun = time.monotonic()
        due = begun
        while due < begun + seconds:
            self._answers_until(due)
            self._ask(due)
            due += chance.expovariate(per_second)
        self._answers_until(begun + seconds + self.deadline_seconds)
        unanswered = [(0, time.monotonic() - key.data.due) for key in self.selector.get_map().values() if key.data.due]
        for key in list(self.selector.get_map().values()):
            key.data.close()
        self.selector.close()
        return self.answers + unanswered

    def _ask(self, due):
        client = self.idle.pop() if self.idle else None
        if client is None:
            client = Client(self.server)
            client.open()
            self.selector.register(client.connection, selectors.EVENT_READ, client)
        client.due, client.received = due, b""
        if self.gives_up:
            self.waiting.append((due, client))
        try:
            client.send(self.question_of(self.asked))
        except OSError:
            self._end(client, 0)
        self.asked += 1

    def _answers_until(self, moment):
        while True:
            self._give_up()
            left = moment - time.monotonic()
            for key, _ in self.selector.select(max(0, left)):
                self._read(key.data)
            if left <= 0:
                return

    def _give_up(self):
        """Looked at when something else happens; that is often enough."""
        before = time.monotonic() - self.deadline_seconds
        while self.waiting and self.waiting[0][0] < before:
            due, client = self.waiting.popleft()
            if client.due == due:
                self._end(client, 0)

    def _read(self, client):
        try:
            part = client.connection.recv(65536)
        except OSError:
            part = b""
        client.received += part
        answer = client.parsed(client.received)
        if answer is not None:
            self._end(client, answer[0])
        elif not part:
            self._end(client, 0)

    def _end(self, client, status):
        """Status 0: the connection is of no more use."""
        if client.due:
            self.answers.append((status, time.monotonic() - client.due))
        client.due, client.received = None, b""
        if status:
            self.idle.append(client)
            return
        if client in self.idle:
            self.idle.remove(client)
        self.selector.unregister(client.connection)
        client.close()
