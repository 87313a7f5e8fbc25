#include "store/commit_stamp.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "store/sqlite.h"
#include "store/store_fixture_test.h"

namespace raglan::store {
namespace {

class CommitStampTest : public ::testing::Test {
 protected:
  CommitStampTest() { EXPECT_TRUE(writer_->execute("CREATE TABLE t (x INTEGER)")); }

  static void insert(Connection& connection) {
    ASSERT_TRUE(connection.run("INSERT INTO t VALUES (1)"));
  }
  CommitStamp now() { return *reader_->commit_stamp(); }

  TemporaryFolder folder_;
  Result<Connection> writer_ = Connection::open(folder_.database(), {.create = true});
  Result<Connection> reader_ = Connection::open(folder_.database(), {});
};

TEST_F(CommitStampTest, StandsStillWhileNobodyCommits) {
  const CommitStamp before = now();
  EXPECT_NE(before.words[1], 0u); // of the WAL index, and no data_version
  EXPECT_EQ(now(), before);
  ASSERT_TRUE(writer_->execute("BEGIN IMMEDIATE"));
  insert(*writer_);
  EXPECT_EQ(now(), before);
  ASSERT_TRUE(writer_->execute("ROLLBACK"));
  EXPECT_EQ(now(), before);
}

TEST_F(CommitStampTest, EveryCommitChangesIt) {
  CommitStamp last = now();
  for (int i = 0; i < 100; ++i) {
    insert(i % 2 == 0 ? *writer_ : *reader_); // another's, and its own
    const CommitStamp next = now();
    EXPECT_NE(next, last);
    last = next;
  }
}

TEST_F(CommitStampTest, TellsCommitsAfterTheLogBeganAnew) {
  insert(*writer_);
  ASSERT_TRUE(writer_->checkpoint(true));
  const CommitStamp before = now();
  insert(*writer_); // overwrites the log's first frame
  EXPECT_NE(now(), before);
}

// What lies beside a database in another mode is no WAL index.
TEST_F(CommitStampTest, WithoutAWalIndexTheDataVersionTells) {
  sqlite3* memory = nullptr;
  ASSERT_EQ(sqlite3_open(":memory:", &memory), SQLITE_OK);
  EXPECT_EQ(WalIndex().stamp(memory), std::nullopt);
  sqlite3_close(memory);
}

} // namespace
} // namespace raglan::store
