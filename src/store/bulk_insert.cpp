#include "store/bulk_insert.h"

namespace raglan::store {
namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string list;
  for (std::size_t i = 0; i < times; ++i) list.append(i == 0 ? "" : ", ").append(text);
  return list;
}

} // namespace

BulkInsert::BulkInsert(std::string_view head, std::size_t columns) : columns_(columns) {
  const std::string row = "(" + repeated("?", columns) + ")";
  for (std::size_t i = 0; i < kBlocks.size(); ++i) {
    sql_[i] = std::string(head) + " " + repeated(row, kBlocks[i]);
  }
}

Result<> BulkInsert::run(Connection& connection, std::size_t rows, const Bind& bind) const {
  std::size_t done = 0;
  for (std::size_t i = 0; i < kBlocks.size(); ++i) {
    while (rows - done >= kBlocks[i]) {
      auto statement = connection.prepare(sql_[i]);
      if (!statement) return forward_error(statement);
      for (std::size_t row = 0; row < kBlocks[i]; ++row) {
        bind(*statement, static_cast<int>(row * columns_) + 1, done + row);
      }
      if (auto ok = statement->run(); !ok) return ok;
      done += kBlocks[i];
    }
  }
  return {};
}

} // namespace raglan::store
