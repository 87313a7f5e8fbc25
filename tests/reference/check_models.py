"""Other models than the one that Raglan comes with: every form of folder that it reads.

    .deps/venv/bin/python tests/reference/check_models.py

Makes small BERTs with random weights, as model.safetensors and as ONNX graphs (PyPI onnx), with mean and
CLS pooling, and compares Raglan's vectors with those of bert_numpy.py. Exits 1 on a cosine below 0.999.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import bert_numpy
import check_tokenizer
import texts as sets

CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "vocab_size": 30522,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 80,
    "max_position_embeddings": 64,
    "layer_norm_eps": 1e-12,
}
TEXTS = [text for text in sets.ORDINARY if "\n" not in text and "\r" not in text] + ["", "word " * 100]


def random_weights(seed):
    rng = np.random.default_rng(seed)
    hidden, inner = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (CONFIG["vocab_size"], hidden),
        "embeddings.position_embeddings.weight": (CONFIG["max_position_embeddings"], hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden),
        "embeddings.LayerNorm.weight": (hidden,),
        "embeddings.LayerNorm.bias": (hidden,),
    }
    for index in range(CONFIG["num_hidden_layers"]):
        layer = f"encoder.layer.{index}."
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes |= {f"{layer}{part}.weight": (hidden, hidden), f"{layer}{part}.bias": (hidden,)}
        shapes |= {f"{layer}intermediate.dense.weight": (inner, hidden), f"{layer}intermediate.dense.bias": (inner,)}
        shapes |= {f"{layer}output.dense.weight": (hidden, inner), f"{layer}output.dense.bias": (hidden,)}
        for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{layer}{norm}.weight": (hidden,), f"{layer}{norm}.bias": (hidden,)}
    # Sizes as in a trained model: one part that outweighs the others would hide what is wrong with them.
    weights = {}
    for name, shape in shapes.items():
        mean = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        if len(shape) == 1:
            deviation = 0.1
        elif "embeddings" in name:
            deviation = 0.5
        else:
            deviation = 1 / shape[1] ** 0.5
        weights[name] = rng.normal(mean, deviation, shape).astype(np.float32)
    return weights


class OnnxBert:
    """The graph as exporters write it, up to last_hidden_state."""

    def __init__(self, weights, with_token_types):
        self.nodes, self.constants = [], []
        for name, values in weights.items():
            transposed = name.endswith(".weight") and values.ndim == 2 and "embeddings" not in name
            self.constant(name, values.T if transposed else values)
        self.inputs = ["input_ids", "attention_mask"] + ["token_type_ids"] * with_token_types
        hidden = self.encode(with_token_types)
        graph = helper.make_graph(
            self.nodes,
            "bert",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in self.inputs],
            [helper.make_tensor_value_info(hidden, TensorProto.FLOAT, ["batch", "length", CONFIG["hidden_size"]])],
            self.constants,
        )
        self.model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(self.model)

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def numbers(self, *values, dtype=np.int64):
        return self.constant(f"constant_{len(self.constants)}", np.array(values, dtype))

    def node(self, kind, *inputs, **attributes):
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def linear(self, x, name):
        return self.node("Add", self.node("MatMul", x, name + ".weight"), name + ".bias")

    def layer_norm(self, x, name):
        return self.node("LayerNormalization", x, name + ".weight", name + ".bias", epsilon=CONFIG["layer_norm_eps"])

    def encode(self, with_token_types):
        length = self.node("Gather", self.node("Shape", "input_ids"), self.numbers(1))
        table = "embeddings.position_embeddings.weight"
        positions = self.node("Slice", table, self.numbers(0), length, self.numbers(0))
        types = "embeddings.token_type_embeddings.weight"
        kind = self.node("Gather", types, "token_type_ids") if with_token_types else self.node("Gather", types, self.numbers(0))
        words = self.node("Gather", "embeddings.word_embeddings.weight", "input_ids")
        x = self.layer_norm(self.node("Add", self.node("Add", words, positions), kind), "embeddings.LayerNorm")
        mask = self.node("Cast", self.node("Unsqueeze", "attention_mask", self.numbers(1, 2)), to=TensorProto.FLOAT)
        absent = self.node("Sub", self.numbers(1, dtype=np.float32), mask)
        bias = self.node("Mul", absent, self.numbers(-1e9, dtype=np.float32))
        for index in range(CONFIG["num_hidden_layers"]):
            x = self.layer(x, bias, f"encoder.layer.{index}.")
        return x

    def layer(self, x, bias, layer):
        heads = CONFIG["num_attention_heads"]
        size = CONFIG["hidden_size"] // heads

        def split(part):
            flat = self.linear(x, f"{layer}attention.self.{part}")
            return self.node("Transpose", self.node("Reshape", flat, self.numbers(0, 0, heads, size)), perm=[0, 2, 1, 3])

        query, key, value = split("query"), split("key"), split("value")
        scores = self.node("MatMul", query, self.node("Transpose", key, perm=[0, 1, 3, 2]))
        scores = self.node("Add", self.node("Div", scores, self.numbers(size**0.5, dtype=np.float32)), bias)
        context = self.node("MatMul", self.node("Softmax", scores, axis=-1), value)
        context = self.node("Reshape", self.node("Transpose", context, perm=[0, 2, 1, 3]), self.numbers(0, 0, heads * size))
        attended = self.linear(context, layer + "attention.output.dense")
        x = self.layer_norm(self.node("Add", attended, x), layer + "attention.output.LayerNorm")
        inner = self.linear(x, layer + "intermediate.dense")
        erf = self.node("Erf", self.node("Div", inner, self.numbers(2**0.5, dtype=np.float32)))
        half = self.node("Mul", inner, self.numbers(0.5, dtype=np.float32))
        inner = self.node("Mul", half, self.node("Add", erf, self.numbers(1, dtype=np.float32)))
        return self.layer_norm(self.node("Add", self.linear(inner, layer + "output.dense"), x), layer + "output.LayerNorm")


def write_folder(folder, pooling):
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    modes = {"pooling_mode_cls_token": pooling == "cls", "pooling_mode_mean_tokens": pooling == "mean"}
    (folder / "1_Pooling/config.json").write_text(json.dumps(modes))
    (folder / "tokenizer.json").symlink_to(check_tokenizer.MODEL / "tokenizer.json")


def worst_cosine(program, folder, weights, pooling):
    """Of Raglan's vectors with the reference's; and the median for the reference's two poolings."""
    stdin = "".join(text + "\n" for text in TEXTS)
    out = subprocess.run([program, folder], input=stdin, stdout=subprocess.PIPE, check=True, text=True).stdout
    vectors = np.array([line.split() for line in out.splitlines()], np.float64)
    assert vectors.shape == (len(TEXTS), CONFIG["hidden_size"]), vectors.shape
    reference = check_tokenizer.reference_tokenizer(check_tokenizer.MODEL / "tokenizer.json")
    reference.enable_truncation(CONFIG["max_position_embeddings"])
    weights = {name: values.astype(np.float64) for name, values in weights.items()}
    ids = [reference.encode(text).ids for text in TEXTS]
    expected = [bert_numpy.embed(weights, CONFIG, text, pooling) for text in ids]
    others = [bert_numpy.embed(weights, CONFIG, text, "cls" if pooling == "mean" else "mean") for text in ids]
    return min((vectors * expected).sum(1)), float(np.median((np.array(others) * expected).sum(1)))


