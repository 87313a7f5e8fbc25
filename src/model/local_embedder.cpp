#include "model/local_embedder.h"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <span>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <openvino/openvino.hpp>

#include "base/guarded.h"
#include "base/hash.h"
#include "model/bert_graph.h"
#include "model/tokenizer.h"

namespace raglan::model {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kLengthBucket = 16;
constexpr std::size_t kSpecialTokens = 2; // [CLS] and [SEP]

std::size_t bucketed(std::size_t length, std::size_t max) {
  return std::min((length + kLengthBucket - 1) / kLengthBucket * kLengthBucket, max);
}

Result<> hash_file(const fs::path& path, Hasher& hasher) {
  std::ifstream file(path, std::ios::binary);
  std::string block(1 << 20, '\0');
  while (file) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    hasher.add(std::string_view(block.data(), static_cast<std::size_t>(file.gcount())));
  }
  if (!file.eof()) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("{} cannot be read", path.filename().string()));
  }
  return {};
}

// Everything that decides what vector a text gets.
Result<std::string> make_id(const ModelFolder& folder) {
  Hasher hasher;
  const fs::path weights = folder.onnx.empty() ? folder.path / "model.safetensors" : folder.onnx;
  for (const fs::path& path :
       {weights, folder.path / "config.json", folder.path / "tokenizer.json"}) {
    if (auto ok = hash_file(path, hasher); !ok) return forward_error(ok);
  }
  hasher.add(folder.max_tokens).add(static_cast<std::uint64_t>(folder.pooling));
  return fmt::format("bert-{}:{}", folder.hidden_size, hasher.finish().hex().substr(0, 16));
}

ov::AnyMap runtime_options(std::size_t threads) {
  return {ov::hint::inference_precision(ov::element::f32), ov::hint::enable_cpu_pinning(false),
          ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY), ov::num_streams(1),
          ov::inference_num_threads(static_cast<int>(threads))};
}

} // namespace

struct LocalEmbedder::Parts {
  ModelFolder folder;
  LocalEmbedderConfig config;
  const Clock& clock;
  std::string id;
  Tokenizer tokenizer;
  std::shared_ptr<const Safetensors> weights; // the graph's constants point into it
  std::shared_ptr<ov::Model> graph;
  ov::CompiledModel compiled;
  Guarded<ov::InferRequest> request;

  // The texts of `batch`, longest first, in one inference; their vectors go to their own rows.
  void infer(ov::InferRequest& inference, const std::vector<TokenIds>& ids,
             std::span<const std::size_t> batch, Embeddings& out) const;
};

Result<std::unique_ptr<LocalEmbedder>> LocalEmbedder::load(const fs::path& path,
                                                           LocalEmbedderConfig config,
                                                           const Clock& clock) {
  auto folder = read_model_folder(path);
  if (!folder) return forward_error(folder);
  auto tokenizer = Tokenizer::load(path / "tokenizer.json");
  if (!tokenizer) return forward_error(tokenizer);
  if (static_cast<std::size_t>(tokenizer->largest_id()) >= folder->vocabulary_size) {
    return fail(ErrorCode::kCorrupt, "tokenizer.json has more tokens than the model has words");
  }
  auto id = make_id(*folder);
  if (!id) return forward_error(id);
  std::shared_ptr<const Safetensors> weights;
  if (folder->onnx.empty()) {
    auto opened = Safetensors::open(path / "model.safetensors");
    if (!opened) return forward_error(opened);
    weights = std::move(*opened);
  }
  auto graph = weights ? build_bert_graph(*folder, *weights) : read_onnx_graph(*folder);
  if (!graph) return forward_error(graph);
  if (config.threads == 0) config.threads = std::max(1u, std::thread::hardware_concurrency());
  try {
    ov::Core core;
    ov::CompiledModel compiled = core.compile_model(*graph, "CPU", runtime_options(config.threads));
    ov::InferRequest request = compiled.create_infer_request();
    std::unique_ptr<Parts> parts(new Parts{std::move(*folder), config, clock, std::move(*id),
                                           std::move(*tokenizer), std::move(weights),
                                           std::move(*graph), std::move(compiled),
                                           Guarded<ov::InferRequest>(std::move(request))});
    return std::unique_ptr<LocalEmbedder>(new LocalEmbedder(std::move(parts)));
  } catch (const std::exception&) {
    return fail(ErrorCode::kUnavailable, "the inference runtime cannot compile the model");
  }
}

