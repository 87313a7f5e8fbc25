"""Compares token ids with the reference tokenizer's (PyPI tokenizers), text by text.

    .deps/venv/bin/python tests/reference/check_tokenizer.py [FILE or FOLDER]...

Always: the nasty texts of texts.py, random strings, and every code point, alone and between letters.
FILE is a BEIR corpus.jsonl (titles and texts) or any text file (its lines, markup and all); a FOLDER
stands for the .html, .txt and .jsonl files below it. Exits 1 when any text's ids differ.
"""

import argparse
import itertools
import json
import pathlib
import struct
import subprocess
import sys
import time

import tokenizers

import texts as sets

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / ".deps/models/all-MiniLM-L6-v2"


def reference_tokenizer(path):
    reference = tokenizers.Tokenizer.from_file(str(path))
    reference.no_truncation()
    reference.no_padding()
    return reference


def our_ids(program, tokenizer_file, texts):
    encoded = [text.encode() for text in texts]
    stdin = b"".join(struct.pack("<I", len(text)) + text for text in encoded)
    out = subprocess.run([program, tokenizer_file], input=stdin, stdout=subprocess.PIPE, check=True).stdout
    numbers = memoryview(out).cast("I")
    ids, at = [], 0
    for _ in texts:
        count = numbers[at]
        ids.append(numbers[at + 1 : at + 1 + count].tolist())
        at += 1 + count
    assert at == len(numbers), "more output than texts"
    return ids


def code_points():
    return (chr(c) for c in range(0x110000) if not 0xd800 <= c < 0xe000)


def file_texts(path):
    if path.is_dir():
        for below in sorted(path.rglob("*")):
            if below.suffix in (".html", ".txt", ".jsonl") and below.is_file():
                yield from file_texts(below)
    elif path.suffix == ".jsonl":
        for line in path.open(encoding="utf-8"):
            record = json.loads(line)
            yield from (record[key] for key in ("title", "text") if record.get(key))
    else:
        text = path.read_text(encoding="utf-8", errors="replace")
        yield from text.split("\n")
        yield text  # whole as well: cutting it up must change nothing


def compare(name, texts, reference, arguments):
    checked = different = 0
    seconds = {"ours": 0.0, "reference": 0.0}
    texts = iter(texts)
    while batch := list(itertools.islice(texts, 50_000)):
        started = time.perf_counter()
        ours = our_ids(arguments.program, arguments.tokenizer, batch)
        seconds["ours"] += time.perf_counter() - started
        started = time.perf_counter()
        expected = reference.encode_batch(batch)
        seconds["reference"] += time.perf_counter() - started
        for text, got, encoding in zip(batch, ours, expected):
            if got != encoding.ids:
                different += 1
                if different <= arguments.show:
                    print(f"  {text[:60]!r} {[hex(ord(c)) for c in text[:6]]}\n    reference {encoding.ids[:20]}\n    ours      {got[:20]}")
        checked += len(batch)
    print(f"{name}: {checked} texts, {different} differ  (ours {seconds['ours']:.1f} s, reference {seconds['reference']:.1f} s)", flush=True)
    return different


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=pathlib.Path)
    parser.add_argument("--program", default=ROOT / "build/tokenize_dump", type=pathlib.Path)
    parser.add_argument("--tokenizer", default=MODEL / "tokenizer.json", type=pathlib.Path)
    parser.add_argument("--random", default=100_000, type=int, help="how many random strings")
    parser.add_argument("--show", default=5, type=int, help="differences shown of each set")
    arguments = parser.parse_args()
    reference = reference_tokenizer(arguments.tokenizer)

    different = compare("ordinary", sets.ORDINARY, reference, arguments)
    different += compare("nasty", sets.NASTY, reference, arguments)
    different += compare("random", sets.random_texts(arguments.random, seed=1), reference, arguments)
    different += compare("code points alone", code_points(), reference, arguments)
    different += compare("code points between letters", (f"a{c}b" for c in code_points()), reference, arguments)
    for path in arguments.paths:
        different += compare(str(path), file_texts(path), reference, arguments)
    print("no differences" if different == 0 else f"{different} texts differ")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
