#include "postgres_store/segments.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "postgres/copy_rows.h"
#include "postgres_store/postings.h"

namespace raglan::postgres_store {
namespace {

using postgres::Session;
using postgres::Statement;

// Rows of postings that are read and written at a time.
constexpr std::int64_t kRewrittenRows = 2'000;

// Of an advisory lock: any number that nobody else takes, beside the collection's.
constexpr std::int32_t kLockSpace = 0x7261676c;

int size_class(std::uint64_t chunks) {
  int size = 0;
  for (; chunks >= kMergeWidth; chunks /= kMergeWidth) ++size;
  return size;
}

using Ids = boost::unordered_flat_set<std::uint64_t>;

struct Row {
  std::int64_t term = 0;
  std::size_t chunks = 0; // 0: none are left
  std::string entries;
};

struct Rewritten {
  std::vector<Row> rows;
  std::vector<std::int64_t> dropped; // chunks
};

// Of these rows those that hold something dead, without it.
Result<Rewritten> without(const postgres::Rows& rows, const Ids& dead) {
  Rewritten rewritten;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<Posting> entries;
    if (auto ok = decode_postings(rows.text(i, 1), entries); !ok) return forward_error(ok);
    const std::size_t before = entries.size();
    std::erase_if(entries, [&](const Posting& each) {
      const bool is_dead = dead.contains(each.chunk_id);
      if (is_dead) rewritten.dropped.push_back(static_cast<std::int64_t>(each.chunk_id));
      return is_dead;
    });
    if (entries.size() == before) continue;
    std::ranges::sort(entries, {}, &Posting::chunk_id); // of several blocks
    rewritten.rows.push_back({rows.int64(i, 0), entries.size(), encode_postings(entries)});
  }
  return rewritten;
}

// One collection's upkeep, in one transaction.
class Tidying {
 public:
  Tidying(Session& session, const TidyParts& parts, const std::string& tenant,
          std::int64_t collection_id, Deadline deadline)
      : session_(session),
        parts_(parts),
        tenant_(tenant),
        collection_id_(collection_id),
        deadline_(deadline) {}

  net::Task<Result<bool>> run() {
    auto begun = co_await begin();
    if (!begun || !*begun) co_return begun;
    bool done = false;
    if (wants_rewrite(chunks_, dead_)) {
      if (auto ok = co_await rewrite(); !ok) co_return forward_error(ok);
      done = true;
    } else if (const auto chosen = choose_merge(segments_); !chosen.empty()) {
      if (auto ok = co_await merge(chosen); !ok) co_return forward_error(ok);
      done = true;
    }
    auto ended = co_await session_.execute(Statement("COMMIT"), deadline_);
    if (!ended) co_return forward_error(ended);
    co_return done;
  }

 private:
  template <typename... Parameters>
  Statement of_collection(std::string_view sql, const Parameters&... parameters) const {
    return Statement(sql, tenant_, collection_id_, parameters...);
  }

  // False when somebody else is at it.
  net::Task<Result<bool>> begin() {
    std::vector<Statement> statements;
    statements.emplace_back("BEGIN");
    statements.emplace_back("SELECT pg_try_advisory_xact_lock($1::int4, hashint8($2::int8))",
                            kLockSpace, collection_id_);
    auto locked = co_await session_.execute_all(std::move(statements), deadline_);
    if (!locked) co_return forward_error(locked);
    if (!locked->back().boolean(0, 0)) {
      auto ended = co_await session_.execute(Statement("COMMIT"), deadline_);
      if (!ended) co_return forward_error(ended);
      co_return false;
    }
    std::vector<Statement> ask;
    ask.push_back(of_collection( // which is not deleted meanwhile
        "SELECT chunks FROM raglan.collection WHERE tenant = $1::text AND collection_id = $2::int8"
        " FOR KEY SHARE"));
    ask.push_back(
        of_collection("SELECT count(*) FROM raglan.dead_chunk"
                      " WHERE tenant = $1::text AND collection_id = $2::int8"));
    ask.push_back(
        of_collection("SELECT segment_id, chunks FROM raglan.segment"
                      " WHERE tenant = $1::text AND collection_id = $2::int8"));
    auto rows = co_await session_.execute_all(std::move(ask), deadline_);
    if (!rows) co_return forward_error(rows);
    if (rows->front().empty()) co_return true; // it is gone, and has nothing to tidy
    chunks_ = static_cast<std::uint64_t>(rows->front().int64(0, 0));
    dead_ = static_cast<std::uint64_t>((*rows)[1].int64(0, 0));
    for (std::size_t i = 0; i < rows->back().size(); ++i) {
      segments_.push_back(
          {rows->back().int64(i, 0), static_cast<std::uint64_t>(rows->back().int64(i, 1))});
    }
    co_return true;
  }

