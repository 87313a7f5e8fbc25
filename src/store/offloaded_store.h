// The embedded store behind the seam: its calls block, so they run on executors.
//
// Reads of questions go to `search`; those of documents, and writes, to `storage`, where a write
// holds its thread until its commit.
//
// A generation is told by a probe (embedded_probe.h) in microseconds, on the event loop itself.
// Probes are kept here and lent for the length of one call: as many exist as event loops ask at the
// same time. One is opened, which may block, on the executor; so is the read itself when there is
// no probe, or when it cannot tell without waiting.
//
// Thread safety: as store.h. The embedded store and this one must outlive the executors' work.
#pragma once

#include <memory>
#include <vector>

#include "base/guarded.h"
#include "net/offload.h"
#include "store/embedded_probe.h"
#include "store/embedded_store.h"
#include "store/offloaded_contents.h"
#include "store/offloaded_records.h"
#include "store/store.h"

namespace raglan::store {

class OffloadedStore final : public Store {
 public:
  // More calls than this at the same time read on the executor.
  static constexpr std::size_t kMaxProbes = 64;

  struct Parts {
    EmbeddedStore& store;
    net::Submit search;
    net::Submit storage;
    const Clock& clock;
  };
  explicit OffloadedStore(Parts parts);

  net::Task<Result<>> create_collection(CollectionKey key, Deadline deadline) override;
  net::Task<Result<std::vector<CollectionStats>>> list_collections(std::string tenant,
                                                                   Deadline deadline) override;
  net::Task<Result<CollectionStats>> collection(CollectionKey key, Deadline deadline) override;
  net::Task<Result<>> delete_collection(CollectionKey key, Deadline deadline) override;
  net::Task<Result<std::vector<Result<WriteState>>>> put_many(
      CollectionKey key, std::vector<PreparedDocument> documents, std::optional<RecordGuard> guard,
      Deadline deadline) override;
  net::Task<Result<>> remove(CollectionKey key, std::string document_id,
                             Deadline deadline) override;
  net::Task<Result<Document>> get(CollectionKey key, std::string document_id,
                                  Deadline deadline) override;
  net::Task<Result<DocumentPage>> list(CollectionKey key, std::string after_id, std::uint32_t limit,
                                       Deadline deadline) override;
  net::Task<Result<std::vector<std::optional<StoredVersion>>>> stored_versions(
      CollectionKey key, std::vector<std::string> document_ids, Deadline deadline) override;
  net::Task<Result<Found>> search(SearchRequest request, Choose choose, Deadline deadline) override;
  net::Task<Result<Generation>> generation(CollectionKey key, Deadline deadline) override;
  std::optional<Result<Generation>> try_generation(const CollectionKey& key) override;
  Records& records() override { return records_; }
  Contents& contents() override { return contents_; }
  Result<> check() override;

 private:
  using Probe = std::unique_ptr<EmbeddedProbe>;

  template <typename Work>
  net::Task<std::invoke_result_t<Work&>> on(const net::Submit& executor, Work work,
                                            Deadline deadline) {
    return net::offload(executor, std::move(work), deadline, parts_.clock);
  }
  // Blocking: these run on the executors.
  Result<Found> search_and_read(const SearchRequest& request, const Choose& choose);
  Result<Generation> read_generation(const CollectionKey& key);
  void keep(Probe probe);

  const Parts parts_;
  OffloadedRecords records_;
  OffloadedContents contents_;
  const Probe readiness_; // of `check`; may be null
  Guarded<std::vector<Probe>> idle_;
};

} // namespace raglan::store
