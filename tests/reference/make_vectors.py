"""Writes vectors.jsonl: texts and their vectors, by an implementation that shares nothing with Raglan.

    .deps/venv/bin/python tests/reference/make_vectors.py

BERT in numpy (bert_numpy.py), straight from the weights; the ids are PyPI tokenizers'.
src/model/reference_test.cpp reads the file.
"""

import json
import pathlib

import bert_numpy
import check_tokenizer
import texts as sets

OUT = pathlib.Path(__file__).with_name("vectors.jsonl")
MODEL = check_tokenizer.MODEL
LONG = (
    "The write-ahead log records every change before it is made to the data files, so that after a crash the database "
    "can be brought back to a consistent state by replaying the records since the last checkpoint. "
)
TEXTS = sets.ORDINARY[:14] + [sets.ORDINARY[17], "a" * 101, "[CLS] [MASK] \u0301", LONG, LONG * 5, LONG * 20]


def main():
    config = json.loads((MODEL / "config.json").read_text())
    max_tokens = json.loads((MODEL / "sentence_bert_config.json").read_text())["max_seq_length"]
    weights = bert_numpy.read_safetensors(MODEL / "model.safetensors")
    reference = check_tokenizer.reference_tokenizer(MODEL / "tokenizer.json")
    reference.enable_truncation(max_tokens)
    with OUT.open("w", encoding="utf-8") as out:
        for text in TEXTS:
            vector = bert_numpy.embed(weights, config, reference.encode(text).ids)
            numbers = [round(float(number), 6) for number in vector]
            out.write(json.dumps({"text": text, "vector": numbers}, separators=(",", ":")) + "\n")
    print(f"{OUT.name}: {len(TEXTS)} texts")


if __name__ == "__main__":
    main()