  net::Task<Result<>> merge(const std::vector<std::int64_t>& chosen) {
    auto merged = co_await session_.execute(
        of_collection(
            "WITH made AS (INSERT INTO raglan.segment (tenant, collection_id, chunks)"
            " SELECT $1::text, $2::int8, sum(chunks)::int8 FROM raglan.segment"
            " WHERE tenant = $1::text AND collection_id = $2::int8"
            " AND segment_id = ANY($3::int8[]) RETURNING segment_id),"
            " dropped AS (DELETE FROM raglan.segment WHERE tenant = $1::text"
            " AND collection_id = $2::int8 AND segment_id = ANY($3::int8[])),"
            " taken AS (DELETE FROM raglan.posting WHERE tenant = $1::text"
            " AND collection_id = $2::int8 AND segment_id = ANY($3::int8[])"
            " RETURNING segment_id, term, chunks, entries)"
            " INSERT INTO raglan.posting (tenant, collection_id, segment_id, term, chunks, entries)"
            " SELECT $1::text, $2::int8, made.segment_id, term, sum(chunks)::int4,"
            " string_agg(entries, ''::bytea ORDER BY taken.segment_id)"
            " FROM taken, made GROUP BY made.segment_id, term",
            std::span<const std::int64_t>(chosen)),
        deadline_);
    if (!merged) co_return forward_error(merged);
    co_return Result<>();
  }

  // The rows that hold chunks which are dead now, without them.
  net::Task<Result<>> rewrite() {
    auto dead = co_await session_.execute(
        of_collection("SELECT chunk_id FROM raglan.dead_chunk"
                      " WHERE tenant = $1::text AND collection_id = $2::int8"),
        deadline_);
    if (!dead) co_return forward_error(dead);
    auto ids = std::make_shared<Ids>();
    for (std::size_t i = 0; i < dead->size(); ++i) {
      ids->insert(static_cast<std::uint64_t>(dead->int64(i, 0)));
    }
    dead_ids_ = std::move(ids);
    for (const Segment& segment : segments_) {
      if (auto ok = co_await rewrite(segment); !ok) co_return ok;
    }
    std::vector<std::int64_t> dropped(dropped_.begin(), dropped_.end());
    auto forgotten = co_await session_.execute(
        of_collection("DELETE FROM raglan.dead_chunk WHERE tenant = $1::text"
                      " AND collection_id = $2::int8 AND chunk_id = ANY($3::int8[])",
                      std::span<const std::int64_t>(dropped)),
        deadline_);
    if (!forgotten) co_return forward_error(forgotten);
    co_return Result<>();
  }

