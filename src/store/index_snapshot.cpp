#include "store/index_snapshot.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "store/analyzer.h"

namespace raglan::store {
namespace {

constexpr std::array<char, 8> kMagic = {'R', 'A', 'G', 'L', 'I', 'D', 'X', '\n'};
constexpr std::uint32_t kFormat = 2;
// The only metric there is: inner product of vectors of length 1.
constexpr std::uint32_t kMetric = 1;

constexpr std::uint64_t kMaxParts = 1024;
constexpr std::uint64_t kMaxRows = 1U << 30;
constexpr std::uint64_t kMaxPostings = 1ULL << 36;
constexpr std::uint64_t kMaxEmbedderIdBytes = 4096;

void write_header(SnapshotWriter& writer, const SnapshotStamp& stamp, const IndexSnapshot& index) {
  writer.value(kMagic);
  writer.value(kFormat);
  writer.value(kAnalyzerVersion);
  writer.value(kMetric);
  writer.value(static_cast<std::uint32_t>(stamp.dimension));
  writer.value(stamp.store_epoch);
  writer.array(std::span<const char>(stamp.embedder_id));
  writer.value(index.seq);
  writer.value(index.nonce);
  writer.value(std::uint64_t{index.parts.size()});
}

// False when it was made for something else, or is no snapshot at all.
bool header_fits(SnapshotReader& reader, const SnapshotStamp& expected) {
  if (reader.value<std::array<char, 8>>() != kMagic) return false;
  if (reader.value<std::uint32_t>() != kFormat) return false;
  if (reader.value<std::uint32_t>() != kAnalyzerVersion) return false;
  if (reader.value<std::uint32_t>() != kMetric) return false;
  if (reader.value<std::uint32_t>() != expected.dimension) return false;
  if (reader.value<std::uint64_t>() != expected.store_epoch) return false;
  const auto embedder_id = reader.array<char>(kMaxEmbedderIdBytes);
  return std::ranges::equal(embedder_id, expected.embedder_id);
}

} // namespace

// The one friend of IndexSegment outside of it.
class SegmentFile {
 public:
  static void write(SnapshotWriter& writer, const IndexSegment& segment) {
    writer.array(std::span(segment.chunk_ids_));
    writer.array(std::span(segment.row_lengths_));
    segment.vectors_.for_each_piece(
        [&](std::span<const float> piece) { writer.bytes(std::as_bytes(piece)); });
    writer.array(std::span(segment.terms_));
    writer.array(std::span(segment.offsets_));
    writer.array(std::span(segment.posting_rows_));
    writer.array(std::span(segment.posting_frequencies_));
  }

  static std::shared_ptr<const IndexSegment> read(SnapshotReader& reader, std::size_t dimension) {
    auto segment = std::make_shared<IndexSegment>();
    segment->chunk_ids_ = reader.array<std::uint64_t>(kMaxRows);
    const std::uint64_t rows = segment->rows();
    segment->row_lengths_ = reader.array<std::uint32_t>(rows);
    if (!reader.has(rows, dimension * sizeof(float))) reader.fail_reading();
    segment->vectors_ = VectorRows(dimension, reader.failed() ? 0 : rows);
    segment->vectors_.fill(
        [&](std::span<float> piece) { reader.bytes(std::as_writable_bytes(piece)); });
    segment->terms_ = reader.array<Term>(kMaxPostings);
    segment->offsets_ = reader.array<std::uint64_t>(segment->terms_.size() + 1);
    segment->posting_rows_ = reader.array<std::uint32_t>(kMaxPostings);
    segment->posting_frequencies_ = reader.array<std::uint8_t>(segment->posting_rows_.size());
    for (const std::uint32_t length : segment->row_lengths_) segment->length_terms_ += length;
    if (!consistent(*segment)) reader.fail_reading();
    return segment;
  }

