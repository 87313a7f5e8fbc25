// How an index follows the change log, up to where the log begins.
#include "store/live_index.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

#include <unistd.h>

#include "store/collection_table.h"
#include "store/index_feed.h"
#include "store/store_fixture_test.h"
#include "store/sweep.h"

namespace raglan::store {
namespace {

// Eleven documents, seen by an index; then six changes: five documents, and a new text for an old
// one. All of one chunk, with the word "apple".
class LiveIndexTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kBefore = 11;
  static constexpr std::uint64_t kAfter = 6;

  LiveIndexTest() {
    put(0, kBefore);
    EXPECT_EQ(level().loaded_chunks, kBefore);
    EXPECT_TRUE(index_->save(1));
  }

  void put(std::uint64_t first, std::uint64_t last) const {
    auto store = open_store(folder_);
    for (std::uint64_t i = first; i < last; ++i) {
      ASSERT_TRUE(store->put({}, make_document(fmt::format("d{}", i), "apple")));
    }
  }
  void change() const {
    put(kBefore, kBefore + kAfter - 1);
    auto store = open_store(folder_);
    ASSERT_TRUE(store->put({}, make_document("d0", "another apple")));
  }
  // Until the log holds this many changes.
  void prune_to(std::uint64_t change_log_max) {
    while (*sweep(connection_, change_log_max, SystemClock::instance())) continue;
    EXPECT_EQ(connection_.query_integer("SELECT count(*) FROM changes"), change_log_max);
  }
  std::uint64_t pruned_seq() {
    return static_cast<std::uint64_t>(
        *connection_.query_integer("SELECT pruned_seq FROM collections"));
  }

  std::unique_ptr<LiveIndex> new_index() const {
    return std::make_unique<LiveIndex>(FeedSource{std::string(kDefaultTenant), 1, kSpace.dimension},
                                       SnapshotStamp{7, kSpace.embedder_id, kSpace.dimension},
                                       snapshot_, IndexConfig{});
  }
  struct Leveled {
    std::uint64_t loaded_chunks = 0;
    std::uint64_t seq = 0;
    std::size_t apples = 0; // that a search finds
  };
  Leveled level() {
    Leveled leveled;
    const auto last_seq =
        static_cast<std::uint64_t>(*connection_.query_integer("SELECT seq FROM collections"));
    auto index = index_->at_least(readers_, last_seq, [&](std::size_t chunks) {
      leveled.loaded_chunks += chunks;
      return true;
    });
    EXPECT_TRUE(index);
    if (!index) return leveled;
    leveled.seq = (*index)->seq();
    EXPECT_EQ(leveled.seq, last_seq);
    leveled.apples = (*index)->search({.text = "apple", .candidates = 1000}).candidates.size();
    return leveled;
  }

