#include "model/bert_graph.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <openvino/frontend/manager.hpp>
#include <openvino/openvino.hpp>
#include <openvino/opsets/opset13.hpp>

namespace raglan::model {
namespace {

namespace op = ov::opset13;
using Node = ov::Output<ov::Node>;

Node constant_i64(const std::vector<std::int64_t>& values) {
  const ov::Shape shape{values.size()};
  return op::Constant::create(ov::element::i64, shape, values);
}

Node scalar_f32(float value) { return op::Constant::create(ov::element::f32, {}, {value}); }

// Mean over the tokens that are no padding, or the first token's vector; then length 1.
Node pool(const Node& hidden, const Node& attention_mask, Pooling pooling) {
  Node pooled;
  if (pooling == Pooling::kCls) {
    pooled = std::make_shared<op::Gather>(hidden, op::Constant::create(ov::element::i64, {}, {0}),
                                          op::Constant::create(ov::element::i64, {}, {1}));
  } else {
    const Node mask = std::make_shared<op::Unsqueeze>(
        std::make_shared<op::Convert>(attention_mask, ov::element::f32), constant_i64({2}));
    const Node sum = std::make_shared<op::ReduceSum>(std::make_shared<op::Multiply>(hidden, mask),
                                                     constant_i64({1}), false);
    const Node count = std::make_shared<op::ReduceSum>(mask, constant_i64({1}), false);
    pooled = std::make_shared<op::Divide>(sum, count);
  }
  return std::make_shared<op::NormalizeL2>(pooled, constant_i64({1}), 1e-12f, ov::op::EpsMode::MAX);
}

// Builds the encoder; the first tensor that does not fit is kept as the error, and a scalar stands
// in for it so that building goes on to its end.
class BertBuilder {
 public:
  BertBuilder(const ModelFolder& folder, const Safetensors& weights)
      : folder_(folder), weights_(weights) {}

  Result<std::shared_ptr<ov::Model>> build() {
    // The feed-forward size is not in every config.json; the tensor itself says it.
    const Tensor* inner = find("encoder.layer.0.intermediate.dense.weight");
    if (!inner || inner->shape.size() != 2) {
      return fail(ErrorCode::kCorrupt, "model.safetensors holds no BERT encoder");
    }
    inner_size_ = inner->shape[0];
    auto ids = std::make_shared<op::Parameter>(ov::element::i64, ov::PartialShape{-1, -1});
    auto mask = std::make_shared<op::Parameter>(ov::element::i64, ov::PartialShape{-1, -1});
    ids->get_output_tensor(0).set_names({"input_ids"});
    mask->get_output_tensor(0).set_names({"attention_mask"});
    Node hidden = embeddings(ids);
    const Node bias = attention_bias(mask);
    for (std::size_t layer = 0; layer < folder_.layers; ++layer) {
      hidden = encoder_layer(hidden, bias, fmt::format("encoder.layer.{}.", layer));
    }
    if (!error_.empty()) return misfit();
    const Node vectors = pool(hidden, mask, folder_.pooling);
    return std::make_shared<ov::Model>(ov::OutputVector{vectors}, ov::ParameterVector{ids, mask},
                                       "sentence_embedding");
  }

  // The first tensor that does not fit, or what is known when the runtime threw before one was
  // found (or because of the stand-in of one that was).
  std::unexpected<Error> misfit() const {
    return fail(ErrorCode::kCorrupt,
                "model.safetensors: " +
                    (error_.empty() ? "it does not make the graph of config.json" : error_));
  }

 private:
  // Some exports put everything below "bert.".
  const Tensor* find(const std::string& name) const {
    const Tensor* tensor = weights_.find(name);
    return tensor ? tensor : weights_.find("bert." + name);
  }

  Node weight(const std::string& name, const ov::Shape& shape) {
    const Tensor* tensor = find(name);
    if (!tensor || ov::Shape(tensor->shape) != shape) {
      if (error_.empty()) error_ = fmt::format("{} is missing or has another shape", name);
      return scalar_f32(0);
    }
    const ov::element::Type type = tensor->dtype == "F32"    ? ov::element::f32
                                   : tensor->dtype == "F16"  ? ov::element::f16
                                   : tensor->dtype == "BF16" ? ov::element::bf16
                                                             : ov::element::dynamic;
    if (type == ov::element::dynamic) {
      if (error_.empty()) error_ = fmt::format("{} has the type {}", name, tensor->dtype);
      return scalar_f32(0);
    }
    // Shared with the mapping, or copied when an odd header length put the file's numbers askew.
    const bool aligned = reinterpret_cast<std::uintptr_t>(tensor->bytes) % alignof(float) == 0;
    const ov::Tensor shared(type, shape, const_cast<std::byte*>(tensor->bytes));
    Node constant = aligned ? std::make_shared<op::Constant>(shared)
                            : std::make_shared<op::Constant>(type, shape, tensor->bytes);
    if (type == ov::element::f32) return constant;
    return std::make_shared<op::Convert>(constant, ov::element::f32);
  }

  Node linear(const Node& input, const std::string& name, std::size_t in, std::size_t out) {
    const Node product =
        std::make_shared<op::MatMul>(input, weight(name + ".weight", {out, in}), false, true);
    return std::make_shared<op::Add>(product, weight(name + ".bias", {out}));
  }

  Node layer_norm(const Node& input, const std::string& name) {
    const Node normal = std::make_shared<op::MVN>(input, constant_i64({-1}), true,
                                                  static_cast<float>(folder_.layer_norm_epsilon),
                                                  ov::op::MVNEpsMode::INSIDE_SQRT);
    const Node scaled =
        std::make_shared<op::Multiply>(normal, weight(name + ".weight", {folder_.hidden_size}));
    return std::make_shared<op::Add>(scaled, weight(name + ".bias", {folder_.hidden_size}));
  }

