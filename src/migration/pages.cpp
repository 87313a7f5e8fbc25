#include "migration/pages.h"

#include <tuple>

namespace raglan::migration {

net::Task<Result<std::vector<store::Document>>> DocumentPages::next() {
  if (!more_) co_return std::vector<store::Document>();
  auto page = co_await store_.list(key_, after_, kPerPage, call_deadline(clock_));
  if (!page) co_return forward_error(page);
  more_ = page->more;
  if (!page->documents.empty()) after_ = page->documents.back().id;
  co_return std::move(page->documents);
}

net::Task<Result<store::Record*>> RecordStream::peek() {
  if (taken_ == page_.size() && !ended_) {
    auto page = co_await contents_.records(after_, kPerPage, call_deadline(clock_));
    if (!page) co_return forward_error(page);
    page_ = std::move(*page);
    taken_ = 0;
    ended_ = page_.empty();
    if (!ended_) after_ = page_.back().key;
  }
  co_return taken_ == page_.size() ? nullptr : &page_[taken_];
}

net::Task<Result<RecordPair>> RecordPairs::next() {
  auto from = co_await from_.peek();
  if (!from) co_return forward_error(from);
  auto to = co_await to_.peek();
  if (!to) co_return forward_error(to);
  const auto order = [](const store::Record& record) {
    return std::tie(record.key.tenant, record.key.kind, record.key.id);
  };
  const bool has_from = *from != nullptr && (*to == nullptr || order(**from) <= order(**to));
  const bool has_to = *to != nullptr && (*from == nullptr || order(**to) <= order(**from));
  RecordPair pair;
  if (has_from) pair.from = from_.take();
  if (has_to) pair.to = to_.take();
  co_return pair;
}

std::vector<std::vector<std::string>> in_batches(const std::vector<store::Document>& headers,
                                                 std::uint32_t chunks_per_batch) {
  std::vector<std::vector<std::string>> batches;
  std::uint32_t chunks = chunks_per_batch; // so that the first begins one
  for (const store::Document& header : headers) {
    if (chunks >= chunks_per_batch) {
      batches.emplace_back();
      chunks = 0;
    }
    batches.back().push_back(header.id);
    chunks += header.chunk_count;
  }
  return batches;
}

} // namespace raglan::migration
