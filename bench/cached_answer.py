"""CPU time of a cached answer: a hit of Raglan's query cache against nginx's static response.

    .deps/venv/bin/python bench/cached_answer.py [--rounds N] [--seconds S]

A node answers one question about this project's own documents; then wrk asks it again and again, by
kept-alive POSTs, and every reply is a hit: the body parsed, the collection's generation looked up, the
key made, the entry found, and a reply written with its own id and times. nginx answers the same POST with
a body of the same bytes, which it has in its configuration. One worker each. As in http_core.py, the
measure is the server's CPU time, and what counts is the median of the ratios of neighbouring runs. Exits
2 on a missed goal.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import http_core

ROOT = pathlib.Path(__file__).resolve().parents[1]
GOAL = 1.5
QUESTION = {"query": "Which rules hold for event loops?"}


class CachedAnswer:
    name = "Raglan"

    def __init__(self, program, folder):
        data = ["--data", f"{folder}/data"]
        documents = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "docs"]
        subprocess.run([program, "ingest", *documents, *data], check=True, stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen(
            [program, "serve", *data, "--listen", "127.0.0.1:0", "--set", "server.threads=1",
             "--set", "cache.warmup.refresh=false", "--set", "log.level=warning"],
            stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1] + "/v1/query"
        self.wait_started()

    def wait_started(self):
        startup = self.url.replace("/v1/query", "/startup")
        while True:
            try:
                return urllib.request.urlopen(startup, timeout=60).read()
            except urllib.error.HTTPError:
                pass

    def ask(self):
        request = urllib.request.Request(self.url, json.dumps(QUESTION).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def static_twin(body):
    """A JSON text of the same number of bytes that nginx's configuration can hold in quotes."""
    filler = "".join(c if c.isalnum() else " " for c in body.decode(errors="replace"))
    text = '{"answer":"' + filler
    return text[: len(body) - 2] + '"}' if len(text) >= len(body) - 2 else text.ljust(len(body) - 2) + '"}'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/raglan")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3, help="of each run")
    arguments = parser.parse_args()
    nginx_program = http_core.NGINX if http_core.NGINX.exists() else shutil.which("nginx")
    if nginx_program is None or shutil.which("wrk") is None:
        raise SystemExit("nginx and wrk are needed: ./dev bench gets them")
    with tempfile.TemporaryDirectory() as folder:
        raglan = CachedAnswer(arguments.program, folder)
        raglan.ask()
        reply = raglan.ask()
        assert json.loads(reply)["cache"]["status"] == "hit", reply
        nginx = http_core.Nginx(nginx_program, 1, folder, static_twin(reply))
        script = pathlib.Path(folder, "ask.lua")
        script.write_text(f"wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\n"
                          f"wrk.body = '{json.dumps(QUESTION)}'\n")
        pairs = []
        for server in (raglan, nginx):
            http_core.measure(server, 1, script)  # warm up
        for number in range(arguments.rounds):
            order = (raglan, nginx) if number % 2 == 0 else (nginx, raglan)
            results = {server.name: http_core.measure(server, arguments.seconds, script) for server in order}
            (ours, our_rate), (theirs, their_rate) = results["Raglan"], results["nginx"]
            pairs.append((ours, theirs))
            print(f"  round {number + 1}: Raglan {ours:.2f} µs ({our_rate:.0f}/s), nginx {theirs:.2f} µs "
                  f"({their_rate:.0f}/s), ratio {ours / theirs:.3f}", flush=True)
        raglan.stop()
        nginx.stop()
    ours, theirs = (statistics.median(side) for side in zip(*pairs))
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    print(f"cached answer of {len(reply)} bytes: CPU time, medians: Raglan {ours:.2f} µs, nginx {theirs:.2f} µs; "
          f"median ratio {ratio:.3f}  (goal: at most {GOAL})")
    return 0 if ratio <= GOAL else 2


if __name__ == "__main__":
    sys.exit(main())