  Node embeddings(const Node& ids) {
    const std::size_t hidden = folder_.hidden_size;
    const Node axis = op::Constant::create(ov::element::i64, {}, {0});
    const Node words = std::make_shared<op::Gather>(
        weight("embeddings.word_embeddings.weight", {folder_.vocabulary_size, hidden}), ids, axis);
    const Node length =
        std::make_shared<op::Gather>(std::make_shared<op::ShapeOf>(ids), constant_i64({1}), axis);
    const Node positions = std::make_shared<op::Slice>(
        weight("embeddings.position_embeddings.weight", {folder_.max_positions, hidden}),
        constant_i64({0}), length, constant_i64({1}), constant_i64({0}));
    // One text at a time, so that every token is of type 0.
    const Node type =
        std::make_shared<op::Gather>(weight("embeddings.token_type_embeddings.weight", {2, hidden}),
                                     op::Constant::create(ov::element::i64, {}, {0}), axis);
    const Node sum = std::make_shared<op::Add>(words, std::make_shared<op::Add>(positions, type));
    return layer_norm(sum, "embeddings.LayerNorm");
  }

  // 0 where there is a token and a large negative number at padding, [batch, 1, 1, length].
  Node attention_bias(const Node& mask) {
    const Node present = std::make_shared<op::Convert>(mask, ov::element::f32);
    const Node absent = std::make_shared<op::Subtract>(scalar_f32(1), present);
    const Node bias = std::make_shared<op::Multiply>(
        absent, scalar_f32(std::numeric_limits<float>::lowest() / 2));
    return std::make_shared<op::Unsqueeze>(bias, constant_i64({1, 2}));
  }

  // [batch, length, hidden] → [batch, heads, length, hidden / heads]
  Node split_heads(const Node& input) {
    const auto heads = static_cast<std::int64_t>(folder_.heads);
    const auto size = static_cast<std::int64_t>(folder_.hidden_size / folder_.heads);
    const Node split =
        std::make_shared<op::Reshape>(input, constant_i64({0, 0, heads, size}), true);
    return std::make_shared<op::Transpose>(split, constant_i64({0, 2, 1, 3}));
  }

  Node self_attention(const Node& input, const Node& bias, const std::string& layer) {
    const std::size_t hidden = folder_.hidden_size;
    const std::string name = layer + "attention.self.";
    const Node query = split_heads(linear(input, name + "query", hidden, hidden));
    const Node key = split_heads(linear(input, name + "key", hidden, hidden));
    const Node value = split_heads(linear(input, name + "value", hidden, hidden));
    const Node attended =
        std::make_shared<op::ScaledDotProductAttention>(query, key, value, bias, false);
    const Node merged = std::make_shared<op::Reshape>(
        std::make_shared<op::Transpose>(attended, constant_i64({0, 2, 1, 3})),
        constant_i64({0, 0, static_cast<std::int64_t>(hidden)}), true);
    return linear(merged, layer + "attention.output.dense", hidden, hidden);
  }

  Node encoder_layer(const Node& input, const Node& bias, const std::string& layer) {
    const std::size_t hidden = folder_.hidden_size;
    const Node attended =
        layer_norm(std::make_shared<op::Add>(self_attention(input, bias, layer), input),
                   layer + "attention.output.LayerNorm");
    const Node inner = std::make_shared<op::Gelu>(
        linear(attended, layer + "intermediate.dense", hidden, inner_size_),
        ov::op::GeluApproximationMode::ERF);
    const Node output = linear(inner, layer + "output.dense", inner_size_, hidden);
    return layer_norm(std::make_shared<op::Add>(output, attended), layer + "output.LayerNorm");
  }

  const ModelFolder& folder_;
  const Safetensors& weights_;
  std::size_t inner_size_ = 0;
  std::string error_;
};

} // namespace

Result<std::shared_ptr<ov::Model>> build_bert_graph(const ModelFolder& folder,
                                                    const Safetensors& weights) {
  BertBuilder builder(folder, weights);
  try {
    return builder.build();
  } catch (const std::exception&) {
    return builder.misfit();
  }
}

Result<std::shared_ptr<ov::Model>> read_onnx_graph(const ModelFolder& folder) {
  try {
    // Not Core::read_model: for what is no ONNX it asks all the other readers, and one of them
    // prints its opinion.
    ov::frontend::FrontEndManager readers;
    const auto reader = readers.load_by_framework("onnx");
    const auto model = reader->convert(reader->load(folder.onnx.string()));
    const Node mask = model->input("attention_mask");
    // Texts come one at a time: a token_type_ids input is all zeros, made from the ids' shape.
    ov::ParameterVector parameters;
    for (const auto& parameter : model->get_parameters()) {
      const auto& names = parameter->get_output_tensor(0).get_names();
      if (!names.contains("token_type_ids")) {
        parameters.push_back(parameter);
        continue;
      }
      const Node zeros = std::make_shared<op::Broadcast>(
          op::Constant::create(ov::element::i64, {}, {0}), std::make_shared<op::ShapeOf>(mask));
      parameter->output(0).replace(zeros);
    }
    const Node hidden = model->get_results().front()->input_value(0);
    if (hidden.get_partial_shape().rank() != 3) {
      return fail(ErrorCode::kCorrupt,
                  "model.onnx: its first output is not [batch, length, hidden]");
    }
    const Node vectors = pool(hidden, mask, folder.pooling);
    return std::make_shared<ov::Model>(ov::OutputVector{vectors}, parameters, "sentence_embedding");
  } catch (const std::exception&) {
    return fail(ErrorCode::kCorrupt, "model.onnx is no graph with BERT's inputs");
  }
}

} // namespace raglan::model
