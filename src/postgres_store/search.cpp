#include "postgres_store/search.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "postgres_store/document_reads.h"
#include "postgres_store/filter_sql.h"
#include "postgres_store/lexical_hits.h"
#include "store/rules.h"

namespace raglan::postgres_store {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Statement;
using store::IndexHit;
using store::SearchRequest;
using store::Term;

// Postings beyond which scoring is not for the event loop.
constexpr std::size_t kInlineBytes = 16 * 1024;
// Of hnsw.ef_search. With 100, a search of 100,000 chunks found 0.91 of the ten nearest; with 300,
// as in the embedded index, 0.99.
constexpr std::uint32_t kLeastBreadth = 300;
constexpr std::uint32_t kMostBreadth = 1000; // pgvector's own

class Search {
 public:
  Search(Session& session, const SearchParts& parts, CollectionRow collection,
         const SearchRequest& request, Deadline deadline)
      : session_(session),
        parts_(parts),
        request_(request),
        tenant_(request.collection.tenant),
        deadline_(deadline),
        collection_(std::move(collection)) {}

  net::Task<Result<store::Found>> run(const store::Choose& choose) {
    if (collection_.space.dimension > 0) {
      auto ok = store::check_space_to_search(request_, collection_.space, parts_.space);
      if (!ok) co_return forward_error(ok);
    }
    if (collection_.stats.chunks > 0) {
      if (auto ok = co_await ask_sides(); !ok) co_return forward_error(ok);
      if (auto ok = co_await take_lexical(); !ok) co_return forward_error(ok);
      if (auto ok = co_await score_crosswise(); !ok) co_return forward_error(ok);
    }
    store::Found found{result(), {}};
    const std::vector<std::uint64_t> chosen = choose(found.result);
    std::vector<Statement> statements;
    if (!chosen.empty()) statements.push_back(select_passages(tenant_, collection_.id, chosen));
    statements.emplace_back("COMMIT");
    auto rows = co_await session_.execute_all(std::move(statements), deadline_);
    if (!rows) co_return forward_error(rows);
    if (!chosen.empty()) found.passages = read_passages(rows->front());
    co_return found;
  }

 private:
  bool dense() const { return !request_.query_vector.empty(); }

  // The statement with the filter's condition, " AND …" or nothing, where `sql_of` puts it; `bare`
  // has the other parameters, of which $1 and $2 are the tenant and the collection.
  Result<Statement> filtered(Statement bare,
                             const std::function<std::string(std::string_view)>& sql_of) const {
    std::string condition;
    if (request_.filter) {
      auto sql = filter_sql(*request_.filter, bare);
      if (!sql) return forward_error(sql);
      condition = " AND " + *sql;
    }
    return std::move(bare).with_sql(sql_of(condition));
  }

  // The nearest vectors. `exact`: compared one by one, as an index is for the expression with the
  // dimension alone.
  Result<Statement> nearest(bool exact) const {
    const std::size_t dimension = collection_.space.dimension;
    const std::string expression =
        exact ? "embedding <#> $3::vector"
              : fmt::format("embedding::vector({0}) <#> $3::vector({0})", dimension);
    // The planner proves that the partial index may be used from the number itself.
    const std::string id = exact ? "$2::int8" : fmt::format("{} AND $2::int8 > 0", collection_.id);
    return filtered(
        Statement("", tenant_, collection_.id, postgres::Vector{request_.query_vector},
                  static_cast<std::int64_t>(request_.candidates)),
        [&](std::string_view condition) {
          return fmt::format(
              "SELECT chunk_id, (-({0}))::float4 FROM raglan.chunk_vector WHERE tenant = $1::text"
              " AND collection_id = {1}{2} ORDER BY {0}{3} LIMIT $4::int8",
              expression, id, condition, exact ? ", chunk_id" : "");
        });
  }

