#include "model/await_embedding.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "net/loop_fixture_test.h"

namespace raglan::model {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

// A text of n characters has n tokens and two more; its vector is {n, first character}. While the
// gate is closed, every call waits behind it.
class CountingEmbedder final : public Embedder {
 public:
  explicit CountingEmbedder(std::string id = "fake") : id_(std::move(id)) {}
  std::string_view id() const override { return id_; }
  std::string_view name() const override { return "fake"; }
  std::size_t dimension() const override { return 2; }
  std::size_t max_tokens() const override { return 256; }
  std::size_t count_tokens(std::string_view text) const override { return text.size(); }
  BatchLimits batch_limits() const override {
    return {.texts = 64, .tokens = 512, .special_tokens = 2};
  }
  Result<Embeddings> embed(const std::vector<std::string_view>& texts, EmbeddingCall) override {
    std::unique_lock lock(mutex_);
    calls_.emplace_back(texts.begin(), texts.end());
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    if (failure_) return fail(*failure_, "the fake fails");
    Embeddings made{.dimension = 2};
    for (const std::string_view text : texts) {
      if (text == "bad") return fail(ErrorCode::kInvalidField, "the fake refuses a text");
      made.values.push_back(static_cast<float>(text.size()));
      made.values.push_back(static_cast<float>(text.front()));
    }
    return made;
  }

  void set_open(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    changed_.notify_all();
  }
  void fail_with(std::optional<ErrorCode> code) {
    const std::lock_guard lock(mutex_);
    failure_ = code;
  }
  void await_calls(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return calls_.size() >= count; });
  }
  // What was embedded since the last time, call after call.
  std::vector<Texts> take_calls() {
    const std::lock_guard lock(mutex_);
    return std::exchange(calls_, {});
  }

 private:
  const std::string id_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Texts> calls_;
  bool open_ = true;
  std::optional<ErrorCode> failure_;
};

// A shelf in memory that can be told to lose everything, to hang, or to spoil what it has.
class FakeShelf final : public cache::Shelf {
 public:
  std::vector<std::optional<Found>> find_many(std::span<const Hash128> keys) override {
    std::unique_lock lock(mutex_);
    ++reads;
    changed_.wait(lock, [this] { return !hangs; });
    std::vector<std::optional<Found>> found(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto entry = entries.find(keys[i]);
      if (entry != entries.end()) found[i] = Found{entry->second, age};
    }
    return found;
  }
  void insert_many(std::vector<Entry> added) override {
    const std::lock_guard lock(mutex_);
    for (Entry& entry : added) {
      entries[entry.key] = std::move(entry.value);
      scopes[entry.key] = entry.scope;
    }
  }
  std::size_t purge(std::optional<std::uint64_t> scope) override {
    const std::lock_guard lock(mutex_);
    return std::erase_if(
        entries, [&](const auto& entry) { return !scope || scopes.at(entry.first) == *scope; });
  }
  void set_hangs(bool value) {
    const std::lock_guard lock(mutex_);
    hangs = value;
    changed_.notify_all();
  }

  std::map<Hash128, std::string> entries;
  std::map<Hash128, std::uint64_t> scopes;
  std::chrono::milliseconds age{0};
  std::atomic<int> reads = 0;
  bool hangs = false;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

class AwaitEmbeddingTest : public net::LoopTest {
 protected:
  using Reply = net::Running<EmbeddingReply>;

  Reply embed(EmbeddingCache& cache, EmbeddingRequest request, std::size_t loop = 0) {
    if (request.tenant.empty()) request.tenant = "default";
    return start(await_embedding(cache, submit_, std::move(request)), loop);
  }
  Reply embed(Texts texts, std::size_t loop = 0) {
    return embed(cache_, {.texts = std::move(texts)}, loop);
  }
  // Of which each text's vector is {its length, its first character}.
  static void expect_vectors(const Result<EmbeddingReply>& reply, const Texts& texts) {
    ASSERT_TRUE(reply) << reply.error().message;
    std::vector<float> values;
    std::size_t tokens = 0;
    for (const std::string& text : texts) {
      values.push_back(static_cast<float>(text.size()));
      values.push_back(static_cast<float>(text.front()));
      tokens += text.size() + 2;
    }
    EXPECT_EQ(reply->embeddings.values, values);
    EXPECT_EQ(reply->embeddings.dimension, 2u);
    EXPECT_EQ(reply->embeddings.tokens, tokens);
  }

