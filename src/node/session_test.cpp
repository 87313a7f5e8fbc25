#include "node/session.h"

#include <gtest/gtest.h>

#include "base/unix_time.h"
#include "node/session_token.h"

namespace raglan::node {
namespace {

constexpr SessionLimits kRoomy{.turns = 100, .bytes = 1 << 20};

Turn turn(std::string question, std::optional<std::string> answer = "It is so [1].") {
  return {.question = std::move(question),
          .search = "",
          .answer = std::move(answer),
          .reply_id = "reply",
          .asked_at = from_unix_milliseconds(1'800'000'000'123)};
}

Session session_of(int turns) {
  Session session{.created_at = from_unix_milliseconds(1'700'000'000'001)};
  for (int i = 0; i < turns; ++i) add_turn(session, turn(std::to_string(i)), kRoomy);
  return session;
}

TEST(Session, ComesBackAsItWas) {
  Session session = session_of(2);
  session.turns[0].search = "naïve \"quoted\" 🦉";
  session.turns[1].answer = std::nullopt;
  EXPECT_EQ(parse_session(session_json(session)), session);
}

TEST(Session, WhatIsNoneIsNothing) {
  for (const std::string_view text : {"", "{", "[]", "{}", R"({"turns":{}})"}) {
    EXPECT_EQ(parse_session(text), std::nullopt) << text;
  }
}

TEST(Session, TheOldestTurnsGoFirst) {
  Session session = session_of(3);
  add_turn(session, turn("3"), {.turns = 3, .bytes = 1 << 20});
  ASSERT_EQ(session.turns.size(), 3u);
  EXPECT_EQ(session.turns.front().question, "1");
  EXPECT_EQ(session.asked, 4u);

  const std::size_t bytes = session_json(session).size();
  Session shorter = session;
  add_turn(session, turn("4"), {.turns = 100, .bytes = bytes});
  EXPECT_EQ(session.turns.size(), 3u); // one digit for another
  add_turn(shorter, turn("4"), {.turns = 100, .bytes = bytes - 1});
  EXPECT_EQ(shorter.turns.size(), 2u);
}

TEST(Session, ATurnThatDoesNotFitLosesTheEndOfItsAnswer) {
  Session session = session_of(1);
  add_turn(session, turn("what?", std::string(4'000, 'x')), {.turns = 10, .bytes = 1'500});
  ASSERT_EQ(session.turns.size(), 1u);
  EXPECT_EQ(session.turns[0].question, "what?");
  EXPECT_EQ(session.turns[0].answer, std::string(1'000, 'x'));
}

TEST(Session, ATurnThatDoesNotFitAtAllIsNotKept) {
  Session session = session_of(1);
  add_turn(session, turn(std::string(5'000, 'x')), {.turns = 10, .bytes = 5'000});
  EXPECT_TRUE(session.turns.empty());
  EXPECT_EQ(session.asked, 2u);
}

TEST(Session, OfALongAnswerTheBeginningIsKept) {
  Session session;
  add_turn(session, turn("q", std::string(8'191, 'x') + "é and more"), kRoomy);
  EXPECT_EQ(session.turns[0].answer, std::string(8'191, 'x')); // no half of a character
}

TEST(Session, EveryQuestionHasAnAnswerInTheHistory) {
  Session session = session_of(1);
  add_turn(session, turn("1", std::nullopt), kRoomy);
  const auto history = history_of(session);
  ASSERT_EQ(history.size(), 4u);
  for (std::size_t i = 0; i < history.size(); ++i) {
    const auto role = i % 2 == 0 ? model::ChatRole::kUser : model::ChatRole::kAssistant;
    EXPECT_EQ(history[i].role, role);
    EXPECT_FALSE(history[i].text.empty());
  }
}

const std::string kKey(kSigningKeyBytes, 'k');

SessionClaims claims() {
  return {"\"acme\"", from_unix_milliseconds(1'900'000'000'000), session_of(2)};
}

TEST(SessionToken, ComesBackAsItWasSigned) {
  const std::string token = sign_session(claims(), kKey);
  EXPECT_TRUE(is_session_token(token));
  const auto held = read_session_token(token, kKey);
  ASSERT_TRUE(held);
  EXPECT_EQ(held->tenant, "\"acme\"");
  EXPECT_EQ(held->expires_at, claims().expires_at);
  EXPECT_EQ(held->session, claims().session);
}

TEST(SessionToken, NoByteOfItCanBeChanged) {
  const std::string token = sign_session(claims(), kKey);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string forged = token;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(read_session_token(forged, kKey)) << i;
  }
}

TEST(SessionToken, NorCutNorLengthenedNorSignedByAnother) {
  const std::string token = sign_session(claims(), kKey);
  for (std::size_t size = 0; size < token.size(); ++size) {
    EXPECT_FALSE(read_session_token(token.substr(0, size), kKey)) << size;
  }
  EXPECT_FALSE(read_session_token(token + "A", kKey));
  EXPECT_FALSE(read_session_token(token + ".", kKey));
  EXPECT_FALSE(read_session_token(token, std::string(kSigningKeyBytes, 'l')));
}

} // namespace
} // namespace raglan::node
