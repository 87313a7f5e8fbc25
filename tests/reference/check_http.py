"""Compares how Raglan reads HTTP/1.1 connections with two reference parsers: llhttp (Node's, PyPI
httptools) and h11.

    .deps/venv/bin/python tests/reference/check_http.py [--random N]

Request smuggling needs two programs that see different requests in the same bytes. So what counts:
  - whatever Raglan accepts, a reference that accepts it too must read as the same requests;
  - Raglan may refuse what a reference accepts only for a reason of STRICTER, and accept what a reference
    refuses only for one of LOOSER; each of those reasons must still occur;
  - of randomly mutated requests Raglan accepts none that both references refuse.
Exits 1 otherwise.
"""

import argparse
import pathlib
import re
import struct
import subprocess
import sys

import h11
import httptools

from http_corpus import CASES, LOOSER, STRICTER, mutated

ROOT = pathlib.Path(__file__).resolve().parents[2]
# How a reading ends. After a request that closes its connection no byte is taken for anything.
CLEAN, WITHIN, REFUSED, CLOSED = "clean", "within", "refused", "closed"

EXPLAINED = {
    "stricter": {case for cases in STRICTER.values() for case in cases.split()},
    "looser": {case for cases in LOOSER.values() for case in cases.split()},
}


def ours(program, connections):
    stdin = b"".join(struct.pack("<I", len(data)) + data for data in connections)
    out = subprocess.run([program], input=stdin, stdout=subprocess.PIPE, check=True).stdout
    at = 0

    def number():
        nonlocal at
        at += 4
        return struct.unpack_from("<I", out, at - 4)[0]

    def text():
        nonlocal at
        length = number()
        at += length
        return out[at - length : at]

    readings = []
    for _ in connections:
        requests = [(text(), text(), text()) for _ in range(number())]
        readings.append((requests, (CLEAN, WITHIN, REFUSED, CLOSED)[number()]))
    assert at == len(out), "more output than connections"
    return readings


class Llhttp:
    """One connection's requests, and how it ended."""

    def __init__(self):
        self.requests, self.within, self.closed = [], False, False
        self.parser = httptools.HttpRequestParser(self)

    def on_message_begin(self):
        self.within, self.target, self.body = True, b"", b""

    def on_url(self, target):
        self.target += target

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.within = False
        if not self.closed:
            self.requests.append((self.parser.get_method(), self.target, self.body))
        self.closed |= not self.parser.should_keep_alive()

    def read(self, data):
        end = None
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # It leaves even the body of the request to the other protocol; Raglan never upgrades.
            self.requests.pop()
            end = CLOSED
        except httptools.HttpParserError:
            end = REFUSED
        if self.closed:
            end = CLOSED
        return self.requests, end or (WITHIN if self.within else CLEAN)


def read_h11(data):
    requests = []
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=32 * 1024)
    connection.receive_data(data)
    method = target = None
    body = b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return requests, REFUSED
        if isinstance(event, h11.Request):
            method, target, body = event.method, event.target, b""
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            requests.append((method, target, body))
            connection.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is h11.MUST_CLOSE:
                return requests, CLOSED
            connection.start_next_cycle()
        else:  # NEED_DATA, PAUSED
            between = connection.their_state is h11.IDLE and not connection.trailing_data[0]
            return requests, CLEAN if between else WITHIN


def compare(reading, reference):
    """How our reading of a connection relates to a reference's: same, stricter, looser, or different."""
    (requests, end), (their_requests, their_end) = reading, reference
    both = min(len(requests), len(their_requests))
    if requests[:both] != their_requests[:both]:
        return "different"
    if end == REFUSED and (their_end != REFUSED or len(requests) < len(their_requests)):
        return "stricter" if their_end != CLOSED or both < len(their_requests) else "same"
    if their_end == REFUSED and (end == CLEAN or len(their_requests) < len(requests)):
        return "looser" if end != CLOSED or both < len(requests) else "same"
    stopped = end == CLOSED and both == len(requests) or their_end in (CLOSED, REFUSED) and both == len(their_requests)
    return "same" if len(requests) == len(their_requests) or stopped else "different"


def check_corpus(program):
    wrong = 0
    used = set()
    readings = ours(program, [data for _, data in CASES])
    for (name, data), reading in zip(CASES, readings):
        for peer, reference in (("llhttp", Llhttp().read(data)), ("h11", read_h11(data))):
            relation = compare(reading, reference)
            if relation == "same":
                continue
            if f"{name}/{peer}" in EXPLAINED.get(relation, ()):
                used.add(f"{name}/{peer}")
                continue
            wrong += 1
            print(f"{name}: {relation} than {peer}\n  {data[:200]!r}\n  Raglan {reading}\n  {peer} {reference}")
    for relation, explained in EXPLAINED.items():
        for case in explained - used:
            wrong += 1
            print(f"{case}: Raglan is no longer {relation}")
    print(f"corpus: {len(CASES)} connections, {wrong} unexplained differences")
    return wrong


def explained(data):
    """Whether LOOSER's reasons may explain that both references refuse: each for its own."""
    odd_method = re.search(rb"(?:^|\r\n)(?!(?:GET|POST|OPTIONS) )[!-~]+ \S+ HTTP/1\.[01]\r\n", data)
    return odd_method and re.search(rb"(?:^|\r\n\r\n)\r\n", data)


def check_random(program, count):
    connections = list(mutated(count, seed=1))
    wrong = accepted = 0
    for data, reading in zip(connections, ours(program, connections)):
        references = {"llhttp": Llhttp().read(data), "h11": read_h11(data)}
        relations = {peer: compare(reading, reference) for peer, reference in references.items()}
        accepted += reading[1] != REFUSED
        if "different" not in relations.values() and (set(relations.values()) != {"looser"} or explained(data)):
            continue
        wrong += 1
        if wrong <= 10:
            print(f"{relations}\n  {data!r}\n  Raglan {reading}\n  {references}")
    print(f"random: {count} connections, {accepted} of them accepted, {wrong} wrong")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "build/http_dump", type=pathlib.Path)
    parser.add_argument("--random", default=20_000, type=int, help="how many mutated connections")
    arguments = parser.parse_args()
    wrong = check_corpus(arguments.program) + check_random(arguments.program, arguments.random)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
