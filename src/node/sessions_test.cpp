#include "node/sessions.h"

#include <gtest/gtest.h>

#include "node/session_token.h"
#include "store/stored_fixture_test.h"

namespace raglan::node {
namespace {

Turn turn(std::string question) { return {.question = std::move(question), .answer = "Yes."}; }

// Two nodes of one store.
class SessionsTest : public store::StoredTest {
 protected:
  Result<OpenSession> begin(SessionKeeping keeping) {
    return start(here_.begin("acme", keeping, Deadline())).get();
  }
  Result<OpenSession> open(Sessions& sessions, const std::string& id,
                           const std::string& tenant = "acme") {
    return start(sessions.open(tenant, id, Deadline())).get();
  }
  Result<OpenSession> keep(Sessions& sessions, OpenSession session, std::string question) {
    return start(sessions.keep(std::move(session), turn(std::move(question)), Deadline())).get();
  }
  const SessionsConfig config_{.ttl = std::chrono::hours(1)};
  Sessions here_{config_, store_.records(), clock_};
  Sessions there_{config_, store_.records(), clock_};
};

class EitherKeeping : public SessionsTest, public testing::WithParamInterface<SessionKeeping> {};

TEST_P(EitherKeeping, AnyNodeContinuesASession) {
  auto session = begin(GetParam());
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ(session->keeping, GetParam());
  for (const std::string& question : {"one", "two", "three"}) {
    auto opened = open(there_, session->id);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->session, session->session);
    session = keep(there_, std::move(*opened), question);
    ASSERT_TRUE(session) << session.error().message;
  }
  const auto whole = open(here_, session->id);
  ASSERT_TRUE(whole);
  ASSERT_EQ(whole->session.turns.size(), 3u);
  EXPECT_EQ(whole->session.turns[2].question, "three");
  EXPECT_EQ(whole->session.asked, 3u);
}

TEST_P(EitherKeeping, AnotherTenantsIsNone) {
  const auto session = begin(GetParam());
  EXPECT_EQ(code_of(open(here_, session->id, "other")), ErrorCode::kNotFound);
  EXPECT_TRUE(open(here_, session->id));
}

TEST_P(EitherKeeping, ItEndsSoLongAfterItsLastTurn) {
  auto session = begin(GetParam());
  clock_.advance(std::chrono::minutes(59));
  session = keep(here_, std::move(*session), "one");
  clock_.advance(std::chrono::minutes(60) - std::chrono::milliseconds(1));
  EXPECT_TRUE(open(there_, session->id));
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(code_of(open(there_, session->id)), ErrorCode::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(Sessions, EitherKeeping,
                         testing::Values(SessionKeeping::kStore, SessionKeeping::kToken),
                         [](const auto& keeping) {
                           return keeping.param == SessionKeeping::kStore ? "Store" : "Token";
                         });

TEST_F(SessionsTest, OfTwoTurnsThatEndAtOnceBothAreKept) {
  const auto session = begin(SessionKeeping::kStore);
  const auto first = open(here_, session->id);
  const auto second = open(there_, session->id);
  ASSERT_TRUE(keep(here_, *first, "one"));
  const auto both = keep(there_, *second, "two");
  ASSERT_TRUE(both) << both.error().message;
  ASSERT_EQ(both->session.turns.size(), 2u);
  EXPECT_EQ(both->session.turns[0].question, "one");
  EXPECT_EQ(both->session.turns[1].question, "two");
}

TEST_F(SessionsTest, OneThatWasEndedStaysEnded) {
  const auto session = begin(SessionKeeping::kStore);
  const auto opened = open(here_, session->id);
  ASSERT_TRUE(start(there_.end("acme", session->id, Deadline())).get());
  EXPECT_EQ(code_of(keep(here_, *opened, "one")), ErrorCode::kNotFound);
  EXPECT_EQ(here_.lost_turns(), 1u);
  EXPECT_EQ(code_of(open(here_, session->id)), ErrorCode::kNotFound);
  const auto again = start(there_.end("acme", session->id, Deadline())).get();
  EXPECT_EQ(again.error().code, ErrorCode::kNotFound);
}

TEST_F(SessionsTest, AnotherTenantEndsNothing) {
  const auto session = begin(SessionKeeping::kStore);
  EXPECT_FALSE(start(here_.end("other", session->id, Deadline())).get());
  EXPECT_TRUE(open(here_, session->id));
}

TEST_F(SessionsTest, WhatIsNoSessionIsNotFound) {
  for (const std::string& id :
       {std::string(), std::string("nobody's"), std::string("rst1."), std::string("rst1.e30.AAAA"),
        std::string(10'000, 'x'), std::string("a\nb"), std::string("\xff")}) {
    EXPECT_EQ(code_of(open(here_, id)), ErrorCode::kNotFound) << id.size();
  }
}

TEST_F(SessionsTest, AnOldTokenContinuesFromWhereItWasMade) {
  const auto empty = begin(SessionKeeping::kToken);
  const auto one = keep(here_, *empty, "one");
  const auto two = keep(here_, *one, "two");
  EXPECT_EQ(open(here_, one->id)->session.turns.size(), 1u);
  EXPECT_EQ(open(here_, two->id)->session.turns.size(), 2u);
}

TEST_F(SessionsTest, ATokenIsNeverTooLongToBeSentBack) {
  auto session = begin(SessionKeeping::kToken);
  for (int i = 0; i < 10; ++i) {
    Turn long_turn = turn(std::string(1'000, '"')); // two bytes in JSON
    long_turn.answer = std::string(1'000, '\n');
    session = start(here_.keep(*session, long_turn, Deadline())).get();
    ASSERT_TRUE(session) << session.error().message;
    EXPECT_LE(session->id.size(), Sessions::kMaxIdBytes);
  }
  EXPECT_EQ(session->session.turns.size(), 3u); // of about 4 KB each, in 12 KiB
  EXPECT_EQ(session->session.asked, 10u);
}

} // namespace
} // namespace raglan::node