  net::Task<Result<>> rewrite(const Segment& segment) {
    bool changed = false;
    std::int64_t after = std::numeric_limits<std::int64_t>::min();
    for (bool first = true;; first = false) {
      auto rows = co_await session_.execute(
          of_collection("SELECT term, entries FROM raglan.posting WHERE tenant = $1::text"
                        " AND collection_id = $2::int8 AND segment_id = $3::int8"
                        " AND (term > $4::int8 OR $5::bool) ORDER BY term LIMIT $6::int8",
                        segment.id, after, first, kRewrittenRows),
          deadline_);
      if (!rows) co_return forward_error(rows);
      if (rows->empty()) break;
      after = rows->int64(rows->size() - 1, 0);
      auto rewritten = co_await rewrite_rows(segment, std::move(*rows));
      if (!rewritten) co_return forward_error(rewritten);
      changed = changed || *rewritten;
    }
    if (!changed) co_return Result<>();
    auto renamed = co_await session_.execute(
        of_collection("UPDATE raglan.segment SET contents = (SELECT uuid_send(gen_random_uuid()))"
                      " WHERE tenant = $1::text AND collection_id = $2::int8"
                      " AND segment_id = $3::int8",
                      segment.id),
        deadline_);
    if (!renamed) co_return forward_error(renamed);
    co_return Result<>();
  }

  // Those of the rows that hold something dead; whether any does.
  net::Task<Result<bool>> rewrite_rows(const Segment& segment, postgres::Rows rows) {
    // The work owns what it reads: it may go on when nobody waits for it any more.
    auto work = [rows = std::make_shared<const postgres::Rows>(std::move(rows)), dead = dead_ids_] {
      return without(*rows, *dead);
    };
    auto anew_rows =
        co_await net::offload(parts_.executor, std::move(work), deadline_, parts_.clock);
    if (!anew_rows) co_return forward_error(anew_rows);
    dropped_.insert(anew_rows->dropped.begin(), anew_rows->dropped.end());
    std::vector<std::int64_t> terms;
    postgres::CopyRows anew(6);
    for (const Row& row : anew_rows->rows) {
      terms.push_back(row.term);
      if (row.chunks == 0) continue;
      anew.begin_row()
          .add(tenant_)
          .add(collection_id_)
          .add(segment.id)
          .add(row.term)
          .add(static_cast<std::int32_t>(row.chunks))
          .add(row.entries);
    }
    if (terms.empty()) co_return false;
    auto deleted = co_await session_.execute(
        of_collection("DELETE FROM raglan.posting WHERE tenant = $1::text"
                      " AND collection_id = $2::int8 AND segment_id = $3::int8"
                      " AND term = ANY($4::int8[])",
                      segment.id, std::span<const std::int64_t>(terms)),
        deadline_);
    if (!deleted) co_return forward_error(deleted);
    if (anew.empty()) co_return true;
    auto copied = co_await session_.copy_in(
        "COPY raglan.posting (tenant, collection_id, segment_id, term, chunks, entries) FROM STDIN"
        " (FORMAT binary)",
        std::move(anew).finish(), deadline_);
    if (!copied) co_return forward_error(copied);
    co_return true;
  }

  Session& session_;
  const TidyParts& parts_;
  const std::string& tenant_;
  const std::int64_t collection_id_;
  const Deadline deadline_;
  std::vector<Segment> segments_;
  std::uint64_t chunks_ = 0;
  std::uint64_t dead_ = 0;
  std::shared_ptr<const Ids> dead_ids_;
  boost::unordered_flat_set<std::int64_t> dropped_; // of those, that were in postings
};

} // namespace

std::vector<std::int64_t> choose_merge(const std::vector<Segment>& segments) {
  std::map<int, std::vector<std::int64_t>> by_size;
  for (const Segment& segment : segments) by_size[size_class(segment.chunks)].push_back(segment.id);
  for (auto& [size, ids] : by_size) {
    if (ids.size() >= kMergeWidth) return std::move(ids);
  }
  return {};
}

bool wants_rewrite(std::uint64_t chunks, std::uint64_t dead) {
  return dead >= kLeastDead &&
         static_cast<double>(dead) >= kDeadRatio * static_cast<double>(chunks);
}

net::Task<Result<bool>> tidy_segments(Session& session, const TidyParts& parts,
                                      const std::string& tenant, std::int64_t collection_id,
                                      Deadline deadline) {
  Tidying tidying(session, parts, tenant, collection_id, deadline);
  co_return co_await tidying.run();
}

} // namespace raglan::postgres_store
