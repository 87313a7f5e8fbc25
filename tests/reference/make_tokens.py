"""Writes tokens.jsonl: texts and the ids that the reference tokenizer (PyPI tokenizers) gives them.

    .deps/venv/bin/python tests/reference/make_tokens.py

src/model/reference_test.cpp reads it, so that the ordinary tests need no Python.
"""

import json
import pathlib

import check_tokenizer
import texts as sets

OUT = pathlib.Path(__file__).with_name("tokens.jsonl")


def main():
    reference = check_tokenizer.reference_tokenizer(check_tokenizer.MODEL / "tokenizer.json")
    texts = sets.ORDINARY + sets.NASTY + list(sets.random_texts(80, seed=2))
    with OUT.open("w", encoding="utf-8") as out:
        for text in texts:
            out.write(json.dumps({"text": text, "ids": reference.encode(text).ids}, separators=(",", ":")) + "\n")
    print(f"{OUT.name}: {len(texts)} texts")


if __name__ == "__main__":
    main()
