// A store behind the seam, for tests: its calls are waited for.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "net/detach.h"
#include "net/event_loops.h"
#include "store/store.h"

namespace raglan::store {

class WaitingStore {
 public:
  WaitingStore(Store& store, net::EventLoops& loops) : store_(store), loop_(loops.executor(0)) {}

  Result<> create_collection(CollectionKey key) {
    return wait(store_.create_collection(std::move(key), Deadline()));
  }
  auto list_collections(std::string tenant) {
    return wait(store_.list_collections(std::move(tenant), Deadline()));
  }
  auto collection(CollectionKey key) { return wait(store_.collection(std::move(key), Deadline())); }
  Result<> delete_collection(CollectionKey key) {
    return wait(store_.delete_collection(std::move(key), Deadline()));
  }
  std::vector<Result<WriteState>> put_many(CollectionKey key,
                                           std::vector<PreparedDocument> documents,
                                           std::optional<RecordGuard> guard = std::nullopt) {
    auto states =
        wait(store_.put_many(std::move(key), std::move(documents), std::move(guard), Deadline()));
    EXPECT_TRUE(states) << states.error().message;
    return states ? std::move(*states) : std::vector<Result<WriteState>>();
  }
  Result<WriteState> put(CollectionKey key, PreparedDocument document) {
    return put_many(std::move(key), {std::move(document)}).at(0);
  }
  Result<> remove(CollectionKey key, std::string id) {
    return wait(store_.remove(std::move(key), std::move(id), Deadline()));
  }
  Result<Document> get(CollectionKey key, std::string id) {
    return wait(store_.get(std::move(key), std::move(id), Deadline()));
  }
  Result<DocumentPage> list(CollectionKey key, std::string after, std::uint32_t limit) {
    return wait(store_.list(std::move(key), std::move(after), limit, Deadline()));
  }
  auto stored_versions(CollectionKey key, std::vector<std::string> ids) {
    return wait(store_.stored_versions(std::move(key), std::move(ids), Deadline()));
  }
  Result<Generation> generation(CollectionKey key) {
    return wait(store_.generation(std::move(key), Deadline()));
  }
  Result<std::uint64_t> write_record(RecordWrite write) {
    return wait(store_.records().write(std::move(write), Deadline()));
  }
  Result<std::optional<Record>> read_record(RecordKey key) {
    return wait(store_.records().read(std::move(key), Deadline()));
  }
  Result<bool> erase_record(RecordKey key, std::optional<std::uint64_t> expected = std::nullopt) {
    return wait(store_.records().erase(std::move(key), expected, Deadline()));
  }
  auto list_records(std::string kind, std::string tenant, std::string after, std::uint32_t limit) {
    return wait(store_.records().list(std::move(kind), std::move(tenant), std::move(after), limit,
                                      Deadline()));
  }
  auto list_all_records(std::string kind, std::uint32_t limit) {
    return wait(store_.records().list_all(std::move(kind), limit, Deadline()));
  }
  Result<std::uint64_t> record_digest(std::string kind) {
    return wait(store_.records().digest(std::move(kind), Deadline()));
  }
  auto stored_collections() { return wait(store_.contents().collections(Deadline())); }
  auto prepared_documents(CollectionKey key, std::vector<std::string> ids) {
    return wait(store_.contents().documents(std::move(key), std::move(ids), Deadline()));
  }
  auto records_after(std::optional<RecordKey> after, std::uint32_t limit) {
    return wait(store_.contents().records(std::move(after), limit, Deadline()));
  }
  Result<Found> search(SearchRequest request, Choose choose) {
    return wait(store_.search(std::move(request), std::move(choose), Deadline()));
  }
  Result<SearchResult> search(SearchRequest request) {
    auto found = search(std::move(request),
                        [](const SearchResult&) { return std::vector<std::uint64_t>(); });
    if (!found) return forward_error(found);
    return std::move(found->result);
  }
  Result<std::vector<Passage>> passages(CollectionKey key, std::vector<std::uint64_t> ids) {
    auto found = search({.collection = std::move(key), .query_text = "whatever"},
                        [ids](const SearchResult&) { return ids; });
    if (!found) return forward_error(found);
    return std::move(found->passages);
  }

 private:
  template <typename T>
  T wait(net::Task<T> task) {
    return net::run_on(loop_, std::move(task));
  }

  Store& store_;
  const boost::asio::any_io_executor loop_;
};

} // namespace raglan::store