  ManualClock clock_;
  CountingEmbedder embedder_;
  EmbeddingQueue queue_{embedder_, {.batch_window = 0ms}, {}, clock_};
  EmbeddingCache cache_{queue_, {.ttl = 0ms}, {}, clock_};
  net::Submit submit_ = join_in_place;
};

TEST_F(AwaitEmbeddingTest, ATextIsEmbeddedOnce) {
  const auto first = embed({"one"}).get();
  expect_vectors(first, {"one"});
  EXPECT_EQ(first->computed_texts, 1u);
  EXPECT_EQ(first->computed_tokens, 5u);
  const auto second = embed({"one"}).get();
  expect_vectors(second, {"one"});
  EXPECT_EQ(second->computed_texts, 0u);
  EXPECT_EQ(second->computed_tokens, 0u);
  EXPECT_EQ(embedder_.take_calls(), std::vector<Texts>{{"one"}});
  const EmbeddingCacheStats stats = cache_.stats();
  EXPECT_EQ(stats.memory.hits, 1u);
  EXPECT_EQ(stats.memory.misses, 1u);
  EXPECT_EQ(stats.memory.entries, 1u);
  EXPECT_EQ(stats.saved_tokens, 5u);
  EXPECT_EQ(stats.memory.saved_calls, 1u);
}

TEST_F(AwaitEmbeddingTest, OnlyWhatIsMissingIsEmbeddedAndTheOrderIsThatOfTheTexts) {
  ASSERT_TRUE(embed({"bb", "dddd"}).get());
  embedder_.take_calls();
  const auto reply = embed({"a", "bb", "ccc", "dddd"}).get();
  expect_vectors(reply, {"a", "bb", "ccc", "dddd"});
  EXPECT_EQ(embedder_.take_calls(), (std::vector<Texts>{{"ccc", "a"}}));
  EXPECT_EQ(reply->computed_texts, 2u);
  EXPECT_EQ(reply->computed_tokens, 1u + 3 + 2 * 2);
}

TEST_F(AwaitEmbeddingTest, ATextThatRepeatsIsEmbeddedOnceAndAnsweredEachTime) {
  expect_vectors(embed({"a", "bb", "a", "a", "bb"}).get(), {"a", "bb", "a", "a", "bb"});
  EXPECT_EQ(embedder_.take_calls(), (std::vector<Texts>{{"bb", "a"}}));
  EXPECT_EQ(cache_.stats().saved_tokens, 3u * 2 + 4);
}

TEST_F(AwaitEmbeddingTest, NoTextsGiveNoVectors) {
  const auto reply = embed({}).get();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->embeddings.dimension, 2u);
  EXPECT_EQ(reply->embeddings.rows(), 0u);
  EXPECT_EQ(cache_.stats().memory.saved_calls, 0u);
}

TEST_F(AwaitEmbeddingTest, TenantsShareNothing) {
  ASSERT_TRUE(embed(cache_, {.tenant = "a", .texts = {"same"}}).get());
  ASSERT_TRUE(embed(cache_, {.tenant = "b", .texts = {"same"}}).get());
  EXPECT_EQ(embedder_.take_calls().size(), 2u);
  ASSERT_TRUE(embed(cache_, {.tenant = "a", .texts = {"same"}}).get());
  EXPECT_TRUE(embedder_.take_calls().empty());
}

TEST_F(AwaitEmbeddingTest, BypassNeitherReadsNorWritesNorJoins) {
  ASSERT_TRUE(embed({"kept"}).get());
  for (const char* const text : {"kept", "new"}) {
    const auto reply = embed(cache_, {.texts = {text}, .bypass = true}).get();
    expect_vectors(reply, {text});
    EXPECT_EQ(reply->computed_texts, 1u);
    EXPECT_EQ(reply->computed_tokens, reply->embeddings.tokens);
  }
  EXPECT_EQ(cache_.stats().memory.entries, 1u);
  EXPECT_EQ(cache_.stats().memory.hits, 0u);
  ASSERT_TRUE(embed({"new"}).get());
  EXPECT_EQ(embedder_.take_calls(), (std::vector<Texts>{{"kept"}, {"kept"}, {"new"}, {"new"}}));
}

