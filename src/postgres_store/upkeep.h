// What is done to collections behind the requests: their segments are merged (segments.h), and
// their vectors get an index (vector_index.h).
//
// Collections are tended one after the other, after they were written to. Indexes, which take
// minutes, are built apart from that, one at a time in the whole database, and by processes that
// stay (`begin`): one that only looks, or writes something, builds none. What is left to build, or
// to drop, of nodes that died is looked for then, and after a large collection was deleted. So
// upkeep takes two connections of the pool at most.
//
// Thread safety: any thread. It must outlive the loops' last coroutine.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <deque>
#include <optional>
#include <set>

#include "base/guarded.h"
#include "net/offload.h"
#include "postgres/client.h"
#include "store/types.h"

namespace raglan::postgres_store {

class Upkeep {
 public:
  // More collections than this that wait to be tended wait for their next write.
  static constexpr std::size_t kMaxWaiting = 10'000;

  // `executor`: where postings are written anew.
  Upkeep(postgres::Client& client, net::Submit executor, const Clock& clock)
      : client_(client), executor_(std::move(executor)), clock_(clock) {}

  void add(const boost::asio::any_io_executor& loop, const store::CollectionKey& collection);
  // This process stays: it looks after indexes from now on.
  void begin(const boost::asio::any_io_executor& loop);
  // Drops the indexes of collections that are gone and builds those that are missing.
  void sweep(const boost::asio::any_io_executor& loop);

 private:
  struct State {
    std::deque<store::CollectionKey> waiting; // to be tended
    std::set<store::CollectionKey> known;     // those
    bool tending = false;
    bool stays = false;
    bool sweeping = false;
    bool sweep_again = false;
  };

  net::Task<void> tend_all();
  std::optional<store::CollectionKey> next();
  // Whether something was done, so that there may be more to do.
  net::Task<Result<bool>> tend(const store::CollectionKey& key);
  net::Task<void> sweep_until_done();
  net::Task<Result<bool>> sweep_once();

  postgres::Client& client_;
  const net::Submit executor_;
  const Clock& clock_;
  Guarded<State> state_;
};

} // namespace raglan::postgres_store
