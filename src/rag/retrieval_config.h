// What an operator can set about retrieval: the section [retrieval].
#pragma once

#include <cstdint>

#include "config/table.h"
#include "rag/fusion.h"

namespace raglan::rag {

// Which sides of the search are asked.
enum class RetrievalMode : std::uint8_t { kHybrid, kDense, kLexical };

struct RetrievalConfig : FusionConfig {
  std::uint32_t top_k = 5;
  RetrievalMode mode = RetrievalMode::kHybrid;
  std::uint32_t candidates = 100; // from each side, before fusing
};

inline void describe(config::Table<RetrievalConfig>& table) {
  // A pointer to a base's member becomes one to the derived struct's only outside a template.
  FusionMethod RetrievalConfig::* const method = &FusionConfig::method;
  double RetrievalConfig::* const bm25_weight = &FusionConfig::bm25_weight;
  double RetrievalConfig::* const rrf_k = &FusionConfig::rrf_k;
  table.field("top_k", &RetrievalConfig::top_k, "passages per question unless it names a number")
      .min(1)
      .max(100);
  table.choice("mode", &RetrievalConfig::mode, "which sides of the search are asked",
               {{"hybrid", RetrievalMode::kHybrid},
                {"dense", RetrievalMode::kDense},
                {"lexical", RetrievalMode::kLexical}});
  table.field("candidates", &RetrievalConfig::candidates, "chunks taken from each side")
      .min(1)
      .max(1000);
  table.choice("fusion", method, "how the two sides become one ranking",
               {{"score", FusionMethod::kScore}, {"rrf", FusionMethod::kRrf}});
  table.field("bm25_weight", bm25_weight, "fusion by score: what words can add to a cosine")
      .min(0)
      .max(100);
  table.field("rrf_k", rrf_k, "fusion by rank: added to every rank").min(0).max(10000);
}

} // namespace raglan::rag
