"""Embedding throughput and the time of one query: Raglan against the same runtime and graph from Python.

    .deps/venv/bin/python bench/embedding.py [CORPUS.jsonl]

Python sorts by length and embeds batches of 32 (PyPI openvino, tokenizers, numpy), the same threads and
precision. Both sides tokenize inside the measured time and take turns, round by round, in one run,
because machines are noisy; what counts is the median of the paired ratios. Exits 2 on a missed goal.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import openvino
import tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODEL = ROOT / ".deps/models/all-MiniLM-L6-v2"
QUERY = "how do I set up streaming replication between servers?"  # 12 tokens with the special ones
FALLBACK_CORPUS = ROOT / "../shared/data/cranfield/corpus.jsonl"


class PythonSide:
    def __init__(self, graph, threads):
        self.tokenizer = tokenizers.Tokenizer.from_file(str(MODEL / "tokenizer.json"))
        self.tokenizer.enable_truncation(json.loads((MODEL / "sentence_bert_config.json").read_text())["max_seq_length"])
        self.tokenizer.no_padding()
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,
        }
        self.request = openvino.Core().compile_model(str(graph), "CPU", options).create_infer_request()

    def embed(self, texts):
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(ids)), key=lambda text: len(ids[text]))
        vectors = np.empty((len(texts), 384), np.float32)
        for first in range(0, len(order), 32):
            rows = order[first : first + 32]
            length = len(ids[rows[-1]])
            padded = np.zeros((len(rows), length), np.int64)
            mask = np.zeros((len(rows), length), np.int64)
            for row, text in enumerate(rows):
                padded[row, : len(ids[text])] = ids[text]
                mask[row, : len(ids[text])] = 1
            vectors[rows] = self.request.infer({"input_ids": padded, "attention_mask": mask})[0]
        return vectors

    def all_seconds(self, texts):
        started = time.perf_counter()
        self.embed(texts)
        return time.perf_counter() - started

    def query_seconds(self, text, times):
        return statistics.median(self.all_seconds([text]) for _ in range(times))


class RaglanSide:
    def __init__(self, program, texts, graph, threads):
        self.process = subprocess.Popen(
            [program, MODEL, texts, graph, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout.readline() == "ready\n", "embedding_bench did not start"

    def seconds(self, command):
        print(command, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def corpus_texts(path, count):
    records = (json.loads(line) for line in path.open(encoding="utf-8"))
    texts = [f"{record.get('title', '')}\n{record['text']}".strip() for record in records]
    return [text for text in texts if text][:count]


def paired(name, rounds, ours, theirs, unit, scale):
    """Median of theirs / ours over the rounds; who goes first alternates."""
    pairs = []
    for number in range(rounds):
        if number % 2 == 0:
            mine, other = ours(), theirs()
        else:
            other, mine = theirs(), ours()
        pairs.append((mine, other))
        print(f"  {name} round {number + 1}: Raglan {scale(mine):.2f} {unit}, Python {scale(other):.2f} {unit}, ratio {other / mine:.3f}", flush=True)
    return statistics.median(other / mine for mine, other in pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?", type=pathlib.Path, default=FALLBACK_CORPUS)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/embedding_bench")
    parser.add_argument("--texts", type=int, default=256, help="how many of the corpus")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--command", default="all", choices=["all", "queued"], help="one call, or through the queue")
    arguments = parser.parse_args()
    texts = corpus_texts(arguments.corpus, arguments.texts)

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lines = folder / "texts.jsonl"
        lines.write_text("".join(json.dumps(text) + "\n" for text in [QUERY, *texts]))
        raglan = RaglanSide(arguments.program, lines, folder / "graph.xml", arguments.threads)
        python = PythonSide(folder / "graph.xml", arguments.threads)
        everything = [QUERY, *texts]
        raglan.seconds(arguments.command), python.all_seconds(everything)  # warm up
        print(f"{len(everything)} texts of {arguments.corpus.parent.name}, {arguments.threads} threads")
        throughput = paired(
            "throughput", arguments.rounds, lambda: raglan.seconds(arguments.command),
            lambda: python.all_seconds(everything), "texts/s", lambda seconds: len(everything) / seconds,
        )
        times = 50
        query = paired(
            "one query", arguments.rounds, lambda: raglan.seconds(f"query {times}"),
            lambda: python.query_seconds(QUERY, times), "ms", lambda seconds: seconds * 1000,
        )
        tokenize = raglan.seconds("tokenize")
    print(f"throughput, Raglan / Python: median {throughput:.3f}  (goal: at least 0.97)")
    print(f"one query, Raglan's time / Python's: median {1 / query:.3f}  (goal: at most 1.10)")
    print(f"tokenizing alone: {len(everything) / tokenize:.0f} texts/s")
    return 0 if throughput >= 0.97 and 1 / query <= 1.1 else 2


if __name__ == "__main__":
    sys.exit(main())
