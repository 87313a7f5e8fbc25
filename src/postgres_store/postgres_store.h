// The store in PostgreSQL with pgvector, which any number of nodes share. Nodes keep nothing of it
// but postings, which never change under the name that they are kept by (postings_cache.h).
//
//   auto store = co_await PostgresStore::open(space, config, target, parts, observers, deadline);
//
// Each call is one session of a shared pool (postgres/client.h), on the caller's loop. A write is
// durable when it is acknowledged, and found by the next search of any node.
//
// A collection's generation is read with the data, and from the database before each look into a
// cache, unless `max_staleness` allows for an older one; this node's own writes are seen at once,
// and those of other nodes as soon as it is told of them.
//
// With read replicas, searches, documents and pages of them are read there, when they are as new as
// the call demands (replica_read.h); everything else is the primary's. What a write is decided by
// (stored_versions) is read where it is written, and a collection's row is no more than what a
// replica would have to ask the primary for.
//
// After a write the collection is tended, if it needs that, behind the requests: its segments are
// merged (segments.h) and its vectors get an index (vector_index.h), by one node at a time.
//
// Thread safety: as store.h.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/guarded.h"
#include "net/offload.h"
#include "postgres_store/config.h"
#include "postgres_store/document_writes.h"
#include "postgres_store/postgres_contents.h"
#include "postgres_store/postgres_records.h"
#include "postgres_store/postings_cache.h"
#include "postgres_store/replica_read.h"
#include "postgres_store/upkeep.h"
#include "store/store.h"

namespace raglan::postgres_store {

class PostgresStore final : public store::Store {
 public:
  struct Parts {
    net::Submit search;             // scoring
    net::Submit storage;            // checking documents and counting their terms
    std::size_t max_metadata_bytes; // of a document
    // A loop for what nobody waits for, and for `check`.
    boost::asio::any_io_executor loop;
    std::vector<Replicas::Given> replicas = {};
    // Told of each collection that this node may just have written to; must not block; may be
    // empty.
    std::function<void(const store::CollectionKey&)> on_write = {};
  };

  // Sets up the tables where there are none. Errors: those of schema.h.
  static net::Task<Result<std::unique_ptr<PostgresStore>>> open(
      store::EmbeddingSpace space, const Config& config, postgres::Target target, Parts parts,
      postgres::Client::Observers observers, Deadline deadline);
  // Work behind the requests ends with the loops, before this.
  ~PostgresStore() override;

  // Of a process that stays: it looks after the indexes of vectors from now on (upkeep.h), and
  // watches the replicas, of which none is asked before.
  void begin_upkeep();
  // Another node has written: what is known of the collection's generation, or of all of them, is
  // out of date.
  void forget_generation(const store::CollectionKey& key);
  void forget_generations();
  // Ends who waits for a connection, and closes those that are idle.
  void stop();

  const postgres::Client& client() const { return client_; }
  const Replicas& replicas() const { return *replicas_; }
  const PostingsCache& postings() const { return *postings_; }
  // Looks at them once, without asking them from then on.
  net::Task<void> examine_replicas(Deadline deadline) {
    return replicas_->examine(epoch_, deadline);
  }
  // That the server has for users like this one.
  net::Task<Result<std::size_t>> max_connections(Deadline deadline);

  net::Task<Result<>> create_collection(store::CollectionKey key, Deadline deadline) override;
  net::Task<Result<std::vector<store::CollectionStats>>> list_collections(
      std::string tenant, Deadline deadline) override;
  net::Task<Result<store::CollectionStats>> collection(store::CollectionKey key,
                                                       Deadline deadline) override;
  net::Task<Result<>> delete_collection(store::CollectionKey key, Deadline deadline) override;
  net::Task<Result<std::vector<Result<store::WriteState>>>> put_many(
      store::CollectionKey key, std::vector<store::PreparedDocument> documents,
      std::optional<store::RecordGuard> guard, Deadline deadline) override;
  net::Task<Result<>> remove(store::CollectionKey key, std::string document_id,
                             Deadline deadline) override;
  net::Task<Result<store::Document>> get(store::CollectionKey key, std::string document_id,
                                         Deadline deadline) override;
  net::Task<Result<store::DocumentPage>> list(store::CollectionKey key, std::string after_id,
                                              std::uint32_t limit, Deadline deadline) override;
  net::Task<Result<std::vector<std::optional<store::StoredVersion>>>> stored_versions(
      store::CollectionKey key, std::vector<std::string> document_ids, Deadline deadline) override;
  net::Task<Result<store::Found>> search(store::SearchRequest request, store::Choose choose,
                                         Deadline deadline) override;
  net::Task<Result<store::Generation>> generation(store::CollectionKey key,
                                                  Deadline deadline) override;
  std::optional<Result<store::Generation>> try_generation(const store::CollectionKey& key) override;
  store::Records& records() override { return records_; }
  store::Contents& contents() override { return contents_; }
  Result<> check() override;

 private:
  PostgresStore(store::EmbeddingSpace space, const Config& config, postgres::Target target,
                Parts parts, postgres::Client::Observers observers);

  store::CollectionStats stats_of(store::CollectionStats stats) const;
  net::Task<Result<store::CollectionStats>> read_stats(store::CollectionKey key, Deadline deadline);
  // Those that can be written, in groups.
  net::Task<void> write_group(const store::CollectionKey& key,
                              std::vector<const CheckedDocument*> group,
                              std::vector<Result<store::WriteState>*> states,
                              const std::optional<store::RecordGuard>& guard, Deadline deadline);
  void note_write(const store::CollectionKey& key);
  // What the call may be answered by that is not asked for now; nothing: it must be.
  std::optional<store::Generation> known_generation(const store::CollectionKey& key);
  // On a replica, of the data that was committed when the call began. Nothing: on the primary.
  template <typename T>
  ReplicaRead<T> replica_read(const store::CollectionKey& key, Deadline deadline);
  net::Task<Result<>> ping(Deadline deadline);

  struct KnownGenerations {
    struct Known {
      store::Generation generation;
      MonotonicTime read_at{};
    };
    std::map<store::CollectionKey, Known> of;
    std::uint64_t writes = 0; // of this node so far: what was read before the last is not kept
  };

  const store::EmbeddingSpace space_;
  const Config config_;
  const Parts parts_;
  const Clock& clock_;
  postgres::Client client_;
  PostgresRecords records_{client_, clock_};
  PostgresContents contents_{client_, clock_};
  std::uint64_t epoch_ = 0;
  Guarded<KnownGenerations> generations_;
  const std::shared_ptr<PostingsCache> postings_;
  std::shared_ptr<postgres::Connection> probe_; // of `check`: it waits behind no work
  const std::unique_ptr<Upkeep> upkeep_;
  const std::unique_ptr<Replicas> replicas_;
};

} // namespace raglan::postgres_store
