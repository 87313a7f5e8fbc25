#include "node/session.h"

#include <algorithm>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "base/json_lookup.h"
#include "base/json_text.h"
#include "base/unix_time.h"
#include "base/utf8.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxAnswerBytes = 8'192; // that are kept
// In the place of an answer that was none.
constexpr std::string_view kPassagesAlone = "(Passages of the documents were shown.)";

json::object turn_json(const Turn& turn) {
  json::object object{{"question", turn.question},
                      {"reply_id", turn.reply_id},
                      {"asked_at_ms", to_unix_milliseconds(turn.asked_at)}};
  if (!turn.search.empty()) object["search"] = turn.search;
  if (turn.answer) object["answer"] = *turn.answer;
  return object;
}

Turn parse_turn(const json::value& value) {
  Turn turn{.question = std::string(text_at(value, "question")),
            .search = std::string(text_at(value, "search")),
            .answer = {},
            .reply_id = std::string(text_at(value, "reply_id")),
            .asked_at = time_at(value, "asked_at_ms").value_or(WallTime())};
  if (member_at(value, "answer") != nullptr) turn.answer = text_at(value, "answer");
  return turn;
}

// Of the only turn there is the answer, by as much as it takes; or else it goes.
void shorten(Session& session, std::size_t max_bytes) {
  Turn& turn = session.turns.front();
  while (turn.answer && !turn.answer->empty() && session_json(session).size() > max_bytes) {
    turn.answer->resize(utf8_boundary(*turn.answer, turn.answer->size() / 2));
  }
  if (session_json(session).size() > max_bytes) session.turns.clear();
}

} // namespace

std::string session_json(const Session& session) {
  json::array turns;
  for (const Turn& turn : session.turns) turns.push_back(turn_json(turn));
  return json_text(json::object{{"created_at_ms", to_unix_milliseconds(session.created_at)},
                                {"asked", session.asked},
                                {"turns", std::move(turns)}});
}

std::optional<Session> parse_session(std::string_view text) {
  boost::system::error_code failure;
  const json::value value = json::parse(text, failure);
  return failure ? std::nullopt : session_from(value);
}

std::optional<Session> session_from(const json::value& value) {
  const json::array* turns = array_at(value, "turns");
  if (turns == nullptr) return std::nullopt;
  Session session{.created_at = time_at(value, "created_at_ms").value_or(WallTime()),
                  .asked = count_at(value, "asked"),
                  .turns = {}};
  for (const json::value& turn : *turns) session.turns.push_back(parse_turn(turn));
  return session;
}

void add_turn(Session& session, Turn turn, const SessionLimits& limits) {
  if (turn.answer)
    turn.answer = turn.answer->substr(0, utf8_boundary(*turn.answer, kMaxAnswerBytes));
  ++session.asked;
  session.turns.push_back(std::move(turn));
  auto& turns = session.turns;
  while (turns.size() > limits.turns) turns.erase(turns.begin());
  std::size_t bytes = session_json(session).size();
  while (turns.size() > 1 && bytes > limits.bytes) {
    bytes -= json_text(turn_json(turns.front())).size() + 1;
    turns.erase(turns.begin());
  }
  if (bytes > limits.bytes) shorten(session, limits.bytes);
}

std::vector<model::ChatMessage> history_of(const Session& session) {
  std::vector<model::ChatMessage> history;
  for (const Turn& turn : session.turns) {
    history.push_back({model::ChatRole::kUser, turn.question});
    history.push_back(
        {model::ChatRole::kAssistant, turn.answer.value_or(std::string(kPassagesAlone))});
  }
  return history;
}

} // namespace raglan::node
