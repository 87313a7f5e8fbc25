#include "store/sweep.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace raglan::store {
namespace {

// Between two documents a sweep ends when it took longer: large texts and vectors are few rows, but
// many pages.
constexpr auto kMaxSweepTime = std::chrono::milliseconds(50);

struct Piece {
  std::int64_t collection_id = 0;
  std::string tenant; // of the rows
  bool dropped = false;
};

Result<std::optional<Piece>> find_piece(Connection& connection, std::uint64_t change_log_max) {
  for (const bool dropped : {true, false}) {
    auto select = connection.prepare(
        dropped
            ? "SELECT collection_id, dropped_tenant FROM collections WHERE tenant = '' LIMIT 1"
            : "SELECT collection_id, tenant FROM collections WHERE logged_changes >= ? LIMIT 1");
    if (!select) return forward_error(select);
    if (!dropped) select->bind(change_log_max + change_log_slack(change_log_max));
    auto row = select->step();
    if (!row) return forward_error(row);
    if (*row) return Piece{select->integer(0), std::string(select->text(1)), dropped};
  }
  return std::nullopt;
}

// The seq of the collection's `count`th change that is still logged.
Result<std::uint64_t> seq_of(Connection& connection, const Piece& piece, std::uint64_t count) {
  auto select = connection.prepare(
      "SELECT seq FROM changes WHERE tenant = ? AND collection_id = ? ORDER BY seq LIMIT 1 "
      "OFFSET ?");
  if (!select) return forward_error(select);
  select->bind(std::string_view(piece.tenant), piece.collection_id, count - 1);
  auto row = select->step();
  if (!row) return forward_error(row);
  if (!*row) return fail(ErrorCode::kCorrupt, "the store's change log is shorter than it says");
  return select->unsigned_integer(0);
}

Result<> prune_log(Connection& connection, const Piece& piece, std::uint64_t change_log_max) {
  auto through_seq = seq_of(connection, piece, change_log_slack(change_log_max));
  if (!through_seq) return forward_error(through_seq);
  auto ok =
      connection.run("DELETE FROM changes WHERE tenant = ? AND collection_id = ? AND seq <= ?",
                     std::string_view(piece.tenant), piece.collection_id, *through_seq);
  if (!ok) return ok;
  return connection.run(
      "UPDATE collections SET pruned_seq = ?, logged_changes = logged_changes - ? "
      "WHERE collection_id = ?",
      *through_seq, connection.changes(), piece.collection_id);
}

// Of a dropped collection, until `left_` is used up.
class DroppedRows {
 public:
  DroppedRows(Connection& connection, const Piece& piece)
      : connection_(connection), piece_(piece) {}

  Result<> remove(const Clock& clock) {
    const MonotonicTime until = clock.now() + kMaxSweepTime;
    auto ok =
        run("DELETE FROM fields WHERE (tenant, collection_id, key, kind, value, document_key) IN "
            "(SELECT tenant, collection_id, key, kind, value, document_key FROM fields "
            "WHERE tenant = ?1 AND collection_id = ?2 LIMIT ?3)",
            std::string_view(piece_.tenant), piece_.collection_id, left_);
    if (ok) {
      ok =
          run("DELETE FROM changes WHERE seq IN (SELECT seq FROM changes "
              "WHERE tenant = ?1 AND collection_id = ?2 LIMIT ?3)",
              std::string_view(piece_.tenant), piece_.collection_id, left_);
    }
    while (ok && left_ > 0) {
      auto document = first_document();
      if (!document) return forward_error(document);
      if (!*document) {
        return connection_.run("DELETE FROM collections WHERE collection_id = ?",
                               piece_.collection_id);
      }
      ok = remove_document(**document);
      if (clock.now() >= until) break;
    }
    return ok;
  }

 private:
  template <typename... Values>
  Result<> run(std::string_view sql, const Values&... values) {
    auto ok = connection_.run(sql, values...);
    if (ok) left_ -= connection_.changes();
    return ok;
  }

  Result<std::optional<std::int64_t>> first_document() {
    auto select = connection_.prepare(
        "SELECT document_key FROM documents WHERE tenant = ? AND collection_id = ? LIMIT 1");
    if (!select) return forward_error(select);
    select->bind(std::string_view(piece_.tenant), piece_.collection_id);
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return std::nullopt;
    return select->integer(0);
  }

  // The chunks first, as many as may be: a large document has thousands. Text and vectors go with
  // the document's row.
  Result<> remove_document(std::int64_t key) {
    auto ok =
        run("DELETE FROM chunks WHERE chunk_id IN "
            "(SELECT chunk_id FROM chunks WHERE document_key = ? LIMIT ?)",
            key, left_);
    if (!ok || left_ <= 0) return ok;
    return run("DELETE FROM documents WHERE document_key = ?", key);
  }

  Connection& connection_;
  const Piece& piece_;
  std::int64_t left_ = kMaxSweptRows;
};

Result<bool> remove_piece(Connection& connection, std::uint64_t change_log_max,
                          const Clock& clock) {
  auto piece = find_piece(connection, change_log_max);
  if (!piece) return forward_error(piece);
  if (!*piece) return false; // another process was quicker
  auto ok = (*piece)->dropped ? DroppedRows(connection, **piece).remove(clock)
                              : prune_log(connection, **piece, change_log_max);
  if (!ok) return forward_error(ok);
  return true;
}

} // namespace

std::uint64_t change_log_slack(std::uint64_t change_log_max) {
  return std::clamp<std::uint64_t>(change_log_max / 10, 1, kMaxSweptRows);
}

Result<bool> sweep(Connection& connection, std::uint64_t change_log_max, const Clock& clock) {
  auto piece = find_piece(connection, change_log_max);
  if (!piece) return forward_error(piece);
  if (!*piece) return false; // the usual case takes no lock
  if (auto ok = connection.run("BEGIN IMMEDIATE"); !ok) return forward_error(ok);
  auto removed = remove_piece(connection, change_log_max, clock);
  auto ok = removed ? connection.run("COMMIT") : Result<>{};
  if ((!removed || !ok) && connection.in_transaction()) (void)connection.run("ROLLBACK");
  if (!ok) return forward_error(ok);
  return removed;
}

} // namespace raglan::store
