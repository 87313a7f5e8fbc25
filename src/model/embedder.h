// The seam for everything that turns text into vectors: the in-process model, or a remote API.
//
// Thread safety: all members may be called from any thread. `embed` blocks; event loops never call
// it (model/embedding_queue.h batches on a bounded executor and posts the result back).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"

namespace raglan::model {

// `rows` vectors of `dimension` floats, row by row, each of length 1.
struct Embeddings {
  std::size_t dimension = 0;
  std::vector<float> values;
  std::size_t tokens = 0;                // over all texts, special tokens included
  std::vector<std::size_t> row_tokens{}; // of each text; empty when its maker does not tell
  std::size_t rows() const { return dimension == 0 ? 0 : values.size() / dimension; }
};

class Embedder {
 public:
  virtual ~Embedder() = default;
  // Changes whenever the same text could get another vector: weights, tokenizer, pooling, prefix.
  virtual std::string_view id() const = 0;
  virtual std::size_t dimension() const = 0;
  // Texts longer than this are cut by the model; the chunker stays below it.
  virtual std::size_t max_tokens() const = 0;
  // Tokens of one text without the special ones; what chunk budgets are counted in.
  virtual std::size_t count_tokens(std::string_view text) const = 0;
  // One vector per text, in the texts' order. Valid UTF-8 expected; an empty text gets a vector
  // too.
  virtual Result<Embeddings> embed(const std::vector<std::string_view>& texts,
                                   Deadline deadline) = 0;
};

} // namespace raglan::model
