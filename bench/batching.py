"""What batching saves: calls of a provider of embeddings and time, each text alone against full batches.

    .deps/venv/bin/python bench/batching.py [--rounds N] [--latency MS]

A real node, and the provider stand-in behind it, whose calls cost 20 ms. "Off" is the same node with calls of
one text (embedding.max_batch_texts = 1), as a client without batching makes them; both may have four calls
under way. The node keeps no answers and no vectors between rounds: each begins with an empty data folder, and
questions bypass the caches. Three loads:

    one request     1,000 documents of a hundred words in one POST /v1/documents
    64 writers      the same documents, one a request, by 64 clients
    64 questioners  1,000 different questions by 64 clients, passages only

Then the model in this process: 512 texts of 16 tokens through the embedding queue, and one after the other.
Off and on take turns, round by round, because machines are noisy; what counts is the median of the ratios of
neighbouring runs. Exits 2 on a missed goal.
"""

import argparse
import http.client
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/support"))
from provider import Provider  # noqa: E402

MODEL = ROOT / ".deps/models/all-MiniLM-L6-v2"
DOCUMENTS = 1000
QUESTIONS = 1000
CLIENTS = 64
MODES = {"off": "embedding.max_batch_texts=1", "on": "embedding.max_batch_texts=2048"}
CALLS_GOAL, THROUGHPUT_GOAL, LOCAL_GOAL = 10, 2, 1.5
# Common words of the tokenizer's vocabulary: one token each, whichever of them.
WORDS = "time year people way day man thing woman life child world school state family student group country problem hand part place case week company system program question work government number night point home water room mother area money story fact month lot right study book eye job word business issue side kind head house service friend father power hour game line end member law car city community name".split()


def sentence(rng, words):
    return " ".join(rng.choice(WORDS) for _ in range(words))


