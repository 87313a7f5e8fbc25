#include "store/schema.h"

#include <gtest/gtest.h>

#include "store/store_fixture_test.h"

namespace raglan::store {
namespace {

// As version 1 left it: without what version 2 adds, and with a dropped collection's changes.
void make_version_1(Connection& connection) {
  ASSERT_TRUE(connection.execute(
      "DROP TABLE records;"
      "ALTER TABLE collections DROP COLUMN nonce; ALTER TABLE changes DROP COLUMN nonce;"
      "ALTER TABLE collections DROP COLUMN logged_changes;"
      "ALTER TABLE collections DROP COLUMN pruned_seq;"
      "ALTER TABLE collections DROP COLUMN dropped_tenant;"
      "INSERT INTO changes (tenant, collection_id, op, document_id) VALUES "
      "('acme', 7, 'create', ''), ('acme', 7, 'put', 'a'), ('acme', 7, 'drop', '');"
      "PRAGMA user_version = 1;"));
}

class SchemaTest : public ::testing::Test {
 protected:
  SchemaTest() {
    auto store = open_store(folder_);
    EXPECT_TRUE(store->put({"default", "x"}, make_document("a", "red apple")));
    EXPECT_TRUE(store->put({"default", "x"}, make_document("b", "green apple")));
    EXPECT_TRUE(store->create_collection({"acme", "y"}));
    store.reset();
    make_version_1(connection_.emplace(*Connection::open(folder_.database(), {})));
  }

  std::int64_t integer(std::string_view sql) { return *connection_->query_integer(sql); }

  const TemporaryFolder folder_;
  std::optional<Connection> connection_;
};

TEST_F(SchemaTest, Version1IsMigratedWithEverythingInIt) {
  const std::int64_t epoch = integer("SELECT value FROM meta WHERE name = 'epoch'");
  const std::int64_t seq = integer("SELECT seq FROM collections WHERE name = 'x'");
  auto store = open_store(folder_);
  EXPECT_EQ(*store->generation({"default", "x"}),
            (Generation{static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(seq)}));
  EXPECT_EQ(found_texts(*store, "apple", {"default", "x"}),
            (std::set<std::string>{"red apple", "green apple"}));
  ASSERT_TRUE(store->put({"default", "x"}, make_document("b", "blue apple")));
  EXPECT_EQ(found_texts(*store, "apple", {"default", "x"}),
            (std::set<std::string>{"red apple", "blue apple"}));
  EXPECT_EQ(store->list_collections("acme")->size(), 1u);
}

TEST_F(SchemaTest, Version1sChangesAreCountedAndThoseOfDroppedCollectionsAreLeftToTheSweep) {
  ASSERT_TRUE(prepare_schema(*connection_));
  EXPECT_EQ(integer("PRAGMA user_version"), 4);
  EXPECT_EQ(integer("SELECT logged_changes FROM collections WHERE name = 'x'"), 3);
  EXPECT_EQ(integer("SELECT logged_changes FROM collections WHERE name = 'y'"), 1);
  EXPECT_EQ(integer("SELECT sum(pruned_seq) FROM collections"), 0);
  EXPECT_EQ(integer("SELECT count(*) FROM collections WHERE dropped_tenant = 'acme' "
                    "AND collection_id = 7 AND tenant = ''"),
            1);
  EXPECT_EQ(integer("SELECT count(*) FROM collections"), 3);
}

TEST_F(SchemaTest, AMigrationThatFailsLeavesVersion1) {
  ASSERT_TRUE(connection_->execute("ALTER TABLE collections ADD COLUMN pruned_seq INTEGER"));
  EXPECT_FALSE(prepare_schema(*connection_));
  EXPECT_EQ(integer("PRAGMA user_version"), 1);
  EXPECT_EQ(integer("SELECT count(*) FROM pragma_table_info('collections') "
                    "WHERE name = 'logged_changes'"),
            0);
  ASSERT_TRUE(connection_->execute("ALTER TABLE collections DROP COLUMN pruned_seq"));
  EXPECT_TRUE(prepare_schema(*connection_));
}

} // namespace
} // namespace raglan::store
