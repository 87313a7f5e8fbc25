// A store and an embedder of a few lines, for tests of the pipeline.
#pragma once

#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
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

// A collection of passages, all of which every search finds, in their order.
class FakeStore final : public store::Store {
 public:
  void add(std::string text) {
    const std::uint64_t id = contents.size() + 1;
    contents[id].chunk = {.id = id, .document_id = "d" + std::to_string(id), .text = text};
    ++current.seq;
  }

  Result<store::Generation> generation(const store::CollectionKey& key) override {
    if (key.name != "default") return fail(ErrorCode::kNotFound, "no such collection");
    return current;
  }
  Result<store::SearchResult> search(const store::SearchRequest& request) override {
    const std::lock_guard lock(searching); // questions may come from several loops
    ++searches;
    last_search = request;
    if (failing) return fail(ErrorCode::kUnavailable, "out of order");
    if (write_before_search) ++current.seq;
    store::SearchResult found{.generation = current, .bm25_max = 1};
    std::uint32_t rank = 0;
    for (const auto& [id, passage] : contents) {
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
      found.candidates.push_back(candidate);
    }
    return found;
  }
  Result<std::vector<store::Passage>> passages(const store::CollectionKey&,
                                               std::span<const std::uint64_t> ids) override {
    std::vector<store::Passage> found;
    for (const std::uint64_t id : ids) {
      if (id != deleted_before_read) found.push_back(contents.at(id));
    }
    return found;
  }

  // None, as of a store that cannot tell a generation without waiting, until a test wants one.
  Result<std::unique_ptr<store::GenerationProbe>> generation_probe() override {
    class Probe final : public store::GenerationProbe {
     public:
      explicit Probe(FakeStore& store) : store_(store) {}
      Result<store::Generation> generation(const store::CollectionKey& key) override {
        return store_.generation(key);
      }
      Result<> check() override { return {}; }

     private:
      FakeStore& store_;
    };
    if (!probes) return nullptr;
    return std::make_unique<Probe>(*this);
  }

  // The pipeline needs none of these.
  Result<> create_collection(const store::CollectionKey&) override { return unused(); }
  Result<std::vector<store::CollectionStats>> list_collections(std::string_view) override {
    return unused();
  }
  Result<store::CollectionStats> collection(const store::CollectionKey&) override {
    return unused();
  }
  Result<> delete_collection(const store::CollectionKey&) override { return unused(); }
  Result<store::WriteState> put(const store::CollectionKey&,
                                const store::PreparedDocument&) override {
    return unused();
  }
  std::vector<Result<store::WriteState>> put_many(
      const store::CollectionKey&, std::span<const store::PreparedDocument>) override {
    return {};
  }
  Result<> remove(const store::CollectionKey&, std::string_view) override { return unused(); }
  Result<store::Document> get(const store::CollectionKey&, std::string_view) override {
    return unused();
  }
  Result<store::DocumentPage> list(const store::CollectionKey&, std::string_view,
                                   std::uint32_t) override {
    return unused();
  }
  Result<std::vector<std::optional<store::StoredVersion>>> stored_versions(
      const store::CollectionKey&, std::span<const std::string>) override {
    return unused();
  }

  std::map<std::uint64_t, store::Passage> contents;
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
};

} // namespace raglan::rag
