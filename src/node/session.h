// A conversation: what was asked, and what was answered.
//
// It is kept as JSON, in the store's records or in a token (node/sessions.h), within
// SessionLimits: the oldest turns go first, and of a long answer the end.
//
// Values; thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "base/clock.h"
#include "model/generator.h"

namespace raglan::node {

struct Turn {
  std::string question;
  std::string search;                // what was searched for in its place; empty: the question
  std::optional<std::string> answer; // absent: passages were the reply
  std::string reply_id;
  WallTime asked_at;
  bool operator==(const Turn&) const = default;
};

struct Session {
  WallTime created_at;
  std::uint64_t asked = 0; // questions, those included that are not kept any more
  std::vector<Turn> turns; // oldest first
  bool operator==(const Session&) const = default;
};

struct SessionLimits {
  std::size_t turns = 0;
  std::size_t bytes = 0; // as JSON
};

std::string session_json(const Session& session);
// Nothing when it is damaged.
std::optional<Session> parse_session(std::string_view json);
std::optional<Session> session_from(const boost::json::value& json);

void add_turn(Session& session, Turn turn, const SessionLimits& limits);

// As a language model is told it, which expects an answer after each question.
std::vector<model::ChatMessage> history_of(const Session& session);

} // namespace raglan::node
