// The embedded store: SQLite for documents, chunks, vectors and the change log; in-memory indexes
// (collection_index.h) for search. Nothing to install, one file, several processes.
//
//   auto store = EmbeddedStore::open("data/raglan.db", {embedder_id, dimension}, {}, clock);
//   (*store)->put({}, prepared);          // returns when it is durable
//   (*store)->search(request);            // finds it, here and in every process on the file
//
// Writing: one writer thread takes whatever waits in its bounded queue and commits it together
// (writer.h). Reading: a bounded pool of connections, each used by one thread at a time.
// Searching: the search reads the collection's committed seq, which costs a look at shared memory
// when nothing changed, brings the index up to it from the change log (live_index.h), and only then
// searches. An upkeep thread does the same in the background, so that a search rarely finds much to
// catch up with; it also loads the indexes of collections that this process writes to. Another one,
// of low priority, does what takes long: merging, building graphs, saving snapshots, next to the
// database in `<path>.snapshots/`.
//
// Its calls block: on the disk, on a search, on the wait for a commit. Event loops reach it through
// offloaded_store.h.
//
// Errors that any call may return, besides those of store.h: kUnavailable (the database stayed
// locked), kOverloaded (a bounded queue is full), kDiskFull, kCorrupt, kDraining (it is closing).
//
// Thread safety: all members from any thread, concurrently. A store must not be used across fork().
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/contents.h"
#include "store/embedding_space.h"
#include "store/records.h"
#include "store/statement_counts.h"
#include "store/store_config.h"
#include "store/types.h"

namespace raglan::store {

struct LoadProgress {
  std::uint64_t chunks_loaded = 0;
  std::uint64_t chunks_total = 0;
};

class EmbeddedProbe;

class EmbeddedStore {
 public:
  // Opens or creates the database. Errors: kCorrupt (not a database, damaged, or not Raglan's),
  // kConflict (written by a newer Raglan), kUnavailable (cannot be opened), kDiskFull.
  static Result<std::unique_ptr<EmbeddedStore>> open(const std::filesystem::path& path,
                                                     EmbeddingSpace space, StoreConfig config,
                                                     const Clock& clock);
  // Reads every page of the file and changes nothing in it: kCorrupt when one is damaged. Takes
  // long for a large file, but keeps nobody from reading, writing or opening; the log grows
  // meanwhile.
  static Result<> check_file(const std::filesystem::path& path, const StoreConfig& config);
  ~EmbeddedStore(); // as close()

  // Loads the index of every collection, so that no search has to. Indexes that are not loaded here
  // are loaded by the first search.
  Result<> load_indexes(const std::function<void(LoadProgress)>& progress = {});
  // Saves a snapshot of every loaded index that changed since its last.
  Result<> save_snapshots();
  // Refuses new writes, commits those that wait, stops the threads, saves snapshots.
  void close();

  // Chunks in the loaded indexes, and how many of them are found by a graph: the others are
  // compared one by one.
  struct IndexSize {
    std::uint64_t chunks = 0;
    std::uint64_t graph_chunks = 0;
  };
  IndexSize index_size() const;

  // Since the store was opened.
  const StatementCounts& statements() const;
  // Writes that wait for their commit: raglan_queue_depth{executor="store"}.
  std::size_t write_queue_depth() const;

  // Store's calls (store.h), waited for. Nothing is begun by a deadline: who calls, waits.
  Result<> create_collection(const CollectionKey& key);
  Result<std::vector<CollectionStats>> list_collections(std::string_view tenant);
  Result<CollectionStats> collection(const CollectionKey& key);
  Result<> delete_collection(const CollectionKey& key);
  Result<WriteState> put(const CollectionKey& key, const PreparedDocument& document);
  std::vector<Result<WriteState>> put_many(const CollectionKey& key,
                                           std::span<const PreparedDocument> documents,
                                           const std::optional<RecordGuard>& guard = std::nullopt);
  Result<> remove(const CollectionKey& key, std::string_view document_id);
  Result<Document> get(const CollectionKey& key, std::string_view document_id);
  Result<DocumentPage> list(const CollectionKey& key, std::string_view after_id,
                            std::uint32_t limit);
  Result<std::vector<std::optional<StoredVersion>>> stored_versions(
      const CollectionKey& key, std::span<const std::string> document_ids);
  Result<SearchResult> search(const SearchRequest& request);
  // The passages of these chunks, in the ids' order; those that are gone are left out. One
  // statement.
  Result<std::vector<Passage>> passages(const CollectionKey& key,
                                        std::span<const std::uint64_t> chunk_ids);
  Result<Generation> generation(const CollectionKey& key);
  // Those of Contents, waited for.
  Result<std::vector<StoredCollection>> stored_collections();
  Result<std::vector<PreparedDocument>> prepared_documents(
      const CollectionKey& key, std::span<const std::string> document_ids);
  Result<std::vector<Record>> list_records_after(const std::optional<RecordKey>& after,
                                                 std::uint32_t limit);
  // Those of Records, waited for.
  Result<std::uint64_t> write_record(const RecordWrite& write);
  Result<std::optional<Record>> read_record(const RecordKey& key);
  Result<bool> erase_record(const RecordKey& key, std::optional<std::uint64_t> expected);
  Result<std::vector<Record>> list_records(const std::string& kind, const std::string& tenant,
                                           const std::string& after_id, std::uint32_t limit);
  Result<std::vector<Record>> list_all_records(std::string_view kind, std::uint32_t limit);
  Result<std::uint64_t> record_digest(std::string_view kind);
  // For callers that must not block, one for each thread.
  Result<std::unique_ptr<EmbeddedProbe>> generation_probe();

 private:
  struct Parts;
  explicit EmbeddedStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

} // namespace raglan::store
