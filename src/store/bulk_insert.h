// Many rows in few statements: INSERT … VALUES (…), (…), … in blocks of fixed sizes, so that the
// statements stay prepared.
//
//   static const BulkInsert kInsert("INSERT INTO texts (document_key, text) VALUES", 2);
//   auto bind = [&](Statement& statement, int index, size_t row) {
//     statement.bind_at(index, rows[row].key);
//     statement.bind_at(index + 1, rows[row].text);
//   };
//   auto ok = kInsert.run(connection, rows.size(), bind);
//
// n rows take n/32 statements and at most ten more.
//
// Thread safety: `run` is const; its connection belongs to one thread. An object must outlive the
// connections that it was used with, as their prepared statements do: it is a constant.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/sqlite.h"

namespace raglan::store {

class BulkInsert {
 public:
  // Binds a row's values from parameter `index` on.
  using Bind = std::function<void(Statement& statement, int index, std::size_t row)>;

  // `head` ends before the first parenthesis of the values.
  BulkInsert(std::string_view head, std::size_t columns);

  Result<> run(Connection& connection, std::size_t rows, const Bind& bind) const;

 private:
  static constexpr std::array<std::size_t, 3> kBlocks = {32, 8, 1};

  std::size_t columns_;
  std::array<std::string, kBlocks.size()> sql_;
};

} // namespace raglan::store
