"""Search over 100,000 chunks: latency, recall, memory, start-up, ingest, and BM25 against bm25s.

    .deps/venv/bin/python bench/search.py [--chunks N] [--json]

Needs the documents that ./dev bench unpacks (PostgreSQL's and Python's manuals, perl's FAQ) and the
model. Two things are made, not real, and the report says so:
  - texts: the manuals give fewer than 100,000 passages, so a chunk is the first half of one passage
    and the second half of another one;
  - vectors: those of a few thousand passages are real; a chunk's is the sum of two of them, the second
    weighted by a random part of 1, plus noise of length 0.35, normalised.
Questions and their vectors are real: perl's FAQ, and sentences of passages that are not in the index.

bm25s (PyPI, with PyStemmer, its default backend) answers the same questions over the same texts, one at
a time, top 100, in turns with Raglan; its tokenizing of the question is not counted, Raglan's is.
Exits 2 on a missed goal.
"""

import argparse
import html.parser
import json
import pathlib
import random
import re
import statistics
import subprocess
import sys
import time

import bm25s
import Stemmer

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODEL = ROOT / ".deps/models/all-MiniLM-L6-v2"
CORPORA = ROOT / ".deps/corpora"
WORK = ROOT / ".deps/bench-search"
BINARY = ROOT / "build/search_bench"

PASSAGE_WORDS = 120
REAL_VECTORS = 3000
QUESTIONS = 400
ROUNDS = 5
BM25_GOAL = 2.0
RECALL_GOAL = 0.98


