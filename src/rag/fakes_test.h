// A store and an embedder of a few lines, for tests of the pipeline.
#pragma once

#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/embedder.h"
#include "net/offload.h"
#include "rag/pipeline.h"
#include "store/store.h"

namespace raglan::rag {

// Every text becomes the same vector, unless it is given an angle or told to fail.
class FakeEmbedder final : public model::Embedder {
 public:
  std::string_view id() const override { return "fake"; }
  std::string_view name() const override { return "fake"; }
  std::size_t dimension() const override { return 2; }
  std::size_t max_tokens() const override { return 256; }
  std::size_t count_tokens(std::string_view text) const override { return 1 + text.size() / 4; }
  model::BatchLimits batch_limits() const override { return {.texts = 64, .tokens = 512}; }
  Result<model::Embeddings> embed(const std::vector<std::string_view>& texts,
                                  model::EmbeddingCall) override {
    ++calls;
    if (on_embed) on_embed();
    if (failing) return fail(ErrorCode::kUnavailable, "out of order");
    model::Embeddings made{.dimension = 2, .values = {}, .tokens = texts.size()};
    for (const std::string_view text : texts) {
      const auto angle = angles.find(std::string(text));
      const double radians = angle == angles.end() ? 0 : angle->second;
      made.values.push_back(static_cast<float>(std::cos(radians)));
      made.values.push_back(static_cast<float>(std::sin(radians)));
    }
    return made;
  }

  std::atomic<int> calls = 0;
  std::atomic<bool> failing = false;
  std::function<void()> on_embed;       // set before the first call
  std::map<std::string, double> angles; // of texts; likewise
};

// A collection of passages, all of which every search finds, in their order. What it does, it does
// on the executor.
class FakeStore final : public store::Store {
 public:
  template <typename T>
  using Reply = net::Task<Result<T>>;

  FakeStore(const net::Submit& executor, const Clock& clock) : executor_(executor), clock_(clock) {}

  void add(std::string text) {
    const std::uint64_t id = passages.size() + 1;
    passages[id].chunk = {.id = id, .document_id = "d" + std::to_string(id), .text = text};
    ++current.seq;
  }

  // Not without waiting, until a test wants that.
  std::optional<Result<store::Generation>> try_generation(
      const store::CollectionKey& key) override {
    if (!probes) return std::nullopt;
    return read_generation(key);
  }
  Reply<store::Generation> generation(store::CollectionKey key, Deadline deadline) override {
    if (auto probed = try_generation(key)) co_return std::move(*probed);
    auto work = [this, key] { return read_generation(key); };
    co_return co_await net::offload(executor_, std::move(work), deadline, clock_);
  }
  Reply<store::Found> search(store::SearchRequest request, store::Choose choose,
                             Deadline deadline) override {
    auto work = [this, request, choose] { return find(request, choose); };
    co_return co_await net::offload(executor_, std::move(work), deadline, clock_);
  }
  Result<> check() override { return {}; }

  // The pipeline needs none of these.
  store::Records& records() override { throw std::logic_error("unused"); }
  store::Contents& contents() override { throw std::logic_error("unused"); }
  Reply<void> create_collection(store::CollectionKey, Deadline) override { co_return unused(); }
  Reply<std::vector<store::CollectionStats>> list_collections(std::string, Deadline) override {
    co_return unused();
  }
  Reply<store::CollectionStats> collection(store::CollectionKey, Deadline) override {
    co_return unused();
  }
  Reply<void> delete_collection(store::CollectionKey, Deadline) override { co_return unused(); }
  Reply<std::vector<Result<store::WriteState>>> put_many(store::CollectionKey,
                                                         std::vector<store::PreparedDocument>,
                                                         std::optional<store::RecordGuard>,
                                                         Deadline) override {
    co_return unused();
  }
  Reply<void> remove(store::CollectionKey, std::string, Deadline) override { co_return unused(); }
  Reply<store::Document> get(store::CollectionKey, std::string, Deadline) override {
    co_return unused();
  }
  Reply<store::DocumentPage> list(store::CollectionKey, std::string, std::uint32_t,
                                  Deadline) override {
    co_return unused();
  }
  Reply<std::vector<std::optional<store::StoredVersion>>> stored_versions(store::CollectionKey,
                                                                          std::vector<std::string>,
                                                                          Deadline) override {
    co_return unused();
  }

  std::map<std::uint64_t, store::Passage> passages;
  store::Generation current{7, 0};
  bool probes = false;
  bool failing = false;
  store::SearchRequest last_search;
  std::mutex searching;
  int searches = 0;
  bool write_before_search = false;      // another process commits just before each search
  std::uint64_t deleted_before_read = 0; // a chunk that goes away after each search

 private:
  static std::unexpected<Error> unused() { return fail(ErrorCode::kInternal, "not expected"); }

  Result<store::Generation> read_generation(const store::CollectionKey& key) const {
    if (key.name != "default") return fail(ErrorCode::kNotFound, "no such collection");
    return current;
  }

  Result<store::Found> find(const store::SearchRequest& request, const store::Choose& choose) {
    const std::lock_guard lock(searching); // questions may come from several loops
    ++searches;
    last_search = request;
    if (failing) return fail(ErrorCode::kUnavailable, "out of order");
    if (write_before_search) ++current.seq;
    store::Found found{.result = {.generation = current, .bm25_max = 1}, .passages = {}};
    std::uint32_t rank = 0;
    for (const auto& [id, passage] : passages) {
      ++rank;
      store::Candidate candidate{.chunk_id = id};
      if (!request.query_vector.empty()) {
        candidate.cosine = 1.0f / static_cast<float>(rank);
        candidate.dense_rank = rank;
      }
      if (!request.query_text.empty()) {
        candidate.bm25 = 1.0f / static_cast<float>(rank);
        candidate.lexical_rank = rank;
      }
      found.result.candidates.push_back(candidate);
    }
    for (const std::uint64_t id : choose(found.result)) {
      if (id != deleted_before_read) found.passages.push_back(passages.at(id));
    }
    return found;
  }

  const net::Submit& executor_;
  const Clock& clock_;
};

} // namespace raglan::rag