  const TemporaryFolder folder_;
  const std::filesystem::path snapshot_ = folder_.path() / "1.index";
  // Makes the file.
  const std::unique_ptr<EmbeddedStore> first_ = open_store(folder_);
  Connection connection_ = *Connection::open(folder_.database(), {});
  // One, and nobody who needs another waits.
  ReaderPool readers_{{folder_.database(), 1, {}}};
  std::unique_ptr<LiveIndex> index_ = new_index();
};

// Whether the thread waits for something: the third field of its stat, behind the name.
bool sleeps(pid_t thread) {
  std::ifstream file(fmt::format("/proc/self/task/{}/stat", thread));
  const std::string stat{std::istreambuf_iterator<char>(file), {}};
  const auto name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.substr(name_end + 2, 1) == "S";
}

// A thread that waits while another one catches up would fail at once, if it wanted the one reader.
TEST_F(LiveIndexTest, WhoWaitsForAnothersCatchUpNeedsNoReader) {
  change();
  index_ = new_index(); // one that nobody has before it is level
  const auto last_seq =
      static_cast<std::uint64_t>(*connection_.query_integer("SELECT seq FROM collections"));
  std::atomic<pid_t> other_id{0};
  std::atomic<bool> returned{false};
  std::thread other;
  const auto catching_up = [&](std::size_t) {
    EXPECT_EQ(code_of(readers_.acquire()), ErrorCode::kOverloaded); // in use by this thread
    other = std::thread([&] {
      other_id = ::gettid();
      auto index = index_->at_least(readers_, last_seq);
      returned = true;
      EXPECT_TRUE(index);
      if (index) EXPECT_EQ((*index)->seq(), last_seq);
    });
    while (!returned && (other_id == 0 || !sleeps(other_id))) std::this_thread::yield();
    EXPECT_FALSE(returned);
    return true;
  };
  EXPECT_TRUE(index_->at_least(readers_, last_seq, catching_up));
  other.join();
}

TEST_F(LiveIndexTest, LoadingIsGivenUpBetweenBatchesAndCanBeginAgain) {
  std::string text = "pear";
  for (std::size_t i = 0; i < IndexBatch::kMaxChunks; ++i) text += "\napple";
  ASSERT_TRUE(open_store(folder_)->put({"default", "large"}, make_document("a", text)));
  const auto row = find_collection(connection_, {"default", "large"});
  ASSERT_TRUE(row);
  LiveIndex index({"default", row->id, row->dimension}, {7, kSpace.embedder_id, kSpace.dimension},
                  folder_.path() / "2.index", IndexConfig{});
  std::vector<std::size_t> told;
  const auto given_up = index.at_least(readers_, row->seq, [&](std::size_t chunks) {
    told.push_back(chunks);
    return false;
  });
  EXPECT_EQ(code_of(given_up), ErrorCode::kDraining);
  EXPECT_EQ(told, std::vector{IndexBatch::kMaxChunks});
  EXPECT_FALSE(index.loaded());
  const auto loaded = index.at_least(readers_, row->seq);
  ASSERT_TRUE(loaded);
  EXPECT_EQ((*loaded)->size(), IndexBatch::kMaxChunks + 1);
}

TEST_F(LiveIndexTest, AtThePrunedSeqItCatchesUpByTheLog) {
  const std::uint64_t seq = index_->current()->seq();
  change();
  prune_to(kAfter);
  ASSERT_EQ(pruned_seq(), seq);
  const Leveled leveled = level();
  EXPECT_EQ(leveled.loaded_chunks, kAfter);
  EXPECT_EQ(leveled.apples, kBefore + kAfter - 1);
}

TEST_F(LiveIndexTest, OneBeforeThePrunedSeqItIsBuiltAnew) {
  const std::uint64_t seq = index_->current()->seq();
  change();
  prune_to(kAfter - 1);
  ASSERT_EQ(pruned_seq(), seq + 1);
  const Leveled leveled = level();
  EXPECT_EQ(leveled.loaded_chunks, kBefore + kAfter - 1);
  EXPECT_EQ(leveled.apples, kBefore + kAfter - 1);
}

TEST_F(LiveIndexTest, WhatWasRemovedBeforeTheLogBeginsIsGoneFromTheIndex) {
  {
    auto store = open_store(folder_);
    ASSERT_TRUE(store->remove({}, "d3"));
    ASSERT_TRUE(store->put({}, make_document("pear", "green pear")));
  }
  prune_to(1);
  EXPECT_EQ(level().apples, kBefore - 1);
}

TEST_F(LiveIndexTest, ASnapshotAtThePrunedSeqIsUsed) {
  change();
  prune_to(kAfter);
  index_ = new_index();
  const Leveled leveled = level();
  EXPECT_EQ(leveled.loaded_chunks, kAfter);
  EXPECT_EQ(leveled.apples, kBefore + kAfter - 1);
  EXPECT_TRUE(std::filesystem::exists(snapshot_));
}

TEST_F(LiveIndexTest, ASnapshotOlderThanTheLogIsRefusedAndTheIndexBuiltAnew) {
  change();
  prune_to(kAfter - 1);
  index_ = new_index();
  const Leveled leveled = level();
  EXPECT_EQ(leveled.loaded_chunks, kBefore + kAfter - 1);
  EXPECT_EQ(leveled.apples, kBefore + kAfter - 1);
  EXPECT_FALSE(std::filesystem::exists(snapshot_));
}

} // namespace
} // namespace raglan::store
