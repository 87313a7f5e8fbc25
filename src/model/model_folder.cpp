#include "model/model_folder.h"

#include <system_error>

#include <fmt/format.h>

#include "model/json_file.h"

namespace raglan::model {
namespace fs = std::filesystem;
namespace json = boost::json;
namespace {

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

Result<std::size_t> size_field(const json::object& object, std::string_view name,
                               std::size_t fallback) {
  const json::value* value = object.if_contains(name);
  if (!value && fallback > 0) return fallback;
  boost::system::error_code error;
  const auto number = value && value->is_number() ? value->to_number<std::uint64_t>(error) : 0;
  if (number == 0 || error || number > 1'000'000) {
    return fail(ErrorCode::kCorrupt, fmt::format("\"{}\" must be a positive number", name));
  }
  return number;
}

Result<> require_text(const json::object& object, std::string_view name,
                      std::string_view expected) {
  const json::value* value = object.if_contains(name);
  if (value && value->is_string() && value->get_string() == expected) return {};
  return fail(ErrorCode::kNotImplemented,
              fmt::format("\"{}\" must be \"{}\": only models of BERT's form are supported", name,
                          expected));
}

Result<> read_sizes(const json::object& config, ModelFolder& folder) {
  if (auto ok = require_text(config, "model_type", "bert"); !ok) return ok;
  if (auto ok = require_text(config, "hidden_act", "gelu"); !ok) return ok;
  const auto vocabulary = size_field(config, "vocab_size", 0);
  const auto hidden = size_field(config, "hidden_size", 0);
  const auto layers = size_field(config, "num_hidden_layers", 0);
  const auto heads = size_field(config, "num_attention_heads", 0);
  const auto positions = size_field(config, "max_position_embeddings", 0);
  for (const auto* size : {&vocabulary, &hidden, &layers, &heads, &positions}) {
    if (!*size) return std::unexpected(size->error());
  }
  if (*hidden % *heads != 0) {
    return fail(ErrorCode::kCorrupt, "hidden_size is no multiple of num_attention_heads");
  }
  folder.vocabulary_size = *vocabulary;
  folder.hidden_size = *hidden;
  folder.layers = *layers;
  folder.heads = *heads;
  folder.max_positions = *positions;
  if (const json::value* epsilon = config.if_contains("layer_norm_eps")) {
    boost::system::error_code error;
    const double value = epsilon->is_number() ? epsilon->to_number<double>(error) : 0;
    if (!(value > 0)) return fail(ErrorCode::kCorrupt, "\"layer_norm_eps\" must be positive");
    folder.layer_norm_epsilon = value;
  }
  return {};
}

Result<> read_pooling(const fs::path& path, ModelFolder& folder) {
  if (!is_there(path)) return {};
  auto config = read_json_object(path);
  if (!config) return forward_error(config);
  const auto on = [&](std::string_view name) {
    const json::value* value = config->if_contains(name);
    return value && value->is_bool() && value->get_bool();
  };
  if (on("pooling_mode_cls_token")) {
    folder.pooling = Pooling::kCls;
  } else if (!on("pooling_mode_mean_tokens")) {
    return fail(ErrorCode::kNotImplemented,
                "1_Pooling/config.json: only mean and CLS pooling are supported");
  }
  return {};
}

Result<> find_weights(ModelFolder& folder) {
  for (const char* name : {"model.onnx", "onnx/model.onnx"}) {
    if (is_there(folder.path / name)) folder.onnx = folder.path / name;
  }
  const bool safetensors = is_there(folder.path / "model.safetensors");
  if (safetensors) folder.onnx.clear();
  if (folder.onnx.empty() && !safetensors) {
    return fail(
        ErrorCode::kUnavailable,
        fmt::format("model folder {} holds neither model.safetensors nor model.onnx", folder.name));
  }
  return {};
}

} // namespace

Result<ModelFolder> read_model_folder(const fs::path& path) {
  ModelFolder folder;
  folder.path = path;
  std::error_code error; // also of a folder that may not be looked into
  folder.name = fs::weakly_canonical(path, error).filename().string();
  if (!fs::is_directory(path, error)) {
    return fail(ErrorCode::kUnavailable, fmt::format("there is no model folder {}", folder.name));
  }
  auto config = read_json_object(path / "config.json");
  if (!config) return forward_error(config);
  if (auto ok = read_sizes(*config, folder); !ok) {
    return fail(ok.error().code, "config.json: " + ok.error().message);
  }
  if (auto ok = find_weights(folder); !ok) return forward_error(ok);
  if (auto ok = read_pooling(path / "1_Pooling/config.json", folder); !ok) {
    return forward_error(ok);
  }
  folder.max_tokens = folder.max_positions;
  if (is_there(path / "sentence_bert_config.json")) {
    auto sentence = read_json_object(path / "sentence_bert_config.json");
    if (!sentence) return forward_error(sentence);
    auto length = size_field(*sentence, "max_seq_length", folder.max_positions);
    if (!length) return forward_error(length);
    folder.max_tokens = std::min(*length, folder.max_positions);
  }
  return folder;
}

} // namespace raglan::model