TEST_F(AwaitEmbeddingTest, ManyRequestsForTheSameTextsAtOnceEmbedEachOnce) {
  embedder_.set_open(false);
  std::vector<Reply> replies;
  replies.push_back(embed({"first", "second"}));
  embedder_.await_calls(1);
  for (int i = 0; i < 100; ++i) replies.push_back(embed({"second", "third"}, i % 2));
  while (cache_.flights().in_flight() < 3) settle(0);
  for (int i = 0; i < 4; ++i) settle(static_cast<std::size_t>(i % 2));
  embedder_.set_open(true);
  expect_vectors(replies.front().get(), {"first", "second"});
  std::size_t computed = 0;
  for (std::size_t i = 1; i < replies.size(); ++i) {
    const auto reply = replies[i].get();
    expect_vectors(reply, {"second", "third"});
    computed += reply->computed_texts;
  }
  EXPECT_EQ(computed, 1u);
  EXPECT_EQ(embedder_.take_calls(), (std::vector<Texts>{{"second", "first"}, {"third"}}));
  EXPECT_EQ(cache_.stats().coalesced + cache_.stats().memory.hits, 100u + 99u);
  EXPECT_GT(cache_.stats().coalesced, 100u);
}

TEST_F(AwaitEmbeddingTest, WhoeverAsksFirstMayGoAwayWithoutTheOthersLoss) {
  embedder_.set_open(false);
  auto leader = embed({"shared", "own"});
  embedder_.await_calls(1);
  auto follower = embed({"shared"}, 1);
  while (cache_.flights().in_flight() < 2) settle(0);
  settle(1);
  settle(1);
  leader.cancel();
  EXPECT_EQ(leader.error(), ErrorCode::kClientClosed);
  embedder_.set_open(true);
  expect_vectors(follower.get(), {"shared"});
  EXPECT_EQ(embedder_.take_calls().size(), 1u);
  EXPECT_EQ(queue_.stats().cancelled, 0u);
  expect_vectors(embed({"own"}).get(), {"own"}); // it was kept, too
  EXPECT_TRUE(embedder_.take_calls().empty());
}

TEST_F(AwaitEmbeddingTest, WhenNobodyWaitsAnyMoreTheTextsLeaveTheQueue) {
  embedder_.set_open(false);
  auto running = embed({"running"});
  embedder_.await_calls(1);
  auto waiting = embed({"waiting"});
  auto also = embed({"waiting"}, 1);
  while (queue_.stats().queued_texts == 0) settle();
  for (int i = 0; i < 20; ++i) settle(static_cast<std::size_t>(i % 2)); // both ask by now
  waiting.cancel();
  also.cancel();
  EXPECT_EQ(waiting.error(), ErrorCode::kClientClosed);
  EXPECT_EQ(also.error(), ErrorCode::kClientClosed);
  while (queue_.stats().queued_texts > 0) settle();
  EXPECT_EQ(queue_.stats().cancelled, 1u);
  embedder_.set_open(true);
  EXPECT_TRUE(running.get());
  EXPECT_EQ(embedder_.take_calls(), std::vector<Texts>{{"running"}});
}

TEST_F(AwaitEmbeddingTest, AQuestionDoesNotWaitForWhatIngestBegan) {
  embedder_.set_open(false);
  auto first = embed(cache_, {.texts = {"other"}, .priority = EmbeddingPriority::kIngest});
  embedder_.await_calls(1); // the next two wait in the queue
  auto ingest = embed(cache_, {.texts = {"text"}, .priority = EmbeddingPriority::kIngest});
  while (queue_.stats().queued_texts < 1) settle();
  auto question = embed({"text"}, 1);
  while (queue_.stats().queued_texts < 2) settle();
  embedder_.set_open(true);
  EXPECT_EQ(question.get()->computed_texts, 1u);
  EXPECT_EQ(ingest.get()->computed_texts, 1u);
  EXPECT_TRUE(first.get());
}

TEST_F(AwaitEmbeddingTest, AFailureIsSharedAndNotKept) {
  embedder_.fail_with(ErrorCode::kUpstream);
  embedder_.set_open(false);
  auto first = embed({"text"});
  embedder_.await_calls(1);
  auto second = embed({"text"}, 1);
  settle(1);
  settle(1);
  embedder_.set_open(true);
  EXPECT_EQ(first.error(), ErrorCode::kUpstream);
  EXPECT_EQ(second.error(), ErrorCode::kUpstream);
  embedder_.fail_with(std::nullopt);
  expect_vectors(embed({"text"}).get(), {"text"});
  EXPECT_EQ(embedder_.take_calls().size(), 2u);
}

