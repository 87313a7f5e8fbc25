// The seam for everything that turns text into vectors: the in-process model, or a remote API.
//
// Thread safety: all members may be called from any thread. `embed` blocks; event loops never call
// it (model/embedding_queue.h batches on a bounded executor and posts the result back).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"

namespace raglan::model {

// A text that the embedder refuses to make a vector of.
struct Refusal {
  std::size_t row = 0;
  Error error;
};

// `rows` vectors of `dimension` floats, row by row, each of length 1.
struct Embeddings {
  std::size_t dimension = 0;
  std::vector<float> values;
  std::size_t tokens = 0;                // over all texts, special tokens included
  std::vector<std::size_t> row_tokens{}; // of each text; empty when its maker does not tell
  // Rows without a vector, which are zeros, in their order. Embedders refuse all texts of a call
  // together; EmbeddingQueue finds out which they mean.
  std::vector<Refusal> refused{};
  std::size_t rows() const { return dimension == 0 ? 0 : values.size() / dimension; }
};

// How an embedder takes texts; the embedding queue forms its batches by it.
struct BatchLimits {
  std::size_t texts = 1;          // of one call
  std::size_t tokens = 1;         // of one call; a text that has more goes alone
  std::size_t special_tokens = 0; // that the model adds to each text
  bool padded = false;            // each text counts as many tokens as the longest of its call
  std::size_t calls = 1;          // at a time
};

// Questions go before what is embedded to be found later.
enum class EmbeddingPriority : std::uint8_t { kQuery, kIngest };

// What a call of an embedder has to heed beside its texts. A deadline alone is one too.
struct EmbeddingCall {
  // NOLINTNEXTLINE(google-explicit-constructor)
  EmbeddingCall(Deadline until = {}, EmbeddingPriority how_urgent = EmbeddingPriority::kQuery)
      : deadline(until), priority(how_urgent) {}
  Deadline deadline;
  EmbeddingPriority priority;
};

class Embedder {
 public:
  virtual ~Embedder() = default;
  // Changes whenever the same text could get another vector: weights, tokenizer, pooling, prefix.
  // Where a local model lies and what its folder is called do not change it.
  virtual std::string_view id() const = 0;
  // What requests and answers call it.
  virtual std::string_view name() const = 0;
  virtual std::size_t dimension() const = 0;
  // Texts longer than this are cut by the model; the chunker stays below it.
  virtual std::size_t max_tokens() const = 0;
  // Tokens of one text without the special ones; what chunk budgets are counted in.
  virtual std::size_t count_tokens(std::string_view text) const = 0;
  virtual BatchLimits batch_limits() const = 0;
  // One vector per text, in the texts' order. Valid UTF-8 expected; an empty text gets a vector
  // too. kInvalidField says that one of the texts is refused, and not which.
  virtual Result<Embeddings> embed(const std::vector<std::string_view>& texts,
                                   EmbeddingCall call) = 0;
  // Whether it would answer now, for readiness: blocks briefly, if at all.
  virtual Result<> check(Deadline deadline) {
    auto made = embed({"ready?"}, deadline);
    if (!made) return forward_error(made);
    return {};
  }
  // Ends calls under way that wait for others, and refuses later ones, with kDraining. What is
  // computed in this process is left to finish.
  virtual void interrupt() {}
};

} // namespace raglan::model
