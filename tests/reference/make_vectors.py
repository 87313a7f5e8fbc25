"""Writes vectors.jsonl: texts and their vectors, by an implementation that shares nothing with Raglan.

    .deps/venv/bin/python tests/reference/make_vectors.py

BERT in numpy, straight from the weights, one text at a time without padding, in double precision;
the ids are PyPI tokenizers'. src/model/reference_test.cpp reads the file.
"""

import json
import math
import pathlib
import struct

import numpy as np

import check_tokenizer
import texts as sets

OUT = pathlib.Path(__file__).with_name("vectors.jsonl")
MODEL = check_tokenizer.MODEL
LONG = (
    "The write-ahead log records every change before it is made to the data files, so that after a crash the database "
    "can be brought back to a consistent state by replaying the records since the last checkpoint. "
)
TEXTS = sets.ORDINARY[:14] + [sets.ORDINARY[17], "a" * 101, "[CLS] [MASK] \u0301", LONG, LONG * 5, LONG * 20]

erf = np.vectorize(math.erf)


def load_weights():
    raw = (MODEL / "model.safetensors").read_bytes()
    (header_bytes,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + header_bytes])
    weights = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = (8 + header_bytes + offset for offset in entry["data_offsets"])
            weights[name] = np.frombuffer(raw[begin:end], np.float32).reshape(entry["shape"]).astype(np.float64)
    return weights


def embed(weights, config, ids):
    def linear(x, name):
        return x @ weights[name + ".weight"].T + weights[name + ".bias"]

    def layer_norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(-1, keepdims=True) + config["layer_norm_eps"])
        return centred / scale * weights[name + ".weight"] + weights[name + ".bias"]

    def split(x):
        return x.reshape(len(ids), config["num_attention_heads"], -1).transpose(1, 0, 2)

    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    x = layer_norm(x, "embeddings.LayerNorm")
    for index in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{index}."
        query, key, value = (split(linear(x, f"{layer}attention.self.{part}")) for part in ("query", "key", "value"))
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        context = (scores / scores.sum(-1, keepdims=True)) @ value
        context = context.transpose(1, 0, 2).reshape(len(ids), -1)
        x = layer_norm(x + linear(context, layer + "attention.output.dense"), layer + "attention.output.LayerNorm")
        inner = linear(x, layer + "intermediate.dense")
        inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
        x = layer_norm(x + linear(inner, layer + "output.dense"), layer + "output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def main():
    config = json.loads((MODEL / "config.json").read_text())
    max_tokens = json.loads((MODEL / "sentence_bert_config.json").read_text())["max_seq_length"]
    weights = load_weights()
    reference = check_tokenizer.reference_tokenizer(MODEL / "tokenizer.json")
    reference.enable_truncation(max_tokens)
    with OUT.open("w", encoding="utf-8") as out:
        for text in TEXTS:
            vector = embed(weights, config, reference.encode(text).ids)
            numbers = [round(float(number), 6) for number in vector]
            out.write(json.dumps({"text": text, "vector": numbers}, separators=(",", ":")) + "\n")
    print(f"{OUT.name}: {len(TEXTS)} texts")


if __name__ == "__main__":
    main()
