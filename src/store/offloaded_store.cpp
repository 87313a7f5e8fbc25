#include "store/offloaded_store.h"

#include <utility>

namespace raglan::store {

OffloadedStore::OffloadedStore(Parts parts)
    : parts_(std::move(parts)),
      records_(parts_.store, parts_.search, parts_.storage, parts_.clock),
      contents_(parts_.store, parts_.storage, parts_.clock),
      readiness_(parts_.store.generation_probe().value_or(nullptr)) {}

net::Task<Result<>> OffloadedStore::create_collection(CollectionKey key, Deadline deadline) {
  auto work = [&store = parts_.store, key = std::move(key)] {
    return store.create_collection(key);
  };
  co_return co_await on(parts_.storage, std::move(work), deadline);
}

net::Task<Result<std::vector<CollectionStats>>> OffloadedStore::list_collections(
    std::string tenant, Deadline deadline) {
  auto work = [&store = parts_.store, tenant = std::move(tenant)] {
    return store.list_collections(tenant);
  };
  co_return co_await on(parts_.storage, std::move(work), deadline);
}

net::Task<Result<CollectionStats>> OffloadedStore::collection(CollectionKey key,
                                                              Deadline deadline) {
  auto work = [&store = parts_.store, key = std::move(key)] { return store.collection(key); };
  co_return co_await on(parts_.storage, std::move(work), deadline);
}

net::Task<Result<>> OffloadedStore::delete_collection(CollectionKey key, Deadline deadline) {
  auto work = [&store = parts_.store, key = std::move(key)] {
    return store.delete_collection(key);
  };
  co_return co_await on(parts_.storage, std::move(work), deadline);
}

net::Task<Result<std::vector<Result<WriteState>>>> OffloadedStore::put_many(
    CollectionKey key, std::vector<PreparedDocument> documents, std::optional<RecordGuard> guard,
    Deadline deadline) {
  using States = std::vector<Result<WriteState>>;
  auto work = [&store = parts_.store, key = std::move(key), documents = std::move(documents),
               guard = std::move(guard)]() -> Result<States> {
    return store.put_many(key, documents, guard);
  };
  co_return co_await on(parts_.storage, std::move(work), deadline);
}

net::Task<Result<>> OffloadedStore::remove(CollectionKey key, std::string document_id,
                                           Deadline deadline) {
  auto work = [&store = parts_.store, key = std::move(key), id = std::move(document_id)] {
    return store.remove(key, id);
  };
  co_return co_await on(parts_.storage, std::move(work), deadline);
}

net::Task<Result<Document>> OffloadedStore::get(CollectionKey key, std::string document_id,
                                                Deadline deadline) {
  auto work = [&store = parts_.store, key = std::move(key), id = std::move(document_id)] {
    return store.get(key, id);
  };
  co_return co_await on(parts_.storage, std::move(work), deadline);
}

net::Task<Result<DocumentPage>> OffloadedStore::list(CollectionKey key, std::string after_id,
                                                     std::uint32_t limit, Deadline deadline) {
  auto work = [&store = parts_.store, key = std::move(key), after = std::move(after_id), limit] {
    return store.list(key, after, limit);
  };
  co_return co_await on(parts_.storage, std::move(work), deadline);
}

net::Task<Result<std::vector<std::optional<StoredVersion>>>> OffloadedStore::stored_versions(
    CollectionKey key, std::vector<std::string> document_ids, Deadline deadline) {
  auto work = [&store = parts_.store, key = std::move(key), ids = std::move(document_ids)] {
    return store.stored_versions(key, ids);
  };
  co_return co_await on(parts_.storage, std::move(work), deadline);
}

net::Task<Result<Found>> OffloadedStore::search(SearchRequest request, Choose choose,
                                                Deadline deadline) {
  auto work = [this, request = std::move(request), choose = std::move(choose)] {
    return search_and_read(request, choose);
  };
  co_return co_await on(parts_.search, std::move(work), deadline);
}

net::Task<Result<Generation>> OffloadedStore::generation(CollectionKey key, Deadline deadline) {
  if (auto probed = try_generation(key)) co_return std::move(*probed);
  auto work = [this, key = std::move(key)] { return read_generation(key); };
  co_return co_await on(parts_.search, std::move(work), deadline);
}

std::optional<Result<Generation>> OffloadedStore::try_generation(const CollectionKey& key) {
  Probe probe = idle_.with([](std::vector<Probe>& idle) {
    if (idle.empty()) return Probe();
    Probe last = std::move(idle.back());
    idle.pop_back();
    return last;
  });
  if (probe == nullptr) return std::nullopt;
  auto generation = probe->generation(key);
  const bool told = generation || generation.error().code == ErrorCode::kNotFound;
  keep(std::move(probe));
  if (!told) return std::nullopt;
  return generation;
}

// By a connection of its own: readiness never waits behind searches for a free one.
Result<> OffloadedStore::check() {
  if (readiness_) return readiness_->check();
  auto generation = parts_.store.generation({});
  if (generation || generation.error().code == ErrorCode::kNotFound) return {};
  return forward_error(generation);
}

Result<Found> OffloadedStore::search_and_read(const SearchRequest& request, const Choose& choose) {
  auto result = parts_.store.search(request);
  if (!result) return forward_error(result);
  Found found{std::move(*result), {}};
  const std::vector<std::uint64_t> chosen = choose(found.result);
  if (chosen.empty()) return found;
  auto passages = parts_.store.passages(request.collection, chosen);
  if (!passages) return forward_error(passages);
  found.passages = std::move(*passages);
  return found;
}

Result<Generation> OffloadedStore::read_generation(const CollectionKey& key) {
  const bool any = idle_.with([](const std::vector<Probe>& idle) { return !idle.empty(); });
  if (!any) {
    // Without one every read comes here, which is slower and not wrong.
    if (auto opened = parts_.store.generation_probe(); opened && *opened) keep(std::move(*opened));
  }
  return parts_.store.generation(key);
}

void OffloadedStore::keep(Probe probe) {
  idle_.with([&](std::vector<Probe>& idle) {
    if (idle.size() < kMaxProbes) idle.push_back(std::move(probe));
  });
}

} // namespace raglan::store
