"""A language model's gateway: Raglan beside LiteLLM's proxy and Portkey's gateway, before one provider stand-in.

    .deps/venv/bin/python bench/gateways.py [--rounds N] [--seconds S] [--only latency|cpu|failures]

Every request is POST /v1/chat/completions, by wrk, with a question never asked before, so that no cache
answers; the provider's own count of calls says whether one did. One event loop or process each, no keys, no log of
requests. They do not do the same: Raglan is sent the question alone, has it embedded (by another
stand-in, one more call), searches five of six documents, writes the prompt, checks the citations as they are
written, and sends the sources with the answer. The others forward: they are sent the prompt that Raglan made of
the same question, as if somebody before them had searched, whose work is not counted. So the provider is
asked the same by all of them, and by wrk directly.

  latency   what a request takes longer than when the provider is asked directly: one at a time, of a provider
            that answers at once, and 16 at a time, of one that takes 100 ms
  cpu       of all processes of a gateway, user and system, by 16 clients that never pause: answers in one
            piece, from a provider that answers at once, and streams, a token every 2 ms
  failures  questions one after the other, of a gateway that has just worked, when the provider refuses
            connections, and when it takes them and never answers (timeout: 2 s)

Settings for failures, those of their documentation: LiteLLM num_retries 2, allowed_fails 2, cooldown_time 60 (with
allowed_fails 3, its default, it never cools down a model that has one deployment only); Portkey retry.attempts 2
on its default status codes, to which a timeout does not belong, and its default, no retries (the circuit breaker
of its documentation is not in the gateway that it publishes); Raglan's defaults. What Raglan then answers are the
passages that it has found, not a model's words.

The gateways take turns; what counts is the median of the ratios of neighbouring runs. Above 1 the peer costs
more. Exits 2 on a missed goal.
"""

import argparse
import concurrent.futures
import contextlib
import http.client
import http.server
import itertools
import json
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import batching
from provider import Provider

sys.path.insert(0, str(batching.ROOT / "bench/peers"))
import gateway_processes as gateways  # noqa: E402

NAMES = ("Raglan", "LiteLLM", "Portkey")
CLIENTS = 16
BUSY_LATENCY, TOKEN_DELAY = "100ms", "2ms"
TIMEOUT_SECONDS = 2
FAILED_QUESTIONS, FAILURE_SECONDS = 40, 75
PHASES = {"1st": (0, 1), "2nd-5th": (1, 5), "6th-20th": (5, 20), "21st on": (20, FAILED_QUESTIONS)}
PEER_GOAL = 1.0  # at least: what a peer needs, of what Raglan does
DEAD_GOAL_MS = 10  # of a question from the 21st on, while the provider does not answer

ANSWER = b"The passages say:"  # how the stand-in begins
MARK = "0000000000"
numbers = itertools.count(1)
LUA = """
local before, after = [==[{before}]==], [==[{after}]==]
local number = {first}
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
{headers}
request = function()
  number = number + 1
  return wrk.format(nil, nil, nil, before .. string.format("%010d", number) .. after)
end
done = function(summary, latency)
  local errors = summary.errors
  print("figures", summary.requests, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, errors.status)
end
"""


def documents():
    rng = random.Random(1)
    made = []
    for number in range(6):
        text = " ".join(batching.sentence(rng, 12).capitalize() + "." for _ in range(12))
        made.append({"id": f"d{number}", "title": batching.sentence(rng, 3), "text": text})
    return made


def question():
    return f"Which {batching.sentence(random.Random(2), 10)} is number {MARK}?"


class Recorder(http.server.BaseHTTPRequestHandler):
    """A provider that keeps what it was sent."""

    bodies = []

    def do_POST(self):
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        answer = {"choices": [{"index": 0, "delta": {"content": "Noted [1]."}, "finish_reason": "stop"}]}
        self.wfile.write(f"data: {json.dumps(answer)}\n\ndata: [DONE]\n\n".encode())

    def log_message(self, *_):
        pass