  net::Task<Result<>> ask_sides() {
    bool exact = request_.exact || !collection_.hnsw;
    if (dense() && !exact && request_.filter) {
      auto few = co_await matches_few();
      if (!few) co_return forward_error(few);
      exact = *few;
    }
    std::vector<Statement> statements;
    question_ = store::question_terms(request_.query_text);
    std::vector<std::int64_t> terms;
    for (const auto& [term, count] : question_) terms.push_back(static_cast<std::int64_t>(term));
    statements.emplace_back(
        "SELECT p.term, p.chunks, p.entries FROM raglan.segment s JOIN raglan.posting p"
        " USING (tenant, collection_id, segment_id)"
        " WHERE s.tenant = $1::text AND s.collection_id = $2::int8 AND p.term = ANY($3::int8[])",
        tenant_, collection_.id, std::span<const std::int64_t>(terms));
    statements.emplace_back(
        "SELECT chunk_id FROM raglan.dead_chunk"
        " WHERE tenant = $1::text AND collection_id = $2::int8",
        tenant_, collection_.id);
    if (dense()) {
      if (!exact) {
        const auto breadth = std::clamp(request_.candidates, kLeastBreadth, kMostBreadth);
        statements.emplace_back(
            "SELECT set_config('hnsw.ef_search', $1::text, true),"
            " set_config('hnsw.iterative_scan', 'strict_order', true)",
            std::to_string(breadth));
      }
      auto statement = nearest(exact);
      if (!statement) co_return forward_error(statement);
      statements.push_back(std::move(*statement));
    }
    auto rows = co_await session_.execute_all(std::move(statements), deadline_);
    if (!rows) co_return forward_error(rows);
    postings_ = std::move((*rows)[0]);
    dead_ = std::move((*rows)[1]);
    if (!dense()) co_return Result<>();
    take_dense(rows->back());
    const bool enough =
        exact || dense_.size() >= request_.candidates || dense_.size() >= collection_.stats.chunks;
    if (enough) co_return Result<>();
    co_return co_await ask_exactly();
  }

  // An approximate scan may end before it has found enough.
  net::Task<Result<>> ask_exactly() {
    auto statement = nearest(true);
    if (!statement) co_return forward_error(statement);
    auto rows = co_await session_.execute(std::move(*statement), deadline_);
    if (!rows) co_return forward_error(rows);
    take_dense(*rows);
    co_return Result<>();
  }

  net::Task<Result<bool>> matches_few() {
    auto statement = filtered(Statement("", tenant_, collection_.id, kExactFilterRows + 1),
                              [](std::string_view condition) {
                                return fmt::format(
                                    "SELECT count(*) FROM (SELECT FROM raglan.chunk_vector"
                                    " WHERE tenant = $1::text AND collection_id = $2::int8{}"
                                    " LIMIT $3::int8) AS matching",
                                    condition);
                              });
    if (!statement) co_return forward_error(statement);
    auto rows = co_await session_.execute(std::move(*statement), deadline_);
    if (!rows) co_return forward_error(rows);
    co_return rows->int64(0, 0) <= kExactFilterRows;
  }

  void take_dense(const Rows& rows) {
    dense_.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto id = static_cast<std::uint64_t>(rows.int64(i, 0));
      dense_.push_back({rows.float32(i, 1), id, 0});
      cosines_[id] = rows.float32(i, 1);
    }
  }

