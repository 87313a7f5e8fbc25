#include "migration/compare.h"

#include <map>
#include <optional>
#include <utility>

#include "migration/copy.h"
#include "migration/pages.h"

namespace raglan::migration {
namespace {

using store::Store;

void note(Comparison& comparison, const std::string& name, const Hash128& digest,
          const std::optional<Hash128>& other) {
  ++comparison.compared;
  comparison.from.add(digest);
  if (other) comparison.to.add(*other);
  if (other == digest) return;
  ++(other ? comparison.different : comparison.missing);
  if (comparison.named.size() < Comparison::kMaxNamed) comparison.named.push_back(name);
}

using Digests = std::map<std::string, Hash128, std::less<>>;

net::Task<Result<Digests>> digests_of(Store& store, const store::CollectionKey& key,
                                      std::vector<std::string> ids, const Clock& clock,
                                      std::uint64_t* chunks) {
  auto documents = co_await store.contents().documents(key, std::move(ids), call_deadline(clock));
  if (!documents) co_return forward_error(documents);
  Digests digests;
  for (const store::PreparedDocument& prepared : *documents) {
    digests.emplace(prepared.document.id, digest(prepared));
    if (chunks != nullptr) *chunks += prepared.chunks.size();
  }
  co_return digests;
}

} // namespace

net::Task<Result<Comparison>> compare_documents(Store& from, Store& to, store::CollectionKey key,
                                                const Clock& clock) {
  Comparison comparison;
  DocumentPages pages(from, key, clock);
  while (true) {
    auto headers = co_await pages.next();
    if (!headers) co_return forward_error(headers);
    if (headers->empty()) break;
    for (const std::vector<std::string>& ids : in_batches(*headers, kChunksPerBatch)) {
      auto here = co_await digests_of(from, key, ids, clock, &comparison.chunks);
      if (!here) co_return forward_error(here);
      auto there = co_await digests_of(to, key, ids, clock, nullptr);
      if (!there) co_return forward_error(there);
      for (const auto& [id, digest] : *here) {
        const auto other = there->find(id);
        note(comparison, id, digest,
             other == there->end() ? std::nullopt : std::optional(other->second));
      }
    }
  }
  auto held = co_await to.collection(key, call_deadline(clock));
  if (!held && held.error().code == ErrorCode::kNotFound) co_return comparison;
  if (!held) co_return forward_error(held);
  const std::uint64_t found = comparison.compared - comparison.missing;
  comparison.extra = held->documents > found ? held->documents - found : 0;
  co_return comparison;
}

net::Task<Result<Comparison>> compare_records(Store& from, Store& to, const Clock& clock) {
  Comparison comparison;
  RecordPairs pairs(from.contents(), to.contents(), clock);
  while (true) {
    auto pair = co_await pairs.next();
    if (!pair) co_return forward_error(pair);
    if (pair->is_end()) co_return comparison;
    if (!pair->from) {
      ++comparison.extra;
      continue;
    }
    const auto other = pair->to ? std::optional(digest(*pair->to)) : std::nullopt;
    note(comparison, pair->from->key.kind + " of " + pair->from->key.tenant, digest(*pair->from),
         other);
  }
}

} // namespace raglan::migration