def recorded_prompt(program, folder, embedder):
    """The body of the call that Raglan makes of its provider, the question's number in it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    node = gateways.Raglan(program, folder, server, embedder, documents())
    Asker(node, raglan_bodies()).ask(int(MARK))
    node.stop()
    server.shutdown()
    return json.loads(Recorder.bodies[0])


def raglan_bodies():
    asked = {"model": "raglan", "messages": [{"role": "user", "content": question()}]}
    return {False: asked, True: {**asked, "stream": True}}


def peer_bodies(prompt):
    whole = {name: value for name, value in prompt.items() if name not in ("stream", "stream_options")}
    return {False: whole, True: prompt}


class Asker:
    """One client, one question after the other."""

    def __init__(self, gateway, bodies):
        self.url = urllib.parse.urlsplit(gateway.url)
        self.headers = {"content-type": "application/json", **gateway.headers}
        self.body = json.dumps(bodies[False])
        self.connection = http.client.HTTPConnection(self.url.netloc, timeout=120)

    def ask(self, number=None):
        """Milliseconds, the status, and the reply."""
        body = self.body.replace(MARK, f"{next(numbers) if number is None else number:010d}")
        began = time.perf_counter()
        self.connection.request("POST", self.url.path, body, self.headers)
        response = self.connection.getresponse()
        reply = response.read()
        return 1000 * (time.perf_counter() - began), response.status, reply


def load(gateway, bodies, stream, connections, seconds, folder, provider):
    """What wrk and the provider have counted."""
    before, after = json.dumps(bodies[stream]).split(MARK)
    headers = "".join(f"wrk.headers[{json.dumps(name)}] = [==[{value}]==]\n" for name, value in gateway.headers.items())
    script = pathlib.Path(folder, "ask.lua")
    script.write_text(LUA.format(before=before, after=after, first=next(numbers) * 10**6, headers=headers))
    provider.reset_stats()
    cpu = cpu_at_rest(gateway)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", script, gateway.url]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    cpu = cpu_at_rest(gateway) - cpu
    figures = re.search(r"^figures\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)", said, re.M)
    requests, p50, p99, broken, refused = map(float, figures.groups())
    calls = provider.stats()["calls"].get("/v1/chat/completions", 0)
    if broken or refused or not requests <= calls <= requests + connections:
        raise SystemExit(f"{gateway.name}: {calls} calls of the provider for {requests:.0f} requests; {said}")
    # Those that wrk breaks off at its end are half done, on the average.
    done = (requests + calls) / 2
    return {"p50": p50 / 1000, "p99": p99 / 1000, "rate": requests / seconds, "cpu": 1e6 * cpu / done}


def cpu_at_rest(gateway):
    """What it has run, as soon as it has finished what the last client left behind."""
    before, now = -1.0, 0.0
    while now - before > 0.02 and hasattr(gateway, "pid"):
        time.sleep(0.3)
        before, now = now, gateways.cpu_seconds(gateway.pid)
    return now


def median(values):
    return statistics.median(list(values))


def table(title, columns, rows):
    """Rows of words, the first of each to the left."""
    print(f"\n{title}")
    lines = [("", *columns), *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    for line in lines:
        print("  " + line[0].ljust(widths[0]) + "".join("  " + word.rjust(width) for word, width in zip(line[1:], widths[1:])))
    print(flush=True)


class Comparison:
    """Runs of each gateway, round by round, and their ratios."""

    def __init__(self):
        self.runs = {}  # of what: name: one figure a round

    def add(self, what, name, figure):
        self.runs.setdefault(what, {}).setdefault(name, []).append(figure)

    def ratio(self, what, peer):
        return median(theirs / ours for theirs, ours in zip(self.runs[what][peer], self.runs[what]["Raglan"]))

    def report(self, title, form):
        rows = [
            (what, *(form.format(median(runs[name])) for name in NAMES),
             *(f"{self.ratio(what, peer):.2f} ×" for peer in NAMES[1:]))
            for what, runs in self.runs.items()
        ]
        table(title, (*NAMES, *(f"{peer} / Raglan" for peer in NAMES[1:])), rows)

    def met(self):
        return [self.ratio(what, peer) >= PEER_GOAL for what in self.runs for peer in NAMES[1:]]


class Bench:
    def __init__(self, arguments, folder, stack):
        self.arguments, self.folder, self.stack = arguments, folder, stack
        self.embedder = stack.enter_context(Provider())
        self.bodies = dict.fromkeys(("direct", "LiteLLM", "Portkey"), peer_bodies(
            recorded_prompt(arguments.program, f"{folder}/recorded", self.embedder)))
        self.bodies["Raglan"] = raglan_bodies()

    def start(self, kind, label, provider, **settings):
        folder = f"{self.folder}/{label}"
        if kind == "Raglan":
            gateway = gateways.Raglan(self.arguments.program, folder, provider, self.embedder, documents(), **settings)
        else:
            gateway = {"LiteLLM": gateways.LiteLLM, "Portkey": gateways.Portkey}[kind](folder, provider, **settings)
        self.stack.callback(gateway.stop)  # a second time does nothing
        return gateway

    def start_all(self):
        self.provider = self.stack.enter_context(Provider())
        self.direct = gateways.Direct(self.provider)
        self.gateways = {name: self.start(name, name, self.provider) for name in NAMES}

    def provider_takes(self, latency="0ms", token_delay="0ms"):
        """Raglan begins anew: it learns how fast its provider is, and takes one that is slower at once for overloaded."""
        self.provider.set(latency=latency, token_delay=token_delay)
        self.gateways["Raglan"].stop()
        self.gateways["Raglan"] = self.start("Raglan", f"Raglan, {latency}, {token_delay}", self.provider)
        for name, gateway in self.gateways.items():
            reply = Asker(gateway, self.bodies[name]).ask()[2]
            if ANSWER not in reply:
                raise SystemExit(f"{name} answered {reply[:400]}")
            self.load(gateway, token_delay != "0ms", CLIENTS, 2)  # warm up

    def load(self, gateway, stream, connections, seconds=None):
        return load(gateway, self.bodies[gateway.name], stream, connections, seconds or self.arguments.seconds,
                    self.folder, self.provider)

    def turns(self, number):
        turn = list(self.gateways.values())
        return [*turn[number % len(turn):], *turn[: number % len(turn)]]

    def latency(self):
        compared, direct = Comparison(), {}
        for connections, latency in ((1, "0ms"), (CLIENTS, BUSY_LATENCY)):
            self.provider_takes(latency)
            for number in range(self.arguments.rounds):
                runs = {each.name: self.load(each, False, connections) for each in (self.direct, *self.turns(number))}
                for part in ("p50", "p99"):
                    what = f"{connections} at a time, {part}"
                    direct.setdefault(what, []).append(runs["direct"][part])
                    for name in NAMES:
                        compared.add(what, name, runs[name][part] - runs["direct"][part])
                print(f"  round {number + 1}, {connections} at a time: " + ", ".join(
                    f"{name} {run['p50']:.2f} / {run['p99']:.2f} ms" for name, run in runs.items()), flush=True)
        asked = ", ".join(f"{what} {median(values):.2f}" for what, values in direct.items())
        compared.report(f"added latency, ms (asked directly: {asked})", "{:.2f}")
        return compared.met()

    def cpu(self):
        spent, served, memory = Comparison(), Comparison(), None
        for what, token_delay in (("in one piece", "0ms"), ("streams", TOKEN_DELAY)):
            self.provider_takes(token_delay=token_delay)
            stream = token_delay != "0ms"
            for number in range(self.arguments.rounds):
                seconds = self.arguments.seconds * (2 if stream else 1)
                runs = {each.name: self.load(each, stream, CLIENTS, seconds) for each in self.turns(number)}
                for name, run in runs.items():
                    spent.add(what, name, run["cpu"])
                    served.add(what, name, run["rate"])
                print(f"  round {number + 1}, {what}: " + ", ".join(
                    f"{name} {run['cpu']:.0f} µs ({run['rate']:.0f}/s)" for name, run in runs.items()), flush=True)
            memory = memory or [gateways.memory_mb(each.pid) for each in self.gateways.values()]
        spent.report(f"CPU time of a request, µs, {CLIENTS} clients", "{:.0f}")
        rows = [(f"a core, {what}", *(1e6 / median(runs[name]) for name in NAMES)) for what, runs in spent.runs.items()]
        rows += [(f"served, {what}", *(median(runs[name]) for name in NAMES)) for what, runs in served.runs.items()]
        rows.append(("memory, MB", *memory))
        table("requests a second of a whole core, from that; what was served beside wrk and the provider; memory after it",
              NAMES, [(what, *(f"{figure:.0f}" for figure in figures)) for what, *figures in rows])
        return spent.met()

    def failures(self):
        met = []
        for fault, title in (("refuse", "the provider refuses connections"), ("hang", "the provider never answers")):
            rows = [("Raglan", "Raglan", {}), ("Portkey", "Portkey", {}), ("LiteLLM", "LiteLLM", {}),
                    ("Portkey, 2 retries", "Portkey", {"retries": gateways.RETRIES})]
            quick = 2 if fault == "refuse" else 1  # those that answer at once have the machine to themselves
            with concurrent.futures.ThreadPoolExecutor(len(rows)) as pool:
                answers = [self.fail(fault, *row) for row in rows[:quick]]
                answers += pool.map(lambda row: self.fail(fault, *row), rows[quick:])
            table(f"{title} (timeout {TIMEOUT_SECONDS} s): median (slowest) ms of a question, and the answers",
                  (*PHASES, "asked", "calls of the provider"),
                  [(row[0], *(phase(times[slice(*span)]) for span in PHASES.values()), str(len(times)), str(calls))
                   for row, (times, calls) in zip(rows, answers)])
            ours = answers[0][0]
            met += [all(status.startswith("200") for _, status in ours), median(ms for ms, _ in ours[20:]) <= DEAD_GOAL_MS]
        return met

    def fail(self, fault, label, kind, settings):
        """Times and answers of the questions, and how often the provider was called; refused calls it cannot count."""
        provider = self.stack.enter_context(Provider())
        gateway = self.start(kind, f"{fault}, {label}", provider, timeout=TIMEOUT_SECONDS, **settings)
        asker = Asker(gateway, self.bodies[kind])
        for _ in range(10):
            _, status, reply = asker.ask()
            if status != 200 or ANSWER not in reply:
                raise SystemExit(f"{label} answered {status}: {reply[:400]}")
        provider.reset_stats()
        provider.set(fault=fault)
        answers, ends = [], time.monotonic() + FAILURE_SECONDS
        while len(answers) < FAILED_QUESTIONS and time.monotonic() < ends:
            ms, status, reply = asker.ask()
            answers.append((ms, f"{status} passages" if status == 200 and b'"degraded":{"level":2' in reply else str(status)))
        calls = provider.stats()["calls"].get("/v1/chat/completions", 0)
        return answers, calls if fault == "hang" else "-"


def phase(answers):
    if not answers:
        return "not reached"
    slowest = max(ms for ms, _ in answers)
    figures = f"{median(ms for ms, _ in answers):.1f}" + (f" (≤ {slowest:.0f})" if len(answers) > 1 else "")
    return f"{figures}: " + ", ".join(dict.fromkeys(status for _, status in answers))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=batching.ROOT / "build/raglan")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each run")
    parser.add_argument("--only", choices=("latency", "cpu", "failures"))
    arguments = parser.parse_args()
    needed = (gateways.LITELLM, gateways.PORTKEY, gateways.NODE_JS)
    if shutil.which("wrk") is None or not all(each.exists() for each in needed):
        raise SystemExit("wrk, LiteLLM and Portkey are needed: ./dev bench gateways gets them")
    parts = [arguments.only] if arguments.only else ["latency", "cpu", "failures"]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        bench = Bench(arguments, folder, stack)
        if parts != ["failures"]:
            bench.start_all()
        met = [each for part in parts for each in getattr(bench, part)()]
    print(f"goals: a peer's added latency and CPU time at least {PEER_GOAL:g} × Raglan's; while the provider is dead every "
          f"answer 200, and within {DEAD_GOAL_MS} ms from the 21st on: {met.count(True)} of {len(met)} met")
    return 0 if all(met) else 2


if __name__ == "__main__":
    sys.exit(main())
