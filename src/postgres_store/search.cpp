#include "postgres_store/search.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
#include <map>
#include <memory>
#include <unordered_set>
#include <utility>

#include "postgres_store/document_reads.h"
#include "postgres_store/filter_sql.h"
#include "postgres_store/lexical_hits.h"
#include "postgres_store/question_postings.h"
#include "store/rules.h"

namespace raglan::postgres_store {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Statement;
using store::IndexHit;
using store::SearchRequest;

// Work, in postings, beyond which scoring is not for the event loop: some 0.6 ms. Handing it over
// and back costs 0.1 ms of processor time.
constexpr std::size_t kInlinePostings = 128 * 1024;
// Of hnsw.ef_search. With 100, a search of 100,000 chunks found 0.91 of the ten nearest; with 300,
// as in the embedded index, 0.99.
constexpr std::uint32_t kLeastBreadth = 300;
constexpr std::size_t kFilterFactor = 4;
constexpr std::uint32_t kMostBreadth = 1000; // pgvector's own

// What words have found.
struct Scored {
  LexicalHits hits;
  std::vector<IndexHit> best; // of them
};

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

  net::Task<Result<store::Found>> run(const Rows& segments, const store::Choose& choose) {
    if (collection_.space.dimension > 0) {
      auto ok = store::check_space_to_search(request_, collection_.space, parts_.space);
      if (!ok) co_return forward_error(ok);
    }
    if (collection_.stats.chunks > 0) {
      if (auto ok = co_await score_words(segments); !ok) co_return forward_error(ok);
      if (!request_.query_vector.empty()) {
        if (auto ok = co_await ask_vectors(); !ok) co_return forward_error(ok);
      }
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

  // The lexical side: what is not kept of the postings is fetched, and all are scored.
  net::Task<Result<>> score_words(const Rows& segments) {
    const std::map<store::Term, float> question = store::question_terms(request_.query_text);
    if (question.empty()) co_return Result<>();
    auto postings = QuestionPostings::find(question, collection_.id, segments, parts_.postings,
                                           parts_.clock.now());
    if (!postings) co_return forward_error(postings);
    Rows missing;
    if (postings->misses_any()) {
      auto rows = co_await session_.execute(postings->select_missing(tenant_), deadline_);
      if (!rows) co_return forward_error(rows);
      missing = std::move(*rows);
    }
    std::vector<std::int64_t> dead = segments.int64s(0, 2);
    std::size_t work = postings->work() + dead.size();
    for (std::size_t i = 0; i < missing.size(); ++i) work += missing.text(i, 2).size();
    const bool inline_enough = work <= kInlinePostings;
    // Owned by the work, which may go on when nobody waits for it any more.
    auto score = [postings = std::make_shared<QuestionPostings>(std::move(*postings)),
                  missing = std::make_shared<const Rows>(std::move(missing)),
                  dead = std::move(dead), now = parts_.clock.now(),
                  statistics = LexicalStatistics{collection_.stats.chunks, collection_.terms},
                  depth = first_depth()]() -> Result<Scored> {
      if (auto ok = postings->read(*missing, now); !ok) return forward_error(ok);
      LexicalHits hits(postings->terms(), dead, statistics);
      std::vector<IndexHit> best = hits.best(depth);
      return Scored{std::move(hits), std::move(best)};
    };
    const MonotonicTime began = parts_.clock.now();
    auto scored = inline_enough ? score()
                                : co_await net::offload(parts_.executor, std::move(score),
                                                        parts_.whole, parts_.clock);
    if (!scored) co_return forward_error(scored);
    scores_ = std::move(scored->hits);
    give_back(parts_.clock.now() - began);
    if (request_.filter) co_return co_await filter_lexical(std::move(scored->best));
    lexical_ = std::move(scored->best);
    co_return Result<>();
  }

  // The nearest vectors, and how near those are that words have found.
  net::Task<Result<>> ask_vectors() {
    bool exact = request_.exact || !collection_.hnsw;
    if (!exact && request_.filter) {
      auto few = co_await matches_few();
      if (!few) co_return forward_error(few);
      exact = *few;
    }
    std::vector<Statement> statements;
    if (!lexical_.empty()) statements.push_back(cosines_of_lexical());
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
    auto rows = co_await session_.execute_all(std::move(statements), deadline_);
    if (!rows) co_return forward_error(rows);
    if (!lexical_.empty()) take_lexical_cosines(rows->front());
    take_dense(rows->back());
    const bool enough =
        exact || dense_.size() >= request_.candidates || dense_.size() >= collection_.stats.chunks;
    if (!enough) co_return co_await ask_exactly();
    co_return Result<>();
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

  Statement cosines_of_lexical() const {
    std::vector<std::int64_t> ids;
    for (const IndexHit& hit : lexical_) ids.push_back(static_cast<std::int64_t>(hit.chunk_id));
    return Statement(
        "SELECT chunk_id, (-(embedding <#> $3::vector))::float4 FROM raglan.chunk_vector"
        " WHERE tenant = $1::text AND collection_id = $2::int8 AND chunk_id = ANY($4::int8[])",
        tenant_, collection_.id, postgres::Vector{request_.query_vector},
        std::span<const std::int64_t>(ids));
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

  void take_lexical_cosines(const Rows& rows) {
    lexical_cosines_.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      lexical_cosines_[static_cast<std::uint64_t>(rows.int64(i, 0))] = rows.float32(i, 1);
    }
  }

  void take_dense(const Rows& rows) {
    dense_.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      dense_.push_back({rows.float32(i, 1), static_cast<std::uint64_t>(rows.int64(i, 0)), 0});
    }
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

  // How many of the best are looked at: with a filter some more, of which it admits some.
  std::size_t first_depth() const {
    return request_.filter ? kFilterFactor * std::max<std::size_t>(request_.candidates, 1)
                           : request_.candidates;
  }

  // The best that the filter admits: the best are asked about, kFilterFactor as many each time.
  net::Task<Result<>> filter_lexical(std::vector<IndexHit> best) {
    if (best.empty()) co_return Result<>();
    for (std::size_t depth = first_depth();; best = scores_.best(depth *= kFilterFactor)) {
      auto chunks = co_await admitted(best);
      if (!chunks) co_return forward_error(chunks);
      const bool enough = chunks->size() >= request_.candidates || best.size() < depth;
      if (!enough) continue;
      for (const IndexHit& hit : best) {
        if (lexical_.size() == request_.candidates) break;
        if (chunks->contains(hit.chunk_id)) lexical_.push_back(hit);
      }
      co_return Result<>();
    }
  }

  store::SearchResult result() {
    store::SearchResult result;
    result.generation = collection_.stats.generation;
    result.generation.epoch = parts_.epoch;
    boost::unordered_flat_map<std::uint64_t, std::size_t> places;
    places.reserve(dense_.size() + lexical_.size());
    std::uint32_t rank = 0;
    for (const IndexHit& hit : dense_) {
      places.emplace(hit.chunk_id, result.candidates.size());
      result.candidates.push_back(
          {.chunk_id = hit.chunk_id, .cosine = hit.score, .dense_rank = ++rank});
    }
    rank = 0;
    for (const IndexHit& hit : lexical_) {
      const auto [place, added] = places.try_emplace(hit.chunk_id, result.candidates.size());
      if (added) {
        const auto cosine = lexical_cosines_.find(hit.chunk_id);
        result.candidates.push_back(
            {.chunk_id = hit.chunk_id,
             .cosine = cosine == lexical_cosines_.end() ? 0 : cosine->second});
      }
      store::Candidate& candidate = result.candidates[place->second];
      candidate.lexical_rank = ++rank;
      candidate.bm25 = hit.score;
    }
    for (store::Candidate& candidate : result.candidates) {
      if (candidate.lexical_rank == 0) candidate.bm25 = scores_.score_of(candidate.chunk_id);
    }
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
  LexicalHits scores_;
  std::vector<IndexHit> dense_;
  std::vector<IndexHit> lexical_;
  boost::unordered_flat_map<std::uint64_t, float> lexical_cosines_;
};

} // namespace

net::Task<Result<store::Found>> search(Session& session, SearchParts parts, Snapshot snapshot,
                                       const SearchRequest& request, const store::Choose& choose,
                                       Deadline deadline) {
  Search search(session, parts, std::move(snapshot.collection), request, deadline);
  co_return co_await search.run(snapshot.rows.front(), choose);
}

} // namespace raglan::postgres_store
