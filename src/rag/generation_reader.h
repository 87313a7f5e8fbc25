// Reads a collection's generation on the way to the query cache, where a hit must cost little.
//
// A probe (store/generation_probe.h) answers in microseconds without waiting, so it is asked on the
// event loop itself. Probes are kept here and lent for the length of one call: as many exist as
// event loops ask at the same time. One is opened, which may block, on the executor; so is the read
// itself when there is no probe, or when it cannot tell without waiting.
//
// Thread safety: any event loop, concurrently. Must outlive the executor's work.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "net/offload.h"
#include "net/task.h"
#include "store/generation_probe.h"
#include "store/store.h"

namespace raglan::rag {

class GenerationReader {
 public:
  // More calls than this at the same time read on the executor.
  static constexpr std::size_t kMaxProbes = 64;

  explicit GenerationReader(store::Store& store) : store_(store) {}

  // Without waiting, by a probe. Nothing: it cannot be told so, ask `read`.
  std::optional<Result<store::Generation>> try_read(const store::CollectionKey& key);

  // Errors: those of Store::generation, kOverloaded and kDeadlineExceeded.
  net::Task<Result<store::Generation>> read(store::CollectionKey key, const net::Submit& executor,
                                            Deadline deadline, const Clock& clock);

 private:
  using Probe = std::unique_ptr<store::GenerationProbe>;

  Result<store::Generation> read_blocking(const store::CollectionKey& key);
  void keep(Probe probe);

  store::Store& store_;
  Guarded<std::vector<Probe>> idle_;
};

} // namespace raglan::rag
