#include "store/bulk_insert.h"

#include <gtest/gtest.h>

#include "store/store_fixture_test.h"

namespace raglan::store {
namespace {

class BulkInsertTest : public testing::Test {
 protected:
  // The statements that inserting so many rows takes.
  std::uint64_t insert(std::size_t rows) {
    static const BulkInsert kInsert("INSERT INTO numbers (number, text) VALUES", 2);
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < rows; ++i) texts.push_back("text " + std::to_string(i));
    const std::uint64_t before = counts_.writes;
    const auto ok =
        kInsert.run(connection_, rows, [&](Statement& statement, int index, std::size_t row) {
          statement.bind_at(index, row);
          statement.bind_at(index + 1, std::string_view(texts[row]));
        });
    EXPECT_TRUE(ok);
    return counts_.writes - before;
  }
  std::int64_t count(std::string_view what) {
    auto select =
        connection_.prepare_once("SELECT count(*) FROM numbers WHERE " + std::string(what));
    return select && select->step().value_or(false) ? select->integer(0) : -1;
  }

  TemporaryFolder folder_;
  StatementCounts counts_;
  Connection connection_ = *Connection::open(folder_.database(), {true, {}, &counts_});
  Result<> created_ = connection_.execute("CREATE TABLE numbers (number INTEGER, text TEXT)");
};

TEST_F(BulkInsertTest, EveryRowIsThereOnce) {
  std::size_t expected = 0;
  for (const std::size_t rows : {0, 1, 7, 8, 31, 32, 33, 100}) {
    insert(rows);
    expected += rows;
    EXPECT_EQ(count("text = 'text ' || number"), static_cast<std::int64_t>(expected)) << rows;
  }
}

TEST_F(BulkInsertTest, ManyRowsTakeFewStatements) {
  EXPECT_EQ(insert(0), 0u);
  EXPECT_EQ(insert(1), 1u);
  EXPECT_EQ(insert(32), 1u);
  EXPECT_EQ(insert(320), 10u);
  EXPECT_EQ(insert(31), 10u);
}

} // namespace
} // namespace raglan::store
