"""BERT as a sentence encoder in numpy, one text at a time without padding, in double precision.

Shares nothing with Raglan: what its vectors are compared with.
"""

import json
import math
import struct

import numpy as np

erf = np.vectorize(math.erf)


def read_safetensors(path):
    raw = path.read_bytes()
    (header_bytes,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + header_bytes])
    weights = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = (8 + header_bytes + offset for offset in entry["data_offsets"])
            weights[name] = np.frombuffer(raw[begin:end], np.float32).reshape(entry["shape"]).astype(np.float64)
    return weights


def write_safetensors(path, weights):
    types = {np.dtype(np.float32): "F32", np.dtype(np.float16): "F16"}
    header, at = {}, 0
    for name, values in weights.items():
        end = at + values.nbytes
        header[name] = {"dtype": types[values.dtype], "shape": values.shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(values.tobytes() for values in weights.values()))


def embed(weights, config, ids, pooling="mean"):
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
    pooled = x.mean(0) if pooling == "mean" else x[0]
    return pooled / np.linalg.norm(pooled)
