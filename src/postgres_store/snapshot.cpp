#include "postgres_store/snapshot.h"

#include <iterator>
#include <utility>

namespace raglan::postgres_store {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Statement;

constexpr std::string_view kBegin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

std::vector<Rows> rest_of(std::vector<Rows>& rows, std::ptrdiff_t from) {
  return {std::make_move_iterator(rows.begin() + from), std::make_move_iterator(rows.end())};
}

} // namespace

net::Task<Result<Snapshot>> open_snapshot(Session& session, const store::CollectionKey& key,
                                          std::vector<Statement> further, Deadline deadline) {
  std::vector<Statement> statements;
  statements.emplace_back(kBegin);
  statements.push_back(select_collection(key));
  std::ranges::move(further, std::back_inserter(statements));
  auto rows = co_await session.execute_all(std::move(statements), deadline);
  if (!rows) co_return forward_error(rows);
  auto collection = read_collection((*rows)[1]);
  if (!collection) co_return forward_error(collection);
  co_return Snapshot{std::move(*collection), rest_of(*rows, 2)};
}

net::Task<Result<DoubtfulSnapshot>> open_doubtful(Session& session, const store::CollectionKey& key,
                                                  std::vector<Statement> further,
                                                  Deadline deadline) {
  std::vector<Statement> statements;
  statements.emplace_back(kBegin);
  statements.emplace_back("SELECT pg_is_in_recovery(), epoch FROM raglan.store");
  statements.push_back(select_collection(key));
  std::ranges::move(further, std::back_inserter(statements));
  auto rows = co_await session.execute_all(std::move(statements), deadline);
  if (!rows) co_return forward_error(rows);
  DoubtfulSnapshot doubtful;
  const Rows& store = (*rows)[1];
  if (!store.empty()) {
    doubtful.replicates = store.boolean(0, 0);
    doubtful.epoch = static_cast<std::uint64_t>(store.int64(0, 1));
  }
  const Rows& collection = (*rows)[2];
  doubtful.found = !collection.empty();
  if (!doubtful.found) co_return doubtful;
  doubtful.snapshot = {read_collection(collection, 0), rest_of(*rows, 3)};
  co_return doubtful;
}

} // namespace raglan::postgres_store