TEST_F(AwaitEmbeddingTest, ARefusedTextFailsItsRequestAndTheOthersAreKept) {
  EXPECT_EQ(embed({"a", "bad", "cc"}).error(), ErrorCode::kInvalidField);
  embedder_.take_calls();
  expect_vectors(embed({"a", "cc"}).get(), {"a", "cc"});
  EXPECT_TRUE(embedder_.take_calls().empty());
  EXPECT_EQ(embed(cache_, {.texts = {"a", "bad"}, .bypass = true}).error(),
            ErrorCode::kInvalidField);
}

TEST_F(AwaitEmbeddingTest, APartialRequestIsToldWhatIsRefused) {
  for (const bool bypass : {false, true}) {
    const auto reply =
        embed(cache_, {.texts = {"bad", "a", "bad", "cc"}, .bypass = bypass, .partial = true})
            .get();
    ASSERT_TRUE(reply) << reply.error().message;
    ASSERT_EQ(reply->embeddings.refused.size(), 2u);
    EXPECT_EQ(reply->embeddings.refused[0].row, 0u);
    EXPECT_EQ(reply->embeddings.refused[1].row, 2u);
    EXPECT_EQ(reply->embeddings.refused[1].error.code, ErrorCode::kInvalidField);
    EXPECT_EQ(reply->embeddings.values, (std::vector<float>{0, 0, 1, 'a', 0, 0, 2, 'c'}));
    EXPECT_EQ(reply->embeddings.tokens, 3u + 4);
    EXPECT_EQ(reply->computed_texts, 2u);
    EXPECT_EQ(reply->computed_tokens, 3u + 4);
  }
}

TEST_F(AwaitEmbeddingTest, WhoSharesTextsWithARefusedOneDoesNotFailWithIt) {
  embedder_.set_open(false);
  auto leader = embed({"bad", "shared"});
  embedder_.await_calls(1);
  auto shares = embed({"shared"}, 1);
  auto shares_bad = embed({"bad"}, 1);
  auto also_new = embed({"new", "shared"}, 1);
  while (cache_.flights().in_flight() < 3) settle(1);
  settle(1);
  embedder_.set_open(true);
  EXPECT_EQ(leader.error(), ErrorCode::kInvalidField);
  expect_vectors(shares.get(), {"shared"});
  EXPECT_EQ(shares_bad.error(), ErrorCode::kInvalidField);
  expect_vectors(also_new.get(), {"new", "shared"});
  const auto calls = embedder_.take_calls();
  EXPECT_EQ(std::ranges::count(calls, Texts{"shared"}), 1);
  EXPECT_EQ(std::ranges::count(calls, Texts{"bad"}), 1);
}

TEST_F(AwaitEmbeddingTest, MuchTextIsHashedOnTheExecutor) {
  int submitted = 0;
  submit_ = [&](const std::function<void()>& work) {
    ++submitted;
    return join_in_place(work);
  };
  const Texts large(3, std::string(kMaxHashedInPlaceBytes / 2, 'x'));
  ASSERT_TRUE(embed(large).get());
  EXPECT_EQ(submitted, 2); // hashed, and joined the queue
  ASSERT_TRUE(embed(large).get());
  EXPECT_EQ(submitted, 3);
  ASSERT_TRUE(embed({large.front()}).get());
  EXPECT_EQ(submitted, 3); // in memory: it never left its thread
  submit_ = [](const std::function<void()>&) { return false; };
  EXPECT_EQ(embed(large).error(), ErrorCode::kOverloaded);
}

TEST_F(AwaitEmbeddingTest, EntriesLiveAsLongAsTheirTtl) {
  EmbeddingCache cache(queue_, {.ttl = 1h}, {}, clock_);
  ASSERT_TRUE(embed(cache, {.texts = {"text"}}).get());
  clock_.advance(1h - 1ns);
  EXPECT_EQ(embed(cache, {.texts = {"text"}}).get()->computed_texts, 0u);
  clock_.advance(1ns);
  EXPECT_EQ(embed(cache, {.texts = {"text"}}).get()->computed_texts, 1u);
}