class Node:
    """One `raglan serve` on an empty data folder, whose vectors come from the provider."""

    def __init__(self, program, folder, provider, *settings):
        chosen = [
            "embedding.provider=openai", f"embedding.base_url={provider.url}/v1", "embedding.model=stand-in",
            "embedding.dimensions=384", "log.level=warning", *settings,
        ]
        flags = [part for setting in chosen for part in ("--set", setting)]
        command = [program, "serve", "--data", folder, "--listen", "127.0.0.1:0", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
        self.address = self.process.stdout.readline().split("//")[-1].strip()
        while self.request("GET", "/startup", None, check=False) != 200:
            time.sleep(0.01)

    def request(self, method, path, value, connection=None, check=True):
        own = connection or http.client.HTTPConnection(self.address, timeout=600)
        body = None if value is None else json.dumps(value)
        own.request(method, path, body, {"content-type": "application/json"})
        response = own.getresponse()
        text = response.read()
        if check and response.status != 200:
            raise SystemExit(f"{path} was answered {response.status}: {text[:300]}")
        if connection is None:
            own.close()
        return response.status

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def by_clients(node, path, bodies):
    """All bodies, one after the other on each of CLIENTS connections."""

    def client(mine):
        connection = http.client.HTTPConnection(node.address, timeout=600)
        for body in mine:
            node.request("POST", path, body, connection)
        connection.close()

    threads = [threading.Thread(target=client, args=(bodies[n::CLIENTS],)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_once(program, provider, latency, mode, load, seed):
    """Calls of the provider, and seconds."""
    rng = random.Random(seed)
    documents = [
        {"id": f"d{n}", "title": f"Document {n}", "text": sentence(rng, 100) + "."} for n in range(DOCUMENTS)
    ]
    with tempfile.TemporaryDirectory() as folder:
        node = Node(program, folder, provider, MODES[mode])
        if load == "64 questioners":
            provider.set(latency="0ms")
            node.request("POST", "/v1/documents", {"documents": documents})
        provider.set(latency=latency)
        provider.reset_stats()
        began = time.perf_counter()
        if load == "one request":
            node.request("POST", "/v1/documents", {"documents": documents})
        elif load == "64 writers":
            by_clients(node, "/v1/documents", documents)
        else:
            questions = [
                {"query": sentence(rng, 12) + "?", "mode": "retrieve", "cache": "bypass"} for _ in range(QUESTIONS)
            ]
            by_clients(node, "/v1/query", questions)
        seconds = time.perf_counter() - began
        stats = provider.stats()
        node.stop()
    expected = QUESTIONS if load == "64 questioners" else DOCUMENTS
    if stats["texts"] < expected:
        raise SystemExit(f"{load}, {mode}: {stats['texts']} texts were embedded, not {expected}")
    return provider_calls(stats), seconds


def provider_calls(stats):
    return stats["calls"].get("/v1/embeddings", 0)


def compare(program, provider, latency, load, rounds):
    """Medians of the ratios: how many times fewer calls, how many times the throughput."""
    fewer, faster, figures = [], [], {"off": [], "on": []}
    for number in range(rounds):
        order = ("off", "on") if number % 2 == 0 else ("on", "off")
        results = {mode: run_once(program, provider, latency, mode, load, number) for mode in order}
        for mode, result in results.items():
            figures[mode].append(result)
        fewer.append(results["off"][0] / results["on"][0])
        faster.append(results["off"][1] / results["on"][1])
        print(f"  {load}, round {number + 1}: off {results['off'][0]} calls, {results['off'][1]:.2f} s; "
              f"on {results['on'][0]} calls, {results['on'][1]:.2f} s", flush=True)
    calls = {mode: statistics.median(run[0] for run in runs) for mode, runs in figures.items()}
    seconds = {mode: statistics.median(run[1] for run in runs) for mode, runs in figures.items()}
    fewer, faster = statistics.median(fewer), statistics.median(faster)
    print(f"{load}, medians: off {calls['off']:.0f} calls, {seconds['off']:.2f} s; on {calls['on']:.0f} calls, "
          f"{seconds['on']:.2f} s; {fewer:.1f} × fewer calls (goal: {CALLS_GOAL}), {faster:.1f} × the throughput "
          f"(goal: {THROUGHPUT_GOAL})", flush=True)
    return fewer >= CALLS_GOAL and faster >= THROUGHPUT_GOAL


def compare_local(program, rounds):
    """Texts of 16 tokens, the special ones included: through the queue, and each alone."""
    rng = random.Random(1)
    texts = [sentence(rng, 14) for _ in range(512)]
    with tempfile.TemporaryDirectory() as folder:
        lines = pathlib.Path(folder, "texts.jsonl")
        lines.write_text("".join(json.dumps(text) + "\n" for text in texts))
        command = [program, MODEL, lines, pathlib.Path(folder, "graph.xml"), str(os.cpu_count())]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n", "embedding_bench did not start"

        def seconds(command):
            print(command, file=process.stdin, flush=True)
            return float(process.stdout.readline())

        seconds("queued"), seconds("singly")  # warm up
        ratios = []
        for number in range(rounds):
            order = ("queued", "singly") if number % 2 == 0 else ("singly", "queued")
            took = {name: seconds(name) for name in order}
            ratios.append(took["singly"] / took["queued"])
            print(f"  local, round {number + 1}: batched {len(texts) / took['queued']:.0f} texts/s, one by one "
                  f"{len(texts) / took['singly']:.0f} texts/s, ratio {ratios[-1]:.2f}", flush=True)
        process.stdin.close()
        process.wait(60)
    ratio = statistics.median(ratios)
    print(f"local model, texts of 16 tokens: {ratio:.2f} × the throughput in batches (goal: {LOCAL_GOAL})")
    return ratio >= LOCAL_GOAL


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/raglan")
    parser.add_argument("--embedding-program", type=pathlib.Path, default=ROOT / "build/embedding_bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=int, default=20, help="milliseconds of a call of the provider")
    arguments = parser.parse_args()
    latency = f"{arguments.latency}ms"
    with Provider() as provider:
        met = [
            compare(arguments.program, provider, latency, load, arguments.rounds)
            for load in ("one request", "64 writers", "64 questioners")
        ]
    met.append(compare_local(arguments.embedding_program, arguments.rounds))
    return 0 if all(met) else 2


if __name__ == "__main__":
    sys.exit(main())
