#include "postgres_store/question_postings.h"

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <utility>

namespace raglan::postgres_store {
namespace {

using postgres::Rows;
using postgres::Statement;
using store::Term;

constexpr std::size_t kNameBytes = sizeof(Hash128::bytes);
constexpr std::size_t kPagePostings = 8; // that take as long as going to a page

bool misses_list(const QuestionTerm& term) {
  return std::ranges::find(term.lists, nullptr) != term.lists.end();
}

} // namespace

Statement select_segments(const store::CollectionKey& key) {
  return Statement(
      "SELECT s.ids, s.names, (SELECT array_agg(chunk_id) FROM raglan.dead_chunk d"
      " WHERE d.tenant = c.tenant AND d.collection_id = c.collection_id)"
      " FROM raglan.collection c, LATERAL"
      " (SELECT array_agg(segment_id ORDER BY segment_id) AS ids,"
      " string_agg(contents, ''::bytea ORDER BY segment_id) AS names FROM raglan.segment s"
      " WHERE s.tenant = c.tenant AND s.collection_id = c.collection_id) s"
      " WHERE c.tenant = $1::text AND c.name = $2::text",
      key.tenant, key.name);
}

Result<QuestionPostings> QuestionPostings::find(const std::map<Term, float>& question,
                                                std::int64_t collection_id, const Rows& segments,
                                                std::shared_ptr<PostingsCache> cache,
                                                MonotonicTime now) {
  QuestionPostings found(collection_id, std::move(cache));
  const std::vector<std::int64_t> ids = segments.int64s(0, 0);
  const std::string_view names = segments.text(0, 1);
  if (names.size() != ids.size() * kNameBytes) {
    return fail(ErrorCode::kCorrupt, "the names of the store's segments are damaged");
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Segment& segment = found.segments_.emplace_back(ids[i]);
    std::ranges::copy(names.substr(i * kNameBytes, kNameBytes), segment.name.bytes.begin());
  }
  found.terms_.reserve(question.size());
  for (const auto& [term, count] : question) {
    QuestionTerm& added = found.terms_.emplace_back(term, count, Lists(found.segments_.size()));
    const auto kept = found.cache_->find(collection_id, term, now);
    if (kept) found.take_kept(*kept, added.lists);
  }
  return found;
}

void QuestionPostings::take_kept(const PostingsCache::Lists& kept, Lists& lists) const {
  // Both in the order of the segments, but for those that one of them does not know.
  auto next = kept.begin();
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const auto has_name = [&](const SegmentPostings& each) {
      return each.segment == segments_[i].name;
    };
    const auto found = std::find_if(next, kept.end(), has_name);
    if (found == kept.end()) continue;
    lists[i] = found->list;
    next = std::next(found);
  }
}

bool QuestionPostings::misses_any() const { return std::ranges::any_of(terms_, misses_list); }

Statement QuestionPostings::select_missing(const std::string& tenant) const {
  std::vector<std::int64_t> segments;
  std::vector<std::int64_t> terms;
  for (const QuestionTerm& term : terms_) {
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      if (term.lists[i]) continue;
      segments.push_back(segments_[i].id);
      terms.push_back(static_cast<std::int64_t>(term.term));
    }
  }
  using Ids = std::span<const std::int64_t>;
  return Statement(
      "SELECT p.segment_id, p.term, p.entries"
      " FROM unnest($3::int8[], $4::int8[]) AS missing (segment_id, term)"
      " JOIN raglan.posting p USING (segment_id, term)"
      " WHERE p.tenant = $1::text AND p.collection_id = $2::int8",
      tenant, collection_id_, Ids(segments), Ids(terms));
}

Result<> QuestionPostings::read(const Rows& rows, MonotonicTime now) {
  boost::unordered_flat_map<std::pair<std::int64_t, Term>, std::size_t> row_of;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    row_of[{rows.int64(i, 0), static_cast<Term>(rows.int64(i, 1))}] = i;
  }
  for (QuestionTerm& term : terms_) {
    if (!misses_list(term)) continue;
    PostingsCache::Lists kept;
    kept.reserve(segments_.size());
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      if (!term.lists[i]) {
        const auto row = row_of.find({segments_[i].id, term.term});
        // No row: the segment has nothing of the term, which is worth knowing as well.
        auto list = PostingList::read(row == row_of.end() ? "" : rows.text(row->second, 2));
        if (!list) return forward_error(list);
        term.lists[i] = std::make_shared<const PostingList>(std::move(*list));
      }
      kept.push_back({segments_[i].name, term.lists[i]});
    }
    cache_->keep(collection_id_, term.term, std::move(kept), now);
  }
  return {};
}

std::size_t QuestionPostings::work() const {
  std::size_t sum = 0;
  for (const QuestionTerm& term : terms_) {
    for (const auto& list : term.lists) {
      if (list) sum += list->size() + kPagePostings * list->runs().size();
    }
  }
  return sum;
}

} // namespace raglan::postgres_store
