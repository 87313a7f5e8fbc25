#include "node/session_turn.h"

#include <utility>

#include <boost/json/object.hpp>

#include "base/json_text.h"

namespace raglan::node {
namespace json = boost::json;

SessionTurn::SessionTurn(Sessions& sessions, OpenSession session, std::string question,
                         WallTime now, Deadline deadline)
    : sessions_(sessions), session_(std::move(session)), deadline_(deadline) {
  turn_.question = std::move(question);
  turn_.asked_at = now;
}

std::shared_ptr<const rag::Conversation> SessionTurn::conversation() const {
  if (session_.session.turns.empty()) return nullptr;
  auto conversation = std::make_shared<rag::Conversation>();
  conversation->history = history_of(session_.session);
  conversation->replaceable = true;
  return conversation;
}

net::Task<void> SessionTurn::keep(const rag::QueryReply& reply) {
  turn_.answer = reply.answer->text;
  turn_.reply_id = reply.id;
  if (reply.rewriting && reply.rewriting->changed) {
    turn_.search = reply.rewriting->question;
    rewritten_by_ = reply.rewriting->by;
  }
  auto kept = co_await sessions_.keep(session_, turn_, deadline_);
  kept_ = kept && !kept->session.turns.empty(); // it may be too long by itself
  if (kept) session_ = std::move(*kept);
}

void SessionTurn::append_to(std::string& reply_text) const {
  json::object session{{"id", session_.id},
                       {"asked", session_.session.asked},
                       {"kept", kept_},
                       {"search", nullptr},
                       {"rewritten_by", nullptr}};
  if (rewritten_by_) {
    session["search"] = turn_.search;
    session["rewritten_by"] = *rewritten_by_ == rag::RewrittenBy::kModel ? "model" : "words";
  }
  reply_text.pop_back(); // the object's brace
  reply_text += R"(,"session":)";
  append_json_text(reply_text, session);
  reply_text += '}';
}

} // namespace raglan::node
