#include "migration/pages.h"

namespace raglan::migration {

net::Task<Result<std::vector<store::Document>>> DocumentPages::next() {
  if (!more_) co_return std::vector<store::Document>();
  auto page = co_await store_.list(key_, after_, kPerPage, call_deadline(clock_));
  if (!page) co_return forward_error(page);
  more_ = page->more;
  if (!page->documents.empty()) after_ = page->documents.back().id;
  co_return std::move(page->documents);
}

net::Task<Result<std::vector<store::Record>>> RecordPages::next() {
  auto records = co_await contents_.records(after_, kPerPage, call_deadline(clock_));
  if (records && !records->empty()) after_ = records->back().key;
  co_return records;
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
