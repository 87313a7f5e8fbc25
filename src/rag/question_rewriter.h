// A question of a conversation made into one that can be understood, and searched for, without it.
//
//   auto rewritten = co_await rewriter.rewrite(request);
//
// By the language model, in a call of its own, before anything is searched for. Where there is
// none, or it fails, is busy (rag/overload.h) or takes too long, and where only cached answers are
// wanted: by the words alone (rag/follow_up.h), so that a follow-up question never fails for it.
//
// Thread safety: event loops, concurrently. The parts must outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log_throttle.h"
#include "cache/local_cache.h"
#include "config/table.h"
#include "model/generator.h"
#include "rag/overload.h"
#include "rag/query.h"

namespace raglan::rag {

enum class FollowUpRewriting : std::uint8_t { kModel, kWords, kOff };

struct FollowUpConfig {
  FollowUpRewriting rewrite = FollowUpRewriting::kModel;
  std::chrono::milliseconds timeout = std::chrono::seconds(5); // of the language model
};
void describe(config::Table<FollowUpConfig>& table);

class QuestionRewriter {
 public:
  // A generator may be null, and the overload too.
  struct Parts {
    model::Generator* generator;
    Overload* overload;
    const Clock& clock;
  };

  QuestionRewriter(FollowUpConfig config, Parts parts) : config_(config), parts_(parts) {}

  // Whether something was asked before, and is looked at.
  bool has_part_in(const QueryRequest& request) const;
  // Errors: kClientClosed; kDeadlineExceeded, the request's own.
  net::Task<Result<Rewriting>> rewrite(const QueryRequest& request);
  // Of the language model, that it may take at most; estimated.
  std::size_t most_tokens(const QueryRequest& request) const;
  // Of what is remembered, with answers of the same tenant or collection.
  void forget(const cache::Selection& selection) { known_.purge(selection); }

 private:
  bool uses_model() const {
    return config_.rewrite == FollowUpRewriting::kModel && parts_.generator != nullptr;
  }
  std::optional<Rewriting> find(const QueryRequest& request, const Hash128& key);
  net::Task<Result<Rewriting>> ask_model(const QueryRequest& request,
                                         std::vector<model::ChatMessage> told, const Hash128& key);

  const FollowUpConfig config_;
  const Parts parts_;
  cache::LocalCache<std::string> known_{{.max_bytes = 4 << 20, .ttl = std::chrono::hours(1)}};
  LogThrottle failures_;
};

} // namespace raglan::rag
