// The embedding model in this process, on OpenVINO's CPU runtime.
//
// Numbers are f32 on every machine: by default the runtime would use bf16 where the CPU has it, and
// vectors would then differ between the machines of one fleet. Threads are not pinned: two
// processes would otherwise pin to the same cores.
//
// `embed` sorts the texts by length, so that little padding is computed, cuts them into batches of
// at most `batch_tokens` padded tokens, with lengths rounded up to 16 so that the runtime sees few
// shapes, and returns the vectors in the texts' order. One batch is computed at a time, by all
// threads.
//
//   auto embedder = LocalEmbedder::load("models/all-MiniLM-L6-v2", {});
//   auto vectors = (*embedder)->embed({"how do I vacuum?"}, Deadline());
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "config/table.h"
#include "model/embedder.h"

namespace raglan::model {

struct LocalEmbedderConfig {
  std::size_t threads = 0;        // 0: one per core
  std::size_t batch_tokens = 512; // padded tokens of one batch
};

inline void describe(config::Table<LocalEmbedderConfig>& table) {
  table
      .field("threads", &LocalEmbedderConfig::threads,
             "that compute vectors in this process; 0 means one per core")
      .max(256);
  table
      .field("batch_tokens", &LocalEmbedderConfig::batch_tokens,
             "computed at once in this process, padding included; a question waits for at most so "
             "many of ingest")
      .min(1)
      .max(65'536);
}

class LocalEmbedder final : public Embedder {
 public:
  // Errors: kUnavailable, kCorrupt, kNotImplemented, each naming the file at fault.
  static Result<std::unique_ptr<LocalEmbedder>> load(const std::filesystem::path& folder,
                                                     LocalEmbedderConfig config,
                                                     const Clock& clock = SystemClock::instance());
  ~LocalEmbedder() override;

  std::string_view id() const override;
  std::string_view name() const override;
  std::size_t dimension() const override;
  std::size_t max_tokens() const override;
  std::size_t count_tokens(std::string_view text) const override;
  BatchLimits batch_limits() const override; // one batch at a time
  // Thread safe; calls from several threads take turns, batch by batch.
  Result<Embeddings> embed(const std::vector<std::string_view>& texts, EmbeddingCall call) override;

  // Writes the graph in the runtime's own format (`path` and a .bin beside it), for comparisons
  // with other programs on the same graph.
  Result<> save_graph(const std::filesystem::path& path) const;

 private:
  struct Parts;
  explicit LocalEmbedder(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

} // namespace raglan::model
