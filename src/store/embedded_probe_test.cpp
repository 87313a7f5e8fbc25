#include "store/embedded_probe.h"

#include <gtest/gtest.h>

#include "store/store_fixture_test.h"

namespace raglan::store {
namespace {

std::unique_ptr<EmbeddedProbe> probe_of(EmbeddedStore& store) {
  auto probe = store.generation_probe();
  EXPECT_TRUE(probe);
  return probe ? std::move(*probe) : nullptr;
}

TEST(EmbeddedProbe, TellsWhatTheStoreTellsAfterEveryWrite) {
  const TemporaryFolder folder;
  auto store = open_store(folder);
  auto probe = probe_of(*store);
  EXPECT_EQ(code_of(probe->generation({})), ErrorCode::kNotFound);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(store->put({}, make_document("a", fmt::format("text {}", i))));
    EXPECT_EQ(*probe->generation({}), *store->generation({}));
    EXPECT_EQ(*probe->generation({}), *store->generation({})); // now from what it knows
  }
  ASSERT_TRUE(store->delete_collection({}));
  EXPECT_EQ(code_of(probe->generation({})), ErrorCode::kNotFound);
}

// Two stores on one file are two processes to SQLite, as they share no connection.
TEST(EmbeddedProbe, SeesTheWritesOfOthersOnTheFile) {
  const TemporaryFolder folder;
  auto ours = open_store(folder);
  auto theirs = open_store(folder);
  auto probe = probe_of(*ours);
  ASSERT_TRUE(theirs->put({}, make_document("a", "red apple")));
  const Generation first = *probe->generation({});
  ASSERT_TRUE(theirs->remove({}, "a"));
  EXPECT_GT(probe->generation({})->seq, first.seq);
  EXPECT_EQ(code_of(probe->generation({"other", "default"})), ErrorCode::kNotFound);
}

TEST(EmbeddedProbe, NoticesThatTheFileIsGone) {
  const TemporaryFolder folder;
  auto store = open_store(folder);
  auto probe = probe_of(*store);
  EXPECT_TRUE(probe->check()); // without a collection too
  const auto away = folder.path() / "away.db";
  std::filesystem::rename(folder.database(), away);
  EXPECT_EQ(code_of(probe->check()), ErrorCode::kUnavailable);
  std::filesystem::rename(away, folder.database());
  EXPECT_TRUE(probe->check());
}

TEST(EmbeddedProbe, OutlivesItsStore) {
  const TemporaryFolder folder;
  auto store = open_store(folder);
  ASSERT_TRUE(store->put({}, make_document("a", "red apple")));
  auto probe = probe_of(*store);
  const Generation generation = *store->generation({});
  store.reset();
  EXPECT_EQ(*probe->generation({}), generation);
}

} // namespace
} // namespace raglan::store
