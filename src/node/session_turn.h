// One question's part in its conversation: what came before it, and its answer added.
//
//   SessionTurn turn(sessions, std::move(session), query.query, clock.wall_now(), deadline);
//   query.conversation = turn.conversation();
//   …
//   co_await turn.keep(*reply);
//   turn.append_to(body);
//
// An answer that cannot be added is still an answer, and says so ("kept": false).
//
// Thread safety: belongs to its request.
#pragma once

#include <memory>
#include <string>

#include "node/sessions.h"
#include "rag/query.h"

namespace raglan::node {

class SessionTurn {
 public:
  SessionTurn(Sessions& sessions, OpenSession session, std::string question, WallTime now,
              Deadline deadline);

  // Null, when nothing was asked before.
  std::shared_ptr<const rag::Conversation> conversation() const;
  net::Task<void> keep(const rag::QueryReply& reply);
  // To the JSON object of the reply:
  //   "session":{"id", "asked", "kept", "search", "rewritten_by"}
  // "id" is the next question's session_id; "search" what was searched for in the question's place
  // by the language "model" or the "words", or null.
  void append_to(std::string& reply_text) const;

 private:
  Sessions& sessions_;
  OpenSession session_;
  Turn turn_;
  const Deadline deadline_;
  bool kept_ = false;
  std::optional<rag::RewrittenBy> rewritten_by_;
};

} // namespace raglan::node
