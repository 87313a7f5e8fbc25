// Removes entries from one of the caches: from this process, from Redis where there
// is one, and by a message there from the other nodes.
//
// Thread safety: any event loop, concurrently.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>

#include "base/guarded.h"
#include "net/offload.h"
#include "rag/pipeline.h"
#include "store/types.h"

namespace raglan::node {

struct CachePurgeParts {
  rag::Pipeline& pipeline;
  net::Submit storage; // where this process' entries are looked through
  const Clock& clock;
};

// How many entries went, one that was in both places counted twice. Errors: of Redis, and of the
// executor; this process' entries are gone even if Redis cannot be reached.
net::Task<Result<std::size_t>> purge_cache(CachePurgeParts parts, cache::PurgeMessage purge,
                                           Deadline deadline);

// Removes what is kept of collections that were deleted, behind the requests, one after the other:
// a purge walks over all of Redis' keys. Nobody would find it, but it is their passages. What
// fails, or is too much, is logged: in Redis such entries then stay for their TTL.
class DeletedPurges : public std::enable_shared_from_this<DeletedPurges> {
 public:
  static constexpr std::size_t kMaxWaiting = 1'000;

  explicit DeletedPurges(CachePurgeParts parts) : parts_(std::move(parts)) {}

  // From that event loop.
  void add(const boost::asio::any_io_executor& loop, store::CollectionKey collection);

 private:
  struct State {
    std::deque<store::CollectionKey> waiting;
    bool working = false;
  };
  static net::Task<void> work(std::shared_ptr<DeletedPurges> self);
  std::optional<store::CollectionKey> next();

  const CachePurgeParts parts_;
  Guarded<State> state_;
};

} // namespace raglan::node