  net::Task<Result<>> take_lexical() {
    if (question_.empty()) co_return Result<>();
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < postings_.size(); ++i) bytes += postings_.text(i, 2).size();
    const LexicalStatistics statistics{collection_.stats.chunks, collection_.terms};
    // Owned by the work, which may go on when nobody waits for it any more.
    auto score = [question = question_, postings = std::make_shared<Rows>(std::move(postings_)),
                  dead = std::make_shared<Rows>(std::move(dead_)), statistics] {
      return LexicalHits::score(question, *postings, *dead, statistics);
    };
    const MonotonicTime began = parts_.clock.now();
    auto hits = bytes <= kInlineBytes ? score()
                                      : co_await net::offload(parts_.executor, std::move(score),
                                                              parts_.whole, parts_.clock);
    if (!hits) co_return forward_error(hits);
    scores_ = std::move(*hits);
    give_back(parts_.clock.now() - began);
    if (!request_.filter) {
      lexical_ = scores_.best(request_.candidates);
      co_return Result<>();
    }
    co_return co_await filter_lexical();
  }

  // Time that the statements have not had: it went into work of this node.
  void give_back(Duration time) {
    if (!deadline_.never()) {
      deadline_ = Deadline(std::min(parts_.whole.at(), deadline_.at() + time));
    }
  }

  // Those of the chunks that the filter admits.
  net::Task<Result<std::unordered_set<std::uint64_t>>> admitted(const std::vector<IndexHit>& hits) {
    std::vector<std::int64_t> ids;
    for (const IndexHit& hit : hits) ids.push_back(static_cast<std::int64_t>(hit.chunk_id));
    auto statement =
        filtered(Statement("", tenant_, collection_.id, std::span<const std::int64_t>(ids)),
                 [](std::string_view condition) {
                   return fmt::format(
                       "SELECT chunk_id FROM raglan.chunk_vector"
                       " WHERE tenant = $1::text AND collection_id = $2::int8"
                       " AND chunk_id = ANY($3::int8[]){}",
                       condition);
                 });
    if (!statement) co_return forward_error(statement);
    auto rows = co_await session_.execute(std::move(*statement), deadline_);
    if (!rows) co_return forward_error(rows);
    std::unordered_set<std::uint64_t> chunks;
    for (std::size_t i = 0; i < rows->size(); ++i) {
      chunks.insert(static_cast<std::uint64_t>(rows->int64(i, 0)));
    }
    co_return chunks;
  }

  // The best that the filter admits: the best are asked about, four times as many each time.
  net::Task<Result<>> filter_lexical() {
    for (std::size_t depth = 4 * std::max<std::size_t>(request_.candidates, 1);; depth *= 4) {
      const std::vector<IndexHit> best = scores_.best(depth);
      auto chunks = co_await admitted(best);
      if (!chunks) co_return forward_error(chunks);
      const bool enough = chunks->size() >= request_.candidates || depth >= scores_.size();
      if (!enough) continue;
      for (const IndexHit& hit : best) {
        if (lexical_.size() == request_.candidates) break;
        if (chunks->contains(hit.chunk_id)) lexical_.push_back(hit);
      }
      co_return Result<>();
    }
  }

  // The cosines of what words alone have found.
  net::Task<Result<>> score_crosswise() {
    std::vector<std::int64_t> ids;
    for (const IndexHit& hit : lexical_) {
      if (!cosines_.contains(hit.chunk_id)) ids.push_back(static_cast<std::int64_t>(hit.chunk_id));
    }
    if (!dense() || ids.empty()) co_return Result<>();
    Statement select(
        "SELECT chunk_id, (-(embedding <#> $3::vector))::float4 FROM raglan.chunk_vector"
        " WHERE tenant = $1::text AND collection_id = $2::int8 AND chunk_id = ANY($4::int8[])",
        tenant_, collection_.id, postgres::Vector{request_.query_vector},
        std::span<const std::int64_t>(ids));
    auto rows = co_await session_.execute(std::move(select), deadline_);
    if (!rows) co_return forward_error(rows);
    for (std::size_t i = 0; i < rows->size(); ++i) {
      cosines_[static_cast<std::uint64_t>(rows->int64(i, 0))] = rows->float32(i, 1);
    }
    co_return Result<>();
  }

  store::SearchResult result() {
    store::SearchResult result;
    result.generation = collection_.stats.generation;
    result.generation.epoch = parts_.epoch;
    std::unordered_map<std::uint64_t, std::size_t> places;
    const auto candidate = [&](std::uint64_t id) -> store::Candidate& {
      const auto [place, added] = places.try_emplace(id, result.candidates.size());
      if (added) {
        const auto cosine = cosines_.find(id);
        result.candidates.push_back({.chunk_id = id,
                                     .cosine = cosine == cosines_.end() ? 0 : cosine->second,
                                     .bm25 = scores_.score_of(id)});
      }
      return result.candidates[place->second];
    };
    std::uint32_t rank = 0;
    for (const IndexHit& hit : dense_) candidate(hit.chunk_id).dense_rank = ++rank;
    rank = 0;
    for (const IndexHit& hit : lexical_) candidate(hit.chunk_id).lexical_rank = ++rank;
    if (!lexical_.empty()) result.bm25_max = lexical_.front().score;
    result.bm25_ceiling = scores_.ceiling();
    result.question_terms = scores_.question_terms();
    result.rare_term_ratio = scores_.rare_term_ratio();
    return result;
  }

  Session& session_;
  const SearchParts& parts_;
  const SearchRequest& request_;
  const std::string& tenant_;
  Deadline deadline_; // of statements
  const CollectionRow collection_;
  std::map<Term, float> question_;
  Rows postings_;
  Rows dead_;
  LexicalHits scores_;
  std::vector<IndexHit> dense_;
  std::vector<IndexHit> lexical_;
  std::unordered_map<std::uint64_t, float> cosines_;
};

} // namespace

net::Task<Result<store::Found>> search(Session& session, SearchParts parts,
                                       CollectionRow collection, const SearchRequest& request,
                                       const store::Choose& choose, Deadline deadline) {
  Search search(session, parts, std::move(collection), request, deadline);
  co_return co_await search.run(choose);
}

} // namespace raglan::postgres_store