class Text(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts, self.hidden = [], 0

    def handle_starttag(self, tag, attributes):
        self.hidden += tag in ("script", "style", "head")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style", "head")

    def handle_data(self, text):
        if not self.hidden:
            self.parts.append(text)


def passages():
    found = []
    for package in ("postgresql-doc-15", "python3.11-doc"):
        for path in sorted((CORPORA / package).rglob("*.html")):
            parser = Text()
            parser.feed(path.read_text(errors="replace"))
            words = " ".join(parser.parts).split()
            found += [
                " ".join(words[i : i + PASSAGE_WORDS]) for i in range(0, len(words) - PASSAGE_WORDS + 1, PASSAGE_WORDS)
            ]
    random.shuffle(found)
    return found


def questions(held_out):
    asked = []
    for path in sorted((CORPORA / "perl-doc").rglob("perlfaq*.pod")):
        asked += [line.strip() for line in re.findall(r"^=head2 (.*\?)", path.read_text(errors="replace"), re.M)]
    random.shuffle(asked)
    asked = asked[: QUESTIONS // 2]
    for passage in held_out:
        sentence = re.search(r"[A-Z][^.?!]{40,120}[.?!]", passage)
        if sentence and len(asked) < QUESTIONS:
            asked.append(sentence.group())
    return [re.sub(r"[A-Z]<+\s*|\s*>+", "", question) for question in asked]  # pod's markup


def halves(passage):
    words = passage.split()
    return " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])


def prepare(count):
    """Writes what the C++ side reads; returns the chunks' texts and the questions."""
    random.seed(42)
    WORK.mkdir(parents=True, exist_ok=True)
    real = passages()
    asked = questions(real[:2000])
    real = real[2000:]
    print(f"   {len(real)} real passages, {len(asked)} questions", file=sys.stderr)
    texts, lines, used = [], [], set()
    while len(texts) < count:
        # A passage borrows the vector of the passage with its number modulo REAL_VECTORS.
        a, b = random.randrange(len(real)), random.randrange(len(real))
        if (a, b) in used:
            continue
        used.add((a, b))
        texts.append(halves(real[a])[0] + " " + halves(real[b])[1])
        lines.append(f"{a % REAL_VECTORS} {b % REAL_VECTORS} {texts[-1]}\n")
    (WORK / "chunks.txt").write_text("".join(lines))
    embed("base", real[:REAL_VECTORS])
    embed("questions", asked)
    return texts, asked


def embed(name, texts):
    """Once for the same texts."""
    content = "".join(text + "\n" for text in texts)
    path, vectors = WORK / f"{name}.txt", WORK / f"{name}.f32"
    if vectors.exists() and path.exists() and path.read_text() == content:
        return
    path.write_text(content)
    print(f"   embedding {len(texts)} texts", file=sys.stderr)
    partial = WORK / f"{name}.partial"
    subprocess.run([BINARY, "embed", MODEL, path, partial], check=True)
    partial.rename(vectors)


class Raglan:
    """The C++ side: one command a line, answered by one line of JSON."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, command):
        print(f"   raglan: {command}", file=sys.stderr)
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.process.args[0]} ended with {self.process.wait()}")
        print(f"      {answer}", end="", file=sys.stderr)
        return json.loads(answer)


class Bm25s:
    def __init__(self, texts):
        self.stemmer = Stemmer.Stemmer("english")
        self.index = bm25s.BM25()
        self.index.index(self.tokens(texts, False), show_progress=False)

    def tokens(self, texts, ids):
        return bm25s.tokenize(texts, stopwords="en", stemmer=self.stemmer, return_ids=not ids, show_progress=False)

    def seconds(self, asked):
        tokenized = [self.tokens([question], True) for question in asked]
        started = time.perf_counter()
        for tokens in tokenized:
            self.index.retrieve(tokens, k=100, show_progress=False)
        return time.perf_counter() - started


def measure(chunks):
    texts, asked = prepare(chunks)
    raglan = Raglan(BINARY, "serve", WORK)
    report = {"chunks": chunks, "ingest": raglan.do("ingest")}
    report["bm25"] = compare_bm25(raglan, texts, asked)
    report["graph"] = raglan.do("graph")
    report["rss_after_ingest"] = raglan.do("rss")
    raglan.do("open")  # saves the snapshot on closing
    report["start_snapshot"] = raglan.do("open")
    report["rss_after_start"] = raglan.do("rss")
    raglan.do(f"hybrid {QUESTIONS}")  # warms up
    report["hybrid"] = [raglan.do("hybrid 2000") for _ in range(ROUNDS)]
    report["recall"] = raglan.do("recall")
    report["writing"] = raglan.do("writing 4000")
    report["start_rebuild"] = raglan.do("rebuild")
    return report


def compare_bm25(raglan, texts, asked):
    other = Bm25s(texts)
    other.seconds(asked), raglan.do("bm25")
    rounds = []
    for _ in range(ROUNDS):
        ours, theirs = raglan.do("bm25")["seconds"], other.seconds(asked)
        rounds.append({"raglan_ms": 1000 * ours / len(asked), "bm25s_ms": 1000 * theirs / len(asked)})
        print(f"      {rounds[-1]}", file=sys.stderr)
    return rounds


def summary(report):
    middle = statistics.median
    ratio = middle(each["raglan_ms"] / each["bm25s_ms"] for each in report["bm25"])
    ingest = report["ingest"]
    return {
        "hybrid_p50_ms": middle(each["p50_ms"] for each in report["hybrid"]),
        "hybrid_p99_ms": middle(each["p99_ms"] for each in report["hybrid"]),
        "hybrid_p99_ms_while_writing": report["writing"]["search"]["p99_ms"],
        "recall_at_10": report["recall"]["recall@10"],
        "bm25_ms": middle(each["raglan_ms"] for each in report["bm25"]),
        "bm25s_ms": middle(each["bm25s_ms"] for each in report["bm25"]),
        "bm25_ratio": ratio,
        "rss_mb": report["rss_after_start"]["mb"],
        "start_from_snapshot_s": report["start_snapshot"]["seconds"],
        "start_by_rebuilding_s": report["start_rebuild"]["seconds"],
        "graph_build_s": report["graph"]["seconds"],
        "ingest_documents_per_s": ingest["documents"] / ingest["seconds"],
        "ingest_chunks_per_s": ingest["chunks"] / ingest["seconds"],
    }


def main(title, measure, summary, goals, least_chunks=1):
    """A benchmark over so many chunks, with its options and its report. `goals(figures)`: of each, what it is and whether
    it is met. Gives the exit code."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--chunks", type=int, default=100_000)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    if options.chunks < least_chunks:
        arguments.error(f"--chunks must be at least {least_chunks}")
    report = measure(options.chunks)
    figures = summary(report)
    judged = goals(figures)
    missed = [goal for goal, met in judged if not met]
    if options.json:
        print(json.dumps({"figures": figures, "missed": missed, "runs": report}))
    else:
        print(title.format(chunks=options.chunks))
        for name, value in figures.items():
            print(f"  {name:30} {value:12.3f}")
        print(f"  goals: {', '.join(goal for goal, _ in judged)}: {'missed ' + ', '.join(missed) if missed else 'met'}")
    return 2 if missed else 0


def goals(figures):
    return [(f"bm25_ratio <= {BM25_GOAL}", figures["bm25_ratio"] <= BM25_GOAL),
            (f"recall_at_10 >= {RECALL_GOAL}", figures["recall_at_10"] >= RECALL_GOAL)]


if __name__ == "__main__":
    sys.exit(main("search over {chunks} chunks (recombined real text; vectors perturbed from real embeddings)", measure,
                  summary, goals))
