"""Embedding throughput and the time of one query: Raglan against the same runtime and graph from Python.

    .deps/venv/bin/python bench/embedding.py [FOLDER]

FOLDER holds a corpus.jsonl in BEIR's layout, whose titles and texts are embedded. Without it, text of the
PostgreSQL manual is cut to the lengths of a typical collection of abstracts (log-normal, median 156 words,
as Cranfield's). Python sorts by length and embeds batches of 32 (PyPI openvino, tokenizers, numpy), the
same threads and precision. Both sides tokenize inside the measured time and take turns, round by round, in
one run, because machines are noisy; what counts is the median of the paired ratios. Exits 2 on a missed
goal.
"""

import argparse
import html.parser
import json
import os
import pathlib
import random
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
MANUAL = ROOT / ".deps/corpora/postgresql-doc-15/usr/share/doc/postgresql-doc-15/html"
MEDIAN_WORDS, LOG_DEVIATION = 156, 0.5


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

    def cpu_seconds(self):
        return time.process_time()


class RaglanSide:
    def __init__(self, program, texts, graph, threads):
        self.process = subprocess.Popen(
            [program, MODEL, texts, graph, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout.readline() == "ready\n", "embedding_bench did not start"

    def seconds(self, command):
        print(command, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_megabytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


def corpus_texts(path, count):
    records = (json.loads(line) for line in path.open(encoding="utf-8"))
    texts = [f"{record.get('title', '')}\n{record['text']}".strip() for record in records]
    return [text for text in texts if text][:count]


class Words(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.words = []

    def handle_data(self, text):
        self.words += text.split()


def manual_texts(count):
    """Running text of the manual's pages, cut to lengths of the distribution, the same every time."""
    rng = random.Random(1)
    pages = sorted(MANUAL.glob("*.html"))
    rng.shuffle(pages)
    for page in pages:
        parser = Words()
        parser.feed(page.read_text(encoding="utf-8"))
        words = parser.words
        while count > 0 and len(words) > MEDIAN_WORDS:
            length = round(rng.lognormvariate(0, LOG_DEVIATION) * MEDIAN_WORDS)
            yield " ".join(words[:length])
            words = words[length:]
            count -= 1


def paired_cpu(rounds, ours, theirs, work):
    """Median of our CPU time over theirs: what the wall clock cannot say on a busy machine."""
    ratios = []
    for _ in range(rounds):
        spent = []
        for side in (ours, theirs):
            before = side.cpu_seconds()
            work(side)
            spent.append(side.cpu_seconds() - before)
        ratios.append(spent[0] / spent[1])
    return statistics.median(ratios)


def paired(name, rounds, ours, theirs, unit, scale):
    """Median of theirs / ours over the rounds; who goes first alternates."""
    pairs = []
    for number in range(rounds):
        if number % 2 == 0:
            mine, other = ours(), theirs()
        else:
            other, mine = theirs(), ours()
        pairs.append((mine, other))
        print(f"  {name} round {number + 1}: Raglan {scale(mine):.2f} {unit}, Python {scale(other):.2f} {unit}, {other / mine:.3f} times as fast", flush=True)
    return statistics.median(other / mine for mine, other in pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/embedding_bench")
    parser.add_argument("--texts", type=int, default=256, help="how many of the corpus")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--command", default="all", choices=["all", "queued"], help="one call, or through the queue")
    arguments = parser.parse_args()
    if arguments.folder:
        texts = corpus_texts(arguments.folder / "corpus.jsonl", arguments.texts)
    else:
        texts = list(manual_texts(arguments.texts))

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lines = folder / "texts.jsonl"
        lines.write_text("".join(json.dumps(text) + "\n" for text in [QUERY, *texts]))
        raglan = RaglanSide(arguments.program, lines, folder / "graph.xml", arguments.threads)
        python = PythonSide(folder / "graph.xml", arguments.threads)
        loaded = raglan.resident_megabytes()
        everything = [QUERY, *texts]
        raglan.seconds(arguments.command), python.all_seconds(everything)  # warm up
        source = arguments.folder.name if arguments.folder else "the PostgreSQL manual"
        print(f"{len(everything)} texts of {source}, {arguments.threads} threads")
        throughput = paired(
            "throughput", arguments.rounds, lambda: raglan.seconds(arguments.command),
            lambda: python.all_seconds(everything), "texts/s", lambda seconds: len(everything) / seconds,
        )
        times = 25
        query = paired(
            "one query", 2 * arguments.rounds, lambda: raglan.seconds(f"query {times}"),
            lambda: python.query_seconds(QUERY, times), "ms", lambda seconds: seconds * 1000,
        )
        cpu = paired_cpu(
            max(1, arguments.rounds // 2), raglan, python,
            lambda side: side.seconds(arguments.command) if side is raglan else side.embed(everything),
        )
        tokenize = raglan.seconds("tokenize")
        worked = raglan.resident_megabytes()
    print(f"throughput, Raglan / Python: median {throughput:.3f}  (goal: at least 0.97)")
    print(f"one query, Raglan's time / Python's: median {1 / query:.3f}  (goal: at most 1.10)")
    print(f"CPU time of all texts, Raglan's / Python's: median {cpu:.3f}")
    print(f"tokenizing alone: {len(everything) / tokenize:.0f} texts/s")
    print(f"resident memory of Raglan's side: {loaded:.0f} MB when loaded, {worked:.0f} MB after work")
    return 0 if throughput >= 0.97 and 1 / query <= 1.1 else 2


if __name__ == "__main__":
    sys.exit(main())
