"""CPU time of one GET: Raglan's Redis client under 64 concurrent coroutines, against hiredis' own.

    .deps/venv/bin/python bench/redis.py [--rounds N] [--commands N] [--json]

One process has both: our client on one event loop, asked by many coroutines at once, and hiredis'
synchronous client, one command after the other, on a redis-server of the benchmark's own behind a unix
socket. Counted is the process's CPU time, user and system, not the server's. They take turns; what counts
is the median of the ratios of neighbouring runs. Shown beside it, without a goal: the same coroutines
with a connection each (docs/decisions/0009), and a single one, which has nobody to share with. Exits 2 on
a missed goal.
"""

import argparse
import json
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = ROOT / "build/redis_bench"
SERVER = "/usr/bin/redis-check-rdb"  # of redis-tools: the server, when it is called by that name
VALUE_BYTES = 1024
GOAL = 1.0
CASES = (  # name, coroutines, commands that share a connection
    ("64 coroutines", 64, 64),
    ("64, a connection each", 64, 1),
    ("1 coroutine", 1, 64),
)


class Server:
    def __init__(self, folder):
        self.path = f"{folder}/redis.sock"
        words = ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "", "--dir", folder]
        self.process = subprocess.Popen(words, executable=SERVER, stdout=subprocess.DEVNULL)

    def __enter__(self):
        for _ in range(500):
            try:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(self.path)
                    return self
            except OSError:
                time.sleep(0.02)
        raise SystemExit("redis-server does not listen")

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait(20)


def compare(server, rounds, commands, name, coroutines, pipelined):
    words = [str(BINARY), server.path, str(rounds), str(commands), str(coroutines), str(pipelined), str(VALUE_BYTES)]
    said = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    runs = [tuple(map(float, line.split())) for line in said.splitlines()]
    ours, theirs, our_seconds, their_seconds = (statistics.median(column) for column in zip(*runs))
    return {
        "case": name,
        "raglan_us": ours,
        "hiredis_us": theirs,
        "ratio": statistics.median(our / their for our, their, *_ in runs),
        "raglan_per_second": commands / our_seconds,
        "hiredis_per_second": commands / their_seconds,
    }


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--commands", type=int, default=64_000)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, Server(folder) as server:
        results = [compare(server, options.rounds, options.commands, *case) for case in CASES]
    missed = results[0]["ratio"] > GOAL
    if options.json:
        print(json.dumps({"results": results, "missed": ["ratio"] if missed else []}))
        return 2 if missed else 0
    for each in results:
        print(
            f"{each['case']:22} CPU time of one GET of {VALUE_BYTES} bytes, medians: "
            f"Raglan {each['raglan_us']:.2f} µs ({each['raglan_per_second']:.0f}/s), "
            f"hiredis {each['hiredis_us']:.2f} µs ({each['hiredis_per_second']:.0f}/s); "
            f"median ratio {each['ratio']:.3f}"
        )
    print(f"goal: at most {GOAL} with {CASES[0][0]}: {'missed' if missed else 'met'}")
    return 2 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