def models(folder):
    """Each form of folder, its name, weights and pooling."""
    for name, pooling in (("safetensors-mean", "mean"), ("safetensors-cls", "cls")):
        weights = random_weights(len(name))
        write_folder(folder / name, pooling)
        bert_numpy.write_safetensors(folder / name / "model.safetensors", weights)
        yield name, weights, pooling
    name, weights = "safetensors-half-precision-and-prefix", random_weights(3)
    weights = {tensor: values.astype(np.float16) for tensor, values in weights.items()}
    write_folder(folder / name, "mean")
    bert_numpy.write_safetensors(folder / name / "model.safetensors", {"bert." + tensor: values for tensor, values in weights.items()})
    yield name, weights, "mean"
    for name, file, pooling in (("onnx-cls", "onnx/model.onnx", "cls"), ("onnx-mean", "model.onnx", "mean")):
        weights = random_weights(len(name))
        write_folder(folder / name, pooling)
        (folder / name / file).parent.mkdir(exist_ok=True)
        onnx.save(OnnxBert(weights, with_token_types=pooling == "cls").model, folder / name / file)
        yield name, weights, pooling


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=check_tokenizer.ROOT / "build/embed_dump", type=pathlib.Path)
    arguments = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, weights, pooling in models(pathlib.Path(folder)):
            cosine, other_cosine = worst_cosine(arguments.program, pathlib.Path(folder, name), weights, pooling)
            assert other_cosine < 0.99, f"{name} could not tell the poolings apart: {other_cosine}"
            wrong += not cosine >= 0.999
            print(f"{name}: worst cosine of {len(TEXTS)} texts {cosine:.6f} (the two poolings: median {other_cosine:.3f})")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