LocalEmbedder::LocalEmbedder(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
LocalEmbedder::~LocalEmbedder() = default;

std::string_view LocalEmbedder::id() const { return parts_->id; }
std::string_view LocalEmbedder::name() const { return parts_->folder.name; }
std::size_t LocalEmbedder::dimension() const { return parts_->folder.hidden_size; }
std::size_t LocalEmbedder::max_tokens() const { return parts_->folder.max_tokens; }

std::size_t LocalEmbedder::count_tokens(std::string_view text) const {
  return parts_->tokenizer.count(text);
}

BatchLimits LocalEmbedder::batch_limits() const {
  const std::size_t tokens = parts_->config.batch_tokens;
  return {.texts = std::max<std::size_t>(1, tokens / kLengthBucket),
          .tokens = tokens,
          .special_tokens = kSpecialTokens,
          .padded = true,
          .calls = 1};
}

Result<Embeddings> LocalEmbedder::embed(const std::vector<std::string_view>& texts,
                                        EmbeddingCall call) {
  Embeddings out{dimension(), std::vector<float>(texts.size() * dimension()), 0};
  std::vector<TokenIds> ids(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    ids[i] = parts_->tokenizer.encode(texts[i], max_tokens());
    out.tokens += ids[i].size();
  }
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return std::pair(ids[right].size(), left) < std::pair(ids[left].size(), right);
  });
  std::span<const std::size_t> rest = order;
  while (!rest.empty()) {
    if (call.deadline.expired(parts_->clock.now())) {
      return fail(ErrorCode::kDeadlineExceeded, "the deadline passed while embedding");
    }
    const std::size_t length = bucketed(ids[rest.front()].size(), max_tokens());
    const std::size_t fitting = std::max<std::size_t>(1, parts_->config.batch_tokens / length);
    const auto batch = rest.first(std::min(fitting, rest.size()));
    try {
      parts_->request.with(
          [&](ov::InferRequest& inference) { parts_->infer(inference, ids, batch, out); });
    } catch (const std::exception&) {
      return fail(ErrorCode::kUnavailable, "the inference runtime failed");
    }
    rest = rest.subspan(batch.size());
  }
  return out;
}

void LocalEmbedder::Parts::infer(ov::InferRequest& inference, const std::vector<TokenIds>& ids,
                                 std::span<const std::size_t> batch, Embeddings& out) const {
  const std::size_t length = bucketed(ids[batch.front()].size(), folder.max_tokens);
  const ov::Shape shape{batch.size(), length};
  ov::Tensor id_tensor(ov::element::i64, shape);
  ov::Tensor mask_tensor(ov::element::i64, shape);
  auto* id_row = id_tensor.data<std::int64_t>();
  auto* mask_row = mask_tensor.data<std::int64_t>();
  for (const std::size_t text : batch) {
    const TokenIds& tokens = ids[text];
    std::fill(std::copy(tokens.begin(), tokens.end(), id_row), id_row + length, 0);
    std::fill_n(mask_row, tokens.size(), 1);
    std::fill(mask_row + tokens.size(), mask_row + length, 0);
    id_row += length;
    mask_row += length;
  }
  inference.set_tensor("input_ids", id_tensor);
  inference.set_tensor("attention_mask", mask_tensor);
  inference.infer();
  const auto* vectors = inference.get_output_tensor(0).data<const float>();
  for (std::size_t row = 0; row < batch.size(); ++row) {
    std::copy_n(vectors + row * out.dimension, out.dimension,
                out.values.begin() + static_cast<std::ptrdiff_t>(batch[row] * out.dimension));
  }
}

Result<> LocalEmbedder::save_graph(const fs::path& path) const {
  try {
    ov::save_model(parts_->graph, path, false);
    return {};
  } catch (const std::exception&) {
    return fail(ErrorCode::kUnavailable, "the graph cannot be written");
  }
}

} // namespace raglan::model
