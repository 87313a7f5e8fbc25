#include "store/collection_index.h"

#include <algorithm>
#include <utility>

#include "store/index_search.h"
#include "store/index_segment.h"
#include "store/index_snapshot.h"
#include "store/snapshot_file.h"

namespace raglan::store {
namespace {

using Part = IndexSegment::Part;

std::size_t live_rows(const Part& part) {
  return part.segment->rows() - (part.deletions ? part.deletions->count : 0);
}

void remove_chunk(std::vector<Part>& parts, std::uint64_t chunk_id,
                  std::vector<std::shared_ptr<Deletions>>& own) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const IndexSegment& segment = *parts[i].segment;
    const std::size_t row = segment.find(chunk_id);
    if (row == segment.rows()) continue;
    // The first removal of this call copies; readers keep the old one.
    if (!own[i]) {
      own[i] = parts[i].deletions ? std::make_shared<Deletions>(*parts[i].deletions)
                                  : std::make_shared<Deletions>();
      own[i]->rows.resize(segment.rows());
      parts[i].deletions = own[i];
    }
    if (own[i]->rows[row]) continue;
    own[i]->rows[row] = true;
    ++own[i]->count;
    own[i]->length_terms += segment.row_length_terms(row);
    return;
  }
}

// Neighbours are merged while the newer is at least half as large as the older: sizes then fall
// geometrically, a search sees few segments, and each row is copied a logarithmic number of times.
void merge_neighbours(std::vector<Part>& parts) {
  while (parts.size() >= 2) {
    const Part& older = parts[parts.size() - 2];
    const Part& newer = parts.back();
    if (live_rows(newer) * 2 < older.segment->rows()) break;
    Part merged{IndexSegment::merge(older, newer), nullptr};
    parts.pop_back();
    parts.back() = std::move(merged);
  }
}

// A segment that is more than a quarter deleted is written anew.
void purge_deletions(std::vector<Part>& parts) {
  static const auto kNothing = IndexSegment::build({}, 0);
  for (Part& part : parts) {
    if (!part.deletions || part.deletions->count * 4 <= part.segment->rows()) continue;
    part = {IndexSegment::merge(part, {kNothing, nullptr}), nullptr};
  }
  std::erase_if(parts, [](const Part& part) { return part.segment->rows() == 0; });
}

} // namespace

struct CollectionIndex::State {
  std::vector<Part> parts; // older ones first
  std::uint64_t seq = 0;
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
                            std::span<const std::uint64_t> removed_chunk_ids, std::uint64_t seq) {
  auto next = std::make_shared<State>(*state());
  next->seq = seq;
  if (!added.empty()) {
    next->parts.push_back({IndexSegment::build(added, dimension_), nullptr});
  }
  std::vector<std::shared_ptr<Deletions>> own(next->parts.size());
  for (const std::uint64_t chunk_id : removed_chunk_ids) {
    remove_chunk(next->parts, chunk_id, own);
  }
  purge_deletions(next->parts);
  merge_neighbours(next->parts);
  publish(std::move(next));
}

std::uint64_t CollectionIndex::seq() const { return state()->seq; }

std::size_t CollectionIndex::size() const {
  std::size_t rows = 0;
  for (const Part& part : state()->parts) rows += live_rows(part);
  return rows;
}

SearchResult CollectionIndex::search(const Query& query) const {
  const auto current = state();
  SearchResult result = IndexSearch(current->parts, config_, dimension_).run(query);
  result.generation.seq = current->seq;
  return result;
}

Result<> CollectionIndex::save(const std::filesystem::path& path,
                               const SnapshotStamp& stamp) const {
  const auto current = state();
  auto writer = SnapshotWriter::create(path);
  if (!writer) return forward_error(writer);
  write_index(*writer, stamp, {current->seq, current->parts});
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
  loaded->seq = snapshot->seq;
  index->publish(std::move(loaded));
  return index;
}

} // namespace raglan::store