TEST_F(AwaitEmbeddingTest, SwitchedOffItKeepsNothing) {
  FakeShelf shelf;
  EmbeddingCache cache(queue_, {.enabled = false}, {.shelf = &shelf}, clock_);
  for (int i = 0; i < 2; ++i) expect_vectors(embed(cache, {.texts = {"text"}}).get(), {"text"});
  EXPECT_EQ(embedder_.take_calls().size(), 2u);
  EXPECT_EQ(shelf.reads, 0);
  EXPECT_TRUE(shelf.entries.empty());
}

TEST_F(AwaitEmbeddingTest, MemoryIsBounded) {
  EmbeddingCache cache(queue_, {.max_bytes = 64 << 10, .ttl = 0ms}, {}, clock_);
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(embed(cache, {.texts = {"text " + std::to_string(i)}}).get());
  }
  EXPECT_LE(cache.stats().memory.bytes, std::size_t{64 << 10});
  EXPECT_GT(cache.stats().memory.evictions, 0u);
}

class ShelvedEmbeddingTest : public AwaitEmbeddingTest {
 protected:
  // A cache as after a restart.
  std::unique_ptr<EmbeddingCache> restarted(cache::LocalCacheConfig config = {.ttl = 0ms}) {
    return std::make_unique<EmbeddingCache>(queue_, config, EmbeddingCache::Tiers{.shelf = &shelf_},
                                            clock_);
  }
  void shelve(const Texts& texts) {
    ASSERT_TRUE(embed(*restarted(), {.texts = texts}).get());
    embedder_.take_calls();
    shelf_.reads = 0;
  }

  FakeShelf shelf_;
};

TEST_F(ShelvedEmbeddingTest, WhatWasEmbeddedBeforeARestartIsNotEmbeddedAgain) {
  shelve({"a", "bb"});
  const auto cache = restarted();
  const auto reply = embed(*cache, {.texts = {"bb", "ccc", "a"}}).get();
  expect_vectors(reply, {"bb", "ccc", "a"});
  EXPECT_EQ(reply->computed_texts, 1u);
  EXPECT_EQ(embedder_.take_calls(), std::vector<Texts>{{"ccc"}});
  EXPECT_EQ(shelf_.reads, 1); // for all of them
  EXPECT_EQ(cache->stats().shelf_hits, 2u);
  EXPECT_EQ(cache->stats().memory.misses, 1u);
  expect_vectors(embed(*cache, {.texts = {"bb", "ccc", "a"}}).get(), {"bb", "ccc", "a"});
  EXPECT_EQ(shelf_.reads, 1); // from memory
}

TEST_F(ShelvedEmbeddingTest, ATenantsVectorsAreRemovedFromBothTiers) {
  const auto cache = restarted();
  for (const char* const tenant : {"a", "b"}) {
    ASSERT_TRUE(embed(*cache, {.tenant = tenant, .texts = {"one", "two"}}).get());
  }
  const auto computed = [&](const char* tenant) {
    return embed(*cache, {.tenant = tenant, .texts = {"one", "two"}}).get()->computed_texts;
  };
  EXPECT_EQ(cache->purge(cache::tenant_hash("a")), 4u);
  EXPECT_EQ(computed("b"), 0u);
  EXPECT_EQ(computed("a"), 2u);
  EXPECT_EQ(cache->purge(std::nullopt), 8u);
  EXPECT_EQ(computed("a") + computed("b"), 4u);
}

TEST_F(ShelvedEmbeddingTest, AnotherModelFindsNothing) {
  shelve({"text"});
  CountingEmbedder other("other");
  EmbeddingQueue queue(other, {.batch_window = 0ms}, {}, clock_);
  EmbeddingCache cache(queue, {.ttl = 0ms}, {.shelf = &shelf_}, clock_);
  EXPECT_EQ(embed(cache, {.texts = {"text"}}).get()->computed_texts, 1u);
}

TEST_F(ShelvedEmbeddingTest, ConcurrentRequestsReadItOnce) {
  shelve({"text"});
  shelf_.set_hangs(true);
  const auto cache = restarted();
  std::vector<Reply> replies;
  for (int i = 0; i < 20; ++i) replies.push_back(embed(*cache, {.texts = {"text"}}, i % 2));
  while (shelf_.reads == 0) settle();
  shelf_.set_hangs(false);
  for (Reply& reply : replies) expect_vectors(reply.get(), {"text"});
  EXPECT_EQ(shelf_.reads, 1);
  EXPECT_TRUE(embedder_.take_calls().empty());
}