 private:
  static bool consistent(const IndexSegment& segment) {
    const std::size_t rows = segment.rows();
    const auto ascending = [](const auto& values) {
      return std::adjacent_find(values.begin(), values.end(), std::greater_equal{}) == values.end();
    };
    return segment.row_lengths_.size() == rows && segment.vectors_.rows() == rows &&
           segment.offsets_.size() == segment.terms_.size() + 1 && ascending(segment.chunk_ids_) &&
           ascending(segment.terms_) && ascending(segment.offsets_) &&
           segment.offsets_.front() == 0 &&
           segment.offsets_.back() == segment.posting_rows_.size() &&
           segment.posting_frequencies_.size() == segment.posting_rows_.size() &&
           std::ranges::all_of(segment.posting_rows_,
                               [&](std::uint32_t row) { return row < rows; });
  }
};

namespace {

void write_deletions(SnapshotWriter& writer, const IndexSegment::Part& part) {
  std::vector<std::uint32_t> rows;
  for (std::uint32_t row = 0; part.deletions && row < part.segment->rows(); ++row) {
    if (part.deletions->rows[row]) rows.push_back(row);
  }
  writer.array(std::span<const std::uint32_t>(rows));
}

std::shared_ptr<const Deletions> read_deletions(SnapshotReader& reader,
                                                const IndexSegment& segment) {
  const auto rows = reader.array<std::uint32_t>(segment.rows());
  if (rows.empty()) return nullptr;
  auto deletions = std::make_shared<Deletions>();
  deletions->rows.resize(segment.rows());
  for (const std::uint32_t row : rows) {
    if (row >= segment.rows() || deletions->rows[row]) {
      reader.fail_reading();
      return nullptr;
    }
    deletions->rows[row] = true;
    ++deletions->count;
    deletions->length_terms += segment.row_length_terms(row);
  }
  return deletions;
}

void write_graph(SnapshotWriter& writer, const HnswGraph* graph) {
  const HnswGraph::Lists none;
  const HnswGraph::Lists& lists = graph == nullptr ? none : graph->lists();
  writer.value(lists.entry);
  writer.array(std::span(lists.levels));
  writer.array(std::span(lists.links));
  writer.array(std::span(lists.upper_links));
}

std::shared_ptr<const HnswGraph> read_graph(SnapshotReader& reader, const IndexSegment& segment) {
  const std::uint64_t rows = segment.rows();
  HnswGraph::Lists lists;
  lists.entry = reader.value<std::uint32_t>();
  lists.levels = reader.array<std::uint8_t>(rows);
  lists.links = reader.array<std::uint32_t>(rows * HnswGraph::kListSize);
  lists.upper_links =
      reader.array<std::uint32_t>(rows * HnswGraph::kMaxLevel * HnswGraph::kUpperListSize);
  if (reader.failed() || lists.levels.empty()) return nullptr;
  if (lists.levels.size() != rows || !HnswGraph::consistent(lists)) {
    reader.fail_reading();
    return nullptr;
  }
  return std::make_shared<const HnswGraph>(std::move(lists));
}

} // namespace

void write_index(SnapshotWriter& writer, const SnapshotStamp& stamp, const IndexSnapshot& index) {
  write_header(writer, stamp, index);
  for (const IndexSegment::Part& part : index.parts) {
    SegmentFile::write(writer, *part.segment);
    write_deletions(writer, part);
    write_graph(writer, part.graph.get());
  }
}

Result<IndexSnapshot> read_index(SnapshotReader& reader, const SnapshotStamp& expected) {
  if (!header_fits(reader, expected)) {
    return fail(ErrorCode::kCorrupt, "the snapshot was made for something else");
  }
  IndexSnapshot index;
  index.seq = reader.value<std::uint64_t>();
  index.nonce = reader.value<std::uint64_t>();
  const auto parts = reader.value<std::uint64_t>();
  if (parts > kMaxParts) reader.fail_reading();
  for (std::uint64_t i = 0; i < parts && !reader.failed(); ++i) {
    auto segment = SegmentFile::read(reader, expected.dimension);
    if (reader.failed()) break;
    auto deletions = read_deletions(reader, *segment);
    auto graph = read_graph(reader, *segment);
    index.parts.push_back({std::move(segment), std::move(deletions), std::move(graph)});
  }
  if (auto ok = reader.finish(); !ok) return forward_error(ok);
  return index;
}

} // namespace raglan::store
