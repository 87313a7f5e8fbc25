#include "migration/copy.h"

#include <optional>
#include <utility>

#include "migration/pages.h"

namespace raglan::migration {
namespace {

using store::Document;
using store::Store;

// What is wrong with the document itself; everything else may succeed at another time.
bool is_refusal(ErrorCode code) {
  return code == ErrorCode::kInvalidField || code == ErrorCode::kTooLarge;
}

// Those that `to` does not hold as they are.
net::Task<Result<std::vector<Document>>> find_changed(Store& to, const store::CollectionKey& key,
                                                      std::vector<Document> headers,
                                                      const Clock& clock) {
  auto stored = co_await to.stored_versions(key, ids_of(headers), call_deadline(clock));
  if (!stored) co_return forward_error(stored);
  std::vector<Document> changed;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const std::optional<store::StoredVersion>& version = (*stored)[i];
    if (version && version->content_hash == headers[i].content_hash) continue;
    changed.push_back(std::move(headers[i]));
  }
  co_return changed;
}

net::Task<Result<>> copy_batch(Store& from, Store& to, const store::CollectionKey& key,
                               std::vector<std::string> ids, const Clock& clock,
                               CopyCounts& counts) {
  auto documents = co_await from.contents().documents(key, std::move(ids), call_deadline(clock));
  if (!documents) co_return forward_error(documents);
  std::vector<std::string> read;
  for (const store::PreparedDocument& each : *documents) read.push_back(each.document.id);
  auto states =
      co_await to.put_many(key, std::move(*documents), std::nullopt, call_deadline(clock));
  if (!states) co_return forward_error(states);
  for (std::size_t i = 0; i < states->size(); ++i) {
    const Result<store::WriteState>& state = (*states)[i];
    if (state) {
      ++(*state == store::WriteState::kIndexed ? counts.copied : counts.unchanged);
    } else if (is_refusal(state.error().code)) {
      ++counts.refused;
      if (counts.named.size() < CopyCounts::kMaxNamed) {
        counts.named.push_back({read[i], state.error()});
      }
    } else {
      co_return std::unexpected(state.error());
    }
  }
  co_return Result<>();
}

bool is_same(const std::optional<store::Record>& present, const store::Record& record) {
  return present && present->value == record.value && present->expires == record.expires;
}

} // namespace

net::Task<Result<CopyCounts>> copy_documents(Store& from, Store& to, store::CollectionKey key,
                                             const Clock& clock, OnProgress on_progress) {
  auto created = co_await to.create_collection(key, call_deadline(clock));
  if (!created && created.error().code != ErrorCode::kConflict) co_return forward_error(created);
  CopyCounts counts;
  DocumentPages pages(from, key, clock);
  while (true) {
    auto headers = co_await pages.next();
    if (!headers) co_return forward_error(headers);
    if (headers->empty()) co_return counts;
    const std::uint64_t seen = headers->size();
    auto changed = co_await find_changed(to, key, std::move(*headers), clock);
    if (!changed) co_return forward_error(changed);
    counts.unchanged += seen - changed->size();
    for (std::vector<std::string>& ids : in_batches(*changed, kChunksPerBatch)) {
      auto copied = co_await copy_batch(from, to, key, std::move(ids), clock, counts);
      if (!copied) co_return forward_error(copied);
    }
    counts.documents += seen;
    if (on_progress) on_progress(counts.documents);
  }
}

net::Task<Result<std::uint64_t>> prune_documents(Store& from, Store& to, store::CollectionKey key,
                                                 const Clock& clock) {
  std::uint64_t removed = 0;
  DocumentPages pages(to, key, clock);
  while (true) {
    auto headers = co_await pages.next();
    if (!headers) co_return forward_error(headers);
    if (headers->empty()) co_return removed;
    auto stored = co_await from.stored_versions(key, ids_of(*headers), call_deadline(clock));
    if (!stored) co_return forward_error(stored);
    for (std::size_t i = 0; i < headers->size(); ++i) {
      if ((*stored)[i]) continue;
      auto gone = co_await to.remove(key, (*headers)[i].id, call_deadline(clock));
      if (!gone && gone.error().code != ErrorCode::kNotFound) co_return forward_error(gone);
      ++removed;
    }
  }
}

net::Task<Result<RecordCounts>> copy_records(Store& from, Store& to, const Clock& clock) {
  RecordCounts counts;
  RecordPairs pairs(from.contents(), to.contents(), clock);
  while (true) {
    auto pair = co_await pairs.next();
    if (!pair) co_return forward_error(pair);
    if (pair->is_end()) co_return counts;
    if (!pair->from) continue;
    if (is_same(pair->to, *pair->from)) {
      ++counts.unchanged;
      continue;
    }
    auto& [key, value, version, expires] = *pair->from;
    store::RecordWrite write{std::move(key), std::move(value), expires};
    auto written = co_await to.records().write(std::move(write), call_deadline(clock));
    if (!written) co_return forward_error(written);
    ++counts.copied;
  }
}

net::Task<Result<std::uint64_t>> prune_records(Store& from, Store& to, const Clock& clock) {
  std::uint64_t removed = 0;
  RecordPairs pairs(from.contents(), to.contents(), clock);
  while (true) {
    auto pair = co_await pairs.next();
    if (!pair) co_return forward_error(pair);
    if (pair->is_end()) co_return removed;
    if (pair->from) continue;
    auto erased = co_await to.records().erase(pair->to->key, std::nullopt, call_deadline(clock));
    if (!erased) co_return forward_error(erased);
    ++removed;
  }
}

} // namespace raglan::migration
