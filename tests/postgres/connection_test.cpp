// Statements, their types and their failures, on a real server.
#include "postgres/connection.h"

#include "postgres_fixture.h"

namespace raglan::postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ConnectionTest : public PostgresTest {
 protected:
  std::shared_ptr<Connection> connect() {
    target_.emplace(target(server->url()));
    auto opened = start(Connection::open(*target_, within())).get();
    EXPECT_TRUE(opened) << opened.error().message;
    return *opened;
  }
  Result<Rows> run(const std::shared_ptr<Connection>& connection, const Statement& statement,
                   Deadline deadline = within()) {
    return start(connection->execute(statement, deadline)).get();
  }
  Error error_of(const std::string& url) {
    const Target asked = target(url);
    auto opened = start(Connection::open(asked, within())).get();
    if (opened) return {ErrorCode::kInternal, "no error", ""};
    EXPECT_THAT(opened.error().message, Not(HasSubstr("wrong-canary")));
    return opened.error();
  }

  std::optional<Target> target_;
};

TEST_F(ConnectionTest, ParametersAndRowsAreTheSameOnBothSides) {
  const auto connection = connect();
  const std::string text = "a 'quoted' \\ \n ünïcode";
  const std::string bytes("\0\xff'", 3);
  const auto rows =
      run(connection, Statement("SELECT $1::text, $2::int8, $3::int4, $4::float4, $5::float8, "
                                "$6::bool, $7::bytea, $8::text",
                                text, std::int64_t{-7'000'000'000}, std::int32_t{-5}, 1.5F, -2.25,
                                true, Bytes{bytes}, std::nullopt));
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ(rows->text(0, 0), text);
  EXPECT_EQ(rows->int64(0, 1), -7'000'000'000);
  EXPECT_EQ(rows->int32(0, 2), -5);
  EXPECT_EQ(rows->float32(0, 3), 1.5F);
  EXPECT_EQ(rows->float64(0, 4), -2.25);
  EXPECT_TRUE(rows->boolean(0, 5));
  EXPECT_EQ(rows->text(0, 6), bytes);
  EXPECT_TRUE(rows->is_null(0, 7));
  EXPECT_EQ(rows->int64(0, 0), 0); // of another size
}

TEST_F(ConnectionTest, ArraysAndVectors) {
  const auto connection = connect();
  ASSERT_TRUE(run(connection, Statement("CREATE EXTENSION IF NOT EXISTS vector")));
  const std::vector<std::string> texts{"a", "", "b,{}\""};
  const std::vector<std::int64_t> numbers{3, -1};
  const std::vector<float> values{0.5F, -0.25F, 0.0F};
  const auto rows =
      run(connection,
          Statement("SELECT array_length($1::text[], 1)::int8, ($1::text[])[3], ($2::int8[])[2], "
                    "$3::vector, ($3::vector <=> '[1,0,0]')::float8, cardinality($4::int8[])::int8",
                    std::span<const std::string>(texts), std::span<const std::int64_t>(numbers),
                    Vector{values}, std::span<const std::int64_t>()));
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->int64(0, 0), 3);
  EXPECT_EQ(rows->text(0, 1), texts[2]);
  EXPECT_EQ(rows->int64(0, 2), -1);
  EXPECT_THAT(rows->vector(0, 3), ElementsAre(0.5F, -0.25F, 0.0F));
  EXPECT_NEAR(rows->float64(0, 4), 1 - 0.5 / std::sqrt(0.3125), 1e-6);
  EXPECT_EQ(rows->int64(0, 5), 0);
}

TEST_F(ConnectionTest, ARefusedStatementSaysNothingOfItsTextAndLeavesTheConnectionUsable) {
  const auto connection = connect();
  const auto refused = run(connection, Statement("SELECT $1::text::int8", "secret-canary"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidField);
  EXPECT_EQ(refused.error().message, "PostgreSQL refused a statement (SQLSTATE 22P02)");
  EXPECT_TRUE(connection->reusable());
  EXPECT_EQ(run(connection, Statement("SELECT nonsense")).error().code, ErrorCode::kInternal);
  EXPECT_TRUE(run(connection, Statement("SELECT 1")));
}

TEST_F(ConnectionTest, WhatAnOperatorCanMendIsSaidInWords) {
  const auto connection = connect();
  ASSERT_TRUE(run(connection, Statement("SET default_transaction_read_only = on")));
  const auto refused = run(connection, Statement("CREATE TABLE t (n int8)"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(refused.error().message,
            "PostgreSQL refused a statement: it is read-only (SQLSTATE 25006)");
}

TEST_F(ConnectionTest, ManyStatementsAreOneTransaction) {
  const auto connection = connect();
  ASSERT_TRUE(run(connection, Statement("CREATE TEMP TABLE t (n int8 PRIMARY KEY)")));
  const auto insert = [](std::int64_t n) { return Statement("INSERT INTO t VALUES ($1)", n); };
  const auto count = [&] {
    return run(connection, Statement("SELECT count(*) FROM t"))->int64(0, 0);
  };
  auto all =
      start(connection->execute_all({insert(1), insert(2), Statement("SELECT n FROM t")}, within()))
          .get();
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ((*all)[0].changed(), 1u);
  EXPECT_EQ((*all)[2].size(), 2u);
  const auto failed =
      start(connection->execute_all({insert(3), insert(1), insert(4)}, within())).get();
  EXPECT_EQ(failed.error().code, ErrorCode::kConflict);
  EXPECT_EQ(count(), 2);
  const auto begun =
      start(connection->execute_all({Statement("BEGIN"), insert(5), insert(1), Statement("COMMIT")},
                                    within()))
          .get();
  EXPECT_EQ(begun.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(connection->reusable());
  EXPECT_EQ(count(), 2);
}

TEST_F(ConnectionTest, ManyMegabytesGoBothWays) {
  const auto connection = connect();
  const std::string large(20'000'000, 'x');
  const auto rows = run(connection, Statement("SELECT $1::text || $1::text", large));
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->text(0, 0).size(), 2 * large.size());
  std::vector<Statement> statements(8, Statement("SELECT $1::text", large.substr(0, 5'000'000)));
  EXPECT_TRUE(start(connection->execute_all(std::move(statements), within())).get());
}

TEST_F(ConnectionTest, CopyWritesManyRowsAtOnce) {
  const auto connection = connect();
  ASSERT_TRUE(run(connection, Statement("CREATE TEMP TABLE t (n int8, x text)")));
  std::string data;
  for (int i = 0; i < 50'000; ++i) data += std::to_string(i) + "\tsome text\n";
  auto copied = start(connection->copy_in("COPY t FROM STDIN", data, within())).get();
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(*copied, 50'000u);
  copied = start(connection->copy_in("COPY t FROM STDIN", "no number\tx\n", within())).get();
  EXPECT_EQ(copied.error().code, ErrorCode::kInvalidField);
  EXPECT_EQ(
      start(connection->copy_in("COPY nothing FROM STDIN", data, within())).get().error().code,
      ErrorCode::kInternal);
  EXPECT_EQ(run(connection, Statement("SELECT count(*) FROM t"))->int64(0, 0), 50'000);
}

TEST_F(ConnectionTest, ADeadlineEndsTheWaitAndTheServersWork) {
  auto connection = connect();
  const auto pid = run(connection, Statement("SELECT pg_backend_pid()"))->int32(0, 0);
  const auto late = run(connection, Statement("SELECT pg_sleep(60)"), within(50ms));
  EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_FALSE(connection->reusable());
  const auto other = connect();
  const auto busy = [&] {
    return run(other,
               Statement("SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'active'", pid))
        ->size();
  };
  EXPECT_EQ(busy(), 1u);
  settle(); // the connection belongs to the loop until here
  connection.reset();
  for (int i = 0; i < 1'000 && busy() > 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(busy(), 0u);
}

TEST_F(ConnectionTest, WhoIsCancelledLeavesAConnectionThatIsNotReused) {
  const auto connection = connect();
  auto running = start(connection->execute(Statement("SELECT pg_sleep(60)"), within()));
  settle();
  running.cancel();
  EXPECT_EQ(running.error(), ErrorCode::kClientClosed);
  EXPECT_FALSE(connection->reusable());
}

TEST_F(ConnectionTest, AServerThatGoesAwayIsUnavailable) {
  const auto connection = connect();
  auto running = start(connection->execute(Statement("SELECT pg_sleep(60)"), within()));
  settle();
  server->restart();
  const auto error = running.error();
  EXPECT_EQ(error, ErrorCode::kUnavailable);
  EXPECT_EQ(run(connection, Statement("SELECT 1")).error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(connection->reusable());
}

TEST_F(ConnectionTest, WhatCannotBeOpenedSaysWhy) {
  EXPECT_THAT(error_of(server->url("nowhere")).reason,
              HasSubstr("database \"nowhere\" does not exist"));
  EXPECT_THAT(error_of(server->tcp_url("wrong-canary")).reason,
              HasSubstr("password authentication failed"));
  EXPECT_THAT(error_of("postgresql://raglan@127.0.0.1:1/postgres").reason, HasSubstr("refused"));
  EXPECT_THAT(error_of("postgresql://raglan@no-such-host.invalid/postgres").reason,
              HasSubstr("cannot be resolved"));
  EXPECT_THAT(error_of(server->tcp_url("sesame", "127.0.0.1", "?sslmode=require")).reason,
              HasSubstr("SSL"));
  const Error refused = error_of(server->tcp_url("wrong-canary"));
  EXPECT_EQ(refused.code, ErrorCode::kUnavailable);
  EXPECT_EQ(refused.message, "no connection to PostgreSQL"); // clients see no more
}

TEST_F(ConnectionTest, NamesOfHostsAreResolvedAndPasswordsChecked) {
  const Target asked = target(server->tcp_url("sesame", "localhost"));
  auto opened = start(Connection::open(asked, within())).get();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ((*opened)->server_version() / 10'000, 18);
  EXPECT_FALSE((*opened)->encrypted());
}

TEST_F(ConnectionTest, GoesFromLoopToLoop) {
  const auto connection = connect();
  EXPECT_TRUE(run(connection, Statement("SELECT 1")));
  settle();
  connection->detach();
  connection->attach(loops_.executor(1));
  EXPECT_TRUE(start(connection->execute(Statement("SELECT 1"), within()), 1).get());
}

TEST(PostgresUrl, AnAtSignInAPasswordIsNotTakenForTheEndOfIt) {
  EXPECT_TRUE(parse_url("postgresql://user:pa%40ss@host/db"));
  const auto parsed = parse_url("postgresql://user:pa@canary@host/db");
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message, HasSubstr("%40"));
  EXPECT_THAT(parsed.error().message, Not(HasSubstr("canary")));
}

TEST(PostgresUrl, IsCheckedWithoutRepeatingIt) {
  EXPECT_TRUE(parse_url("postgresql://user:pass@host:5433/db?sslmode=require"));
  EXPECT_EQ(name_of(*parse_url("postgresql://user:canary@host:5433/db")), "host:5433/db");
  for (const std::string_view wrong :
       {"postgresql://host:port?canary=1", "canary", "mysql://canary"}) {
    const auto parsed = parse_url(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_THAT(parsed.error().message, Not(HasSubstr("canary")));
  }
}

} // namespace
} // namespace raglan::postgres