TEST_F(ShelvedEmbeddingTest, WhatItLostOrSpoiltIsEmbeddedAgainAndRepaired) {
  for (const std::string& spoilt : {std::string(), std::string("short"), std::string(13, 'x')}) {
    shelve({"text"});
    for (auto& [key, value] : shelf_.entries) value = spoilt;
    expect_vectors(embed(*restarted(), {.texts = {"text"}}).get(), {"text"});
    EXPECT_EQ(embedder_.take_calls().size(), 1u);
    expect_vectors(embed(*restarted(), {.texts = {"text"}}).get(), {"text"});
    EXPECT_EQ(embedder_.take_calls().size(), 0u);
    shelf_.entries.clear();
  }
}

TEST_F(ShelvedEmbeddingTest, AShelfThatHangsCostsARequestNoMoreThanItsPatience) {
  shelve({"text"});
  shelf_.set_hangs(true);
  const auto cache = restarted();
  const Deadline deadline = Deadline::after(1h, clock_.now());
  auto reply = embed(*cache, {.texts = {"text"}, .deadline = deadline});
  expect_vectors(reply.get(), {"text"});
  EXPECT_EQ(embedder_.take_calls().size(), 1u);
  shelf_.set_hangs(false);
}

TEST_F(ShelvedEmbeddingTest, ReadsThatCannotBeQueuedAreMisses) {
  shelve({"text"});
  const auto cache = restarted();
  cache->stop();
  expect_vectors(embed(*cache, {.texts = {"text"}}).get(), {"text"});
  EXPECT_EQ(embedder_.take_calls().size(), 1u);
}

TEST_F(ShelvedEmbeddingTest, ReadsThatWaitAndThoseThatAreRefusedAreCounted) {
  shelf_.set_hangs(true);
  const auto cache = restarted();
  std::vector<Reply> replies;
  replies.push_back(embed(*cache, {.texts = {"running"}}));
  while (shelf_.reads == 0) settle();
  for (std::size_t i = 0; i < EmbeddingCache::kMaxQueuedReads + 3; ++i) {
    replies.push_back(embed(*cache, {.texts = {"text " + std::to_string(i)}}));
  }
  while (cache->stats().rejected_reads < 3) settle();
  EXPECT_EQ(cache->stats().queued_reads, EmbeddingCache::kMaxQueuedReads);
  shelf_.set_hangs(false);
  for (Reply& reply : replies) EXPECT_TRUE(reply.get());
  EXPECT_EQ(cache->stats().rejected_reads, 3u);
  EXPECT_EQ(cache->stats().queued_reads, 0u);
}

TEST_F(ShelvedEmbeddingTest, ARequestThatIsCancelledWhileItReadsIsOver) {
  shelve({"text"});
  shelf_.set_hangs(true);
  const auto cache = restarted();
  auto reply = embed(*cache, {.texts = {"text"}});
  while (shelf_.reads == 0) settle();
  reply.cancel();
  EXPECT_EQ(reply.error(), ErrorCode::kClientClosed);
  settle();
  settle();
  EXPECT_EQ(cache->flights().in_flight(), 0u);
  shelf_.set_hangs(false);
  cache->stop();
  settle(); // what its flights still did there is over
  EXPECT_TRUE(embedder_.take_calls().empty());
}

TEST_F(ShelvedEmbeddingTest, AnEntryIsNoYoungerForHavingBeenOnTheShelf) {
  shelve({"text"});
  shelf_.age = 3000s;
  const auto cache = restarted({.ttl = 1h});
  EXPECT_EQ(embed(*cache, {.texts = {"text"}}).get()->computed_texts, 0u);
  shelf_.entries.clear();
  clock_.advance(10min - 1ns);
  EXPECT_EQ(embed(*cache, {.texts = {"text"}}).get()->computed_texts, 0u);
  clock_.advance(1ns);
  EXPECT_EQ(embed(*cache, {.texts = {"text"}}).get()->computed_texts, 1u);
}

} // namespace
} // namespace raglan::model
