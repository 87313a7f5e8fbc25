#include "store/collection_index.h"

#include <utility>

#include "store/index_fold.h"
#include "store/index_search.h"
#include "store/index_segment.h"
#include "store/index_snapshot.h"
#include "store/snapshot_file.h"

namespace raglan::store {

struct CollectionIndex::State {
  Parts parts;
  Commit commit;
  bool ahead = false; // holds more than `commit` says
};

CollectionIndex::CollectionIndex(std::size_t dimension, IndexConfig config)
    : dimension_(dimension), config_(config), state_(std::make_shared<const State>()) {}

CollectionIndex::~CollectionIndex() = default;

std::shared_ptr<const CollectionIndex::State> CollectionIndex::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void CollectionIndex::publish(std::shared_ptr<const State> state) {
  const std::lock_guard lock(mutex_);
  state_.swap(state); // the old one is freed outside the lock, by the caller's copy
}

void CollectionIndex::apply(std::span<const IndexEntry> added,
                            std::span<const std::uint64_t> removed_chunk_ids, std::uint64_t seq,
                            std::uint64_t nonce) {
  add_and_remove(added, removed_chunk_ids, Commit{seq, nonce});
}

void CollectionIndex::apply_ahead(std::span<const IndexEntry> added) {
  add_and_remove(added, {}, std::nullopt);
}

void CollectionIndex::add_and_remove(std::span<const IndexEntry> added,
                                     std::span<const std::uint64_t> removed_chunk_ids,
                                     std::optional<Commit> commit) {
  // Outside of the lock: the texts' analysis is most of the work.
  std::shared_ptr<const IndexSegment> fresh;
  if (!added.empty()) fresh = IndexSegment::build(added, dimension_);
  const std::lock_guard lock(writing_);
  auto next = std::make_shared<State>(*state());
  next->commit = commit.value_or(next->commit);
  next->ahead = !commit;
  if (fresh != nullptr) next->parts.push_back({std::move(fresh), nullptr, nullptr});
  std::vector<std::shared_ptr<Deletions>> own(next->parts.size());
  for (const std::uint64_t chunk_id : removed_chunk_ids) {
    for (std::size_t i = 0; i < next->parts.size(); ++i) {
      if (remove_chunk(next->parts[i], chunk_id, own[i])) break;
    }
  }
  merge_small(next->parts, folding_parts_);
  publish(std::move(next));
}

std::optional<CollectionIndex::Folded> CollectionIndex::fold(const std::function<bool()>& stopped) {
  std::shared_ptr<const State> before;
  std::optional<FoldPlan> plan;
  {
    const std::lock_guard lock(writing_);
    before = state();
    plan = plan_fold(before->parts, config_);
    if (!plan) return std::nullopt;
    folding_parts_ = plan->last; // from now on only their deletions change
  }
  IndexSegment::Part folded = store::fold(before->parts, *plan, config_, stopped);
  const std::lock_guard lock(writing_);
  folding_parts_ = 0;
  if (folded.segment == nullptr) return std::nullopt;
  auto next = std::make_shared<State>(*state());
  const auto first = static_cast<std::ptrdiff_t>(plan->first);
  const auto last = static_cast<std::ptrdiff_t>(plan->last);
  const std::size_t count = plan->last - plan->first;
  carry_deletions(std::span(before->parts).subspan(plan->first, count),
                  std::span(next->parts).subspan(plan->first, count), folded);
  next->parts.erase(next->parts.begin() + first + 1, next->parts.begin() + last);
  const bool graph = folded.graph != nullptr;
  next->parts[plan->first] = std::move(folded);
  publish(std::move(next));
  return Folded{graph};
}

std::uint64_t CollectionIndex::seq() const { return state()->commit.seq; }
std::uint64_t CollectionIndex::nonce() const { return state()->commit.nonce; }

std::size_t CollectionIndex::size() const {
  std::size_t rows = 0;
  for (const IndexSegment::Part& part : state()->parts) rows += part.live_rows();
  return rows;
}

std::size_t CollectionIndex::graph_size() const {
  std::size_t rows = 0;
  for (const IndexSegment::Part& part : state()->parts) {
    if (part.graph != nullptr) rows += part.live_rows();
  }
  return rows;
}

SearchResult CollectionIndex::search(const Query& query) const {
  const auto current = state();
  SearchResult result = search_parts(current->parts, config_, dimension_, query);
  result.generation.seq = current->commit.seq;
  result.generation.nonce = current->commit.nonce;
  return result;
}

Result<> CollectionIndex::save(const std::filesystem::path& path,
                               const SnapshotStamp& stamp) const {
  const auto current = state();
  if (current->ahead) return fail(ErrorCode::kConflict, "a change is half applied");
  auto writer = SnapshotWriter::create(path);
  if (!writer) return forward_error(writer);
  write_index(*writer, stamp, {current->commit.seq, current->commit.nonce, current->parts});
  return writer->finish();
}

Result<std::unique_ptr<CollectionIndex>> CollectionIndex::load(const std::filesystem::path& path,
                                                               const SnapshotStamp& expected,
                                                               IndexConfig config) {
  auto reader = SnapshotReader::open(path);
  if (!reader) return forward_error(reader);
  auto snapshot = read_index(*reader, expected);
  if (!snapshot) return forward_error(snapshot);
  auto index = std::make_unique<CollectionIndex>(expected.dimension, config);
  auto loaded = std::make_shared<State>();
  loaded->parts = std::move(snapshot->parts);
  loaded->commit = {snapshot->seq, snapshot->nonce};
  index->publish(std::move(loaded));
  return index;
}

} // namespace raglan::store
