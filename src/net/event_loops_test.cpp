#include "net/event_loops.h"

#include "net/loop_fixture_test.h"

namespace raglan::net {
namespace {

TEST_F(LoopTest, EachLoopHasOneThreadOfItsOwn) {
  std::vector<std::thread::id> threads(4);
  for (std::size_t i = 0; i < threads.size(); ++i) {
    loops_.post(i % 2, [&, i] { threads[i] = std::this_thread::get_id(); });
  }
  settle(0);
  settle(1);
  EXPECT_EQ(threads[0], threads[2]);
  EXPECT_EQ(threads[1], threads[3]);
  EXPECT_NE(threads[0], threads[1]);
  EXPECT_NE(threads[0], std::this_thread::get_id());
}

TEST_F(LoopTest, ALoopKnowsItsThreadAndNoOther) {
  EXPECT_EQ(loops_.current(), std::nullopt);
  std::optional<std::size_t> seen;
  loops_.post(1, [&] { seen = loops_.current(); });
  settle(1);
  EXPECT_EQ(seen, 1u);
}

TEST_F(LoopTest, NextTakesThemInTurn) {
  const auto first = loops_.next();
  const auto second = loops_.next();
  EXPECT_NE(first, second);
  EXPECT_EQ(first, loops_.next());
}

TEST(EventLoops, RunsFromStartToStop) {
  EventLoops loops({.threads = 1});
  EXPECT_FALSE(loops.running());
  loops.start();
  EXPECT_TRUE(loops.running());
  loops.stop();
  loops.stop();
  EXPECT_FALSE(loops.running());
}

TEST(EventLoops, WhatIsPostedToAStoppedLoopIsDestroyedWithIt) {
  auto token = std::make_shared<int>();
  const std::weak_ptr<int> watched = token;
  {
    EventLoops loops({.threads = 1});
    loops.post(0, [token = std::move(token)] {});
  }
  EXPECT_TRUE(watched.expired());
}

// As a coroutine does that tells another loop that it is no more. Under the address sanitizer this
// is an error where one loop is freed before the next is empty.
TEST(EventLoops, WhatIsDestroyedWithOneLoopMayPostToAnother) {
  struct Poster {
    EventLoops& loops;
    std::shared_ptr<int> token;
    ~Poster() {
      for (std::size_t i = 0; i < loops.size(); ++i) loops.post(i, [held = token] {});
    }
  };
  auto token = std::make_shared<int>();
  const std::weak_ptr<int> watched = token;
  {
    EventLoops loops({.threads = 2});
    for (std::size_t i = 0; i < loops.size(); ++i) {
      loops.post(i, [poster = std::make_shared<Poster>(loops, token)] {});
    }
    token.reset();
  }
  EXPECT_TRUE(watched.expired());
}

} // namespace
} // namespace raglan::net
