#include "store/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/collection_table.h"
#include "store/document_reads.h"
#include "store/store_fixture_test.h"

namespace raglan::store {
namespace {

const CollectionKey kKept{"acme", "kept"};
const CollectionKey kDropped{"acme", "dropped"};
constexpr std::uint64_t kLongLog = 100'000;

std::string lines(std::uint64_t count) {
  std::string text;
  for (std::uint64_t i = 0; i < count; ++i) text += fmt::format("line {} apple\n", i);
  return text;
}

class SweepTest : public ::testing::Test {
 protected:
  SweepTest() { EXPECT_TRUE(store_->create_collection(kKept)); }

  bool sweep_once(std::uint64_t change_log_max = kLongLog) {
    auto swept = sweep(connection_, change_log_max, clock_);
    EXPECT_TRUE(swept);
    return swept && *swept;
  }
  std::uint64_t integer(const std::string& sql) {
    auto select = connection_.prepare_once(sql);
    EXPECT_TRUE(select);
    EXPECT_TRUE(*select->step());
    return select->unsigned_integer(0);
  }
  std::uint64_t rows_of(const CollectionRow& row) {
    const std::string of = fmt::format("WHERE collection_id = {}", row.id);
    std::uint64_t rows = integer("SELECT count(*) FROM documents " + of) +
                         integer("SELECT count(*) FROM fields " + of) +
                         integer("SELECT count(*) FROM changes " + of);
    for (const char* const table : {"chunks", "texts", "vectors"}) {
      rows += integer(
          fmt::format("SELECT count(*) FROM {} JOIN documents USING (document_key) {}", table, of));
    }
    return rows;
  }

  const TemporaryFolder folder_;
  const ManualClock clock_;
  std::unique_ptr<EmbeddedStore> store_ = open_store(folder_);
  Connection connection_ = *Connection::open(folder_.database(), {});
};

TEST_F(SweepTest, ALogIsLetGrowByTheSlackAndThenCutToItsMaximum) {
  constexpr std::uint64_t kMax = 20;
  const std::uint64_t slack = change_log_slack(kMax);
  ASSERT_EQ(slack, 2u);
  const auto logged = [&] { return integer("SELECT count(*) FROM changes"); };
  while (logged() < kMax + slack - 1) {
    ASSERT_TRUE(store_->put(kKept, make_document("a", fmt::format("apple {}", logged()))));
  }
  EXPECT_FALSE(sweep_once(kMax));
  ASSERT_TRUE(store_->put(kKept, make_document("b", "one more")));
  EXPECT_TRUE(sweep_once(kMax));
  EXPECT_EQ(logged(), kMax);
  EXPECT_FALSE(sweep_once(kMax));
  const auto row = find_collection(connection_, kKept);
  EXPECT_EQ(integer("SELECT min(seq) FROM changes"), row->seq - kMax + 1);
  EXPECT_EQ(integer("SELECT pruned_seq FROM collections"), row->seq - kMax);
  EXPECT_EQ(integer("SELECT logged_changes FROM collections"), kMax);
}

TEST_F(SweepTest, TheSlackIsATenthAndAtLeastOneAndAtMostAPiece) {
  EXPECT_EQ(change_log_slack(1), 1u);
  EXPECT_EQ(change_log_slack(19), 1u);
  EXPECT_EQ(change_log_slack(20), 2u);
  EXPECT_EQ(change_log_slack(100'000'000), kMaxSweptRows);
}

TEST_F(SweepTest, ALogOfOneCollectionIsCutWithoutTheOthers) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(store_->put(kKept, make_document("a", fmt::format("apple {}", i))));
  }
  ASSERT_TRUE(store_->create_collection({"other", "kept"}));
  while (sweep_once(2)) continue;
  const auto kept = find_collection(connection_, kKept);
  const auto other = find_collection(connection_, {"other", "kept"});
  EXPECT_EQ(integer(fmt::format("SELECT count(*) FROM changes WHERE collection_id = {}", kept->id)),
            2u);
  EXPECT_EQ(integer(fmt::format("SELECT pruned_seq FROM collections WHERE collection_id = {}",
                                other->id)),
            0u);
}

TEST_F(SweepTest, ADroppedCollectionIsGoneAtOnceAndItsRowsPieceByPiece) {
  ASSERT_TRUE(store_->put(kKept, make_document("a", "red apple", R"({"kind":"fruit"})")));
  ASSERT_TRUE(store_->put(kDropped, make_document("large", lines(2 * kMaxSweptRows + 1))));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(store_->put(kDropped, make_document(fmt::format("d{}", i), "green apple\npear",
                                                    R"({"a":1,"b":null,"c":"x","d":0.5})")));
  }
  const auto kept = find_collection(connection_, kKept);
  const auto dropped = find_collection(connection_, kDropped);
  const std::uint64_t kept_rows = rows_of(*kept);
  std::uint64_t left = rows_of(*dropped);
  ASSERT_GT(left, 2 * kMaxSweptRows);

  store_.reset();                                      // its writer would sweep as well
  ASSERT_TRUE(drop_collection(connection_, kDropped)); // a transaction of its own
  EXPECT_EQ(rows_of(*dropped), left);
  EXPECT_EQ(code_of(find_collection(connection_, kDropped)), ErrorCode::kNotFound);
  EXPECT_EQ(list_collections(connection_, "acme")->size(), 1u);
  EXPECT_THAT(*stored_collections(connection_),
              testing::ElementsAre(testing::Field(&StoredCollection::key, kKept)));
  EXPECT_EQ(code_of(read_document(connection_, kDropped, "large")), ErrorCode::kNotFound);
  EXPECT_TRUE(read_passages(connection_, kDropped, std::vector<std::uint64_t>{2, 3})->empty());
  EXPECT_EQ(code_of(drop_collection(connection_, kDropped)), ErrorCode::kNotFound);

  ASSERT_TRUE(insert_collection(connection_, kDropped, {}));
  const auto fresh = find_collection(connection_, kDropped);
  EXPECT_NE(fresh->id, dropped->id);
  EXPECT_GT(fresh->seq, dropped->seq);
  const std::uint64_t fresh_rows = rows_of(*fresh);

  int pieces = 0;
  while (sweep_once()) {
    const std::uint64_t before = std::exchange(left, rows_of(*dropped));
    EXPECT_LE(left, before);
    EXPECT_LE(before - left, 3 * kMaxSweptRows); // with each document's row a text and a blob
    ++pieces;
  }
  EXPECT_EQ(left, 0u);
  EXPECT_GE(pieces, 3);
  EXPECT_EQ(integer("SELECT count(*) FROM collections"), 2u);
  EXPECT_EQ(integer("SELECT count(*) FROM chunks"), 1u);
  EXPECT_EQ(integer("SELECT count(*) FROM texts"), 1u);
  EXPECT_EQ(rows_of(*kept), kept_rows);
  EXPECT_EQ(rows_of(*fresh), fresh_rows);
}

TEST_F(SweepTest, SeveralDroppedCollectionsOfOneNameAreAllSwept) {
  store_.reset();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(insert_collection(connection_, kDropped, {}));
    ASSERT_TRUE(drop_collection(connection_, kDropped));
  }
  EXPECT_EQ(integer("SELECT count(*) FROM collections"), 4u);
  while (sweep_once()) continue;
  EXPECT_EQ(integer("SELECT count(*) FROM collections"), 1u);
  EXPECT_EQ(integer("SELECT count(*) FROM changes"), 1u);
}

} // namespace
} // namespace raglan::store
