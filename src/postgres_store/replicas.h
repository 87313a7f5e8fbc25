// The read replicas of the store's database (streaming standbys): which of them a read goes to, and
// the watch over each.
//
// What may go wrong with one costs time and never an answer: a read that a replica cannot serve is
// made once more on the primary (replica_read.h). Each has a pool of connections and a breaker of
// its own; one whose breaker is open is not asked.
//
// The watch looks at each once in kWatchInterval, over a connection of its own: whether it answers,
// replicates, is of the primary's database, and how far behind it is. For that the primary is asked
// first for the position of its log. Before the first look none is in rotation, so nobody has to be
// there for a start. Changes are logged, once each.
//
// Thread safety: any thread. It must outlive the loops' last coroutine; `stop` before the loops
// end.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/guarded.h"
#include "policy/read_rotation.h"
#include "policy/replica_lag.h"
#include "postgres/client.h"

namespace raglan::postgres_store {

// Why a read was made once more on the primary.
enum class RepeatReason : std::uint8_t {
  kBehind,      // it lacks what was committed when the read began
  kUnreachable, // no connection, or it was lost
  kNoPlace,     // no connection of the pool came free
  kConflict,    // what it replays took away what was read (SQLSTATE 40001)
  kSlow,        // it took too long, or something there ended the statement
  kForeign,     // it is no replica of this database (any more)
  kRefused,     // all else
};
inline constexpr std::size_t kRepeatReasons = 7;
std::string_view repeat_reason_name(RepeatReason reason); // "behind", …

class Replicas {
 public:
  static constexpr std::chrono::seconds kWatchInterval{1};
  static constexpr std::chrono::seconds kLookTimeout{2};

  struct Given {
    postgres::Target target;
    postgres::Client::Observers observers;
    // Told once, on a loop, how many connections it has for users like this one; may be empty.
    std::function<void(std::size_t max_connections)> on_connections;
  };

  struct Status : policy::ReadRotation::Status {
    std::string server; // "host:port/database"
    std::string error;  // why the last look failed; empty: it did not
    std::uint64_t served = 0;
    std::array<std::uint64_t, kRepeatReasons> repeated{};
  };

  // A read on a replica, until its answer is there, from wherever.
  class Turn {
   public:
    Turn(Turn&& other) noexcept;
    Turn& operator=(Turn&&) = delete;
    ~Turn();

    postgres::Client& client() const;
    // By when to be done: time must be left for the primary.
    Deadline until(Deadline deadline) const;
    void served();
    void repeated(RepeatReason reason);
    // A read found that out.
    void foreign(bool replicates);

   private:
    friend class Replicas;
    Turn(Replicas& replicas, std::size_t replica, MonotonicTime began)
        : replicas_(&replicas), replica_(replica), began_(began) {}

    enum class Outcome : std::uint8_t { kLeft, kAnswered, kFailed };
    Replicas* replicas_; // null when moved from
    std::size_t replica_;
    MonotonicTime began_;
    Outcome outcome_ = Outcome::kLeft;
  };

  Replicas(const postgres::ClientConfig& client, policy::ReadRotationConfig rotation,
           std::vector<Given> given, postgres::Client& primary, const Clock& clock);
  ~Replicas();

  // Begins the watch, with the store's epoch, which all of them must have.
  void watch(const boost::asio::any_io_executor& loop, std::uint64_t epoch);
  // Looks at all of them now, once or until it is known how far behind each is: for who only wants
  // to know.
  net::Task<void> examine(std::uint64_t epoch, Deadline deadline);
  void stop();

  // Nothing: there is none to ask.
  std::optional<Turn> choose();

  std::size_t size() const { return replicas_.size(); }
  const postgres::Client& client(std::size_t replica) const;
  Status status(std::size_t replica) const;

 private:
  struct Replica;
  struct Choice {
    policy::ReadRotation rotation;
    Rng rng;
  };
  using Connection = std::shared_ptr<postgres::Connection>;

  net::Task<Result<>> examine_one(std::size_t replica, std::uint64_t epoch, Deadline deadline);
  net::Task<void> watch_one(std::size_t replica, std::uint64_t epoch);
  // What it came to is noted.
  net::Task<void> look(std::size_t replica, std::uint64_t epoch, Connection& connection);
  net::Task<std::optional<std::int64_t>> ask_primary(Replica& of, Deadline deadline);
  net::Task<Result<policy::ReplicaLook>> ask_replica(Replica& of, std::uint64_t epoch,
                                                     Connection& connection, Deadline deadline);
  net::Task<void> tell_connections(Replica& of, postgres::Connection& connection,
                                   Deadline deadline);
  void note(std::size_t replica, const policy::ReplicaLook& look);

  const Clock& clock_;
  postgres::Client& primary_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  Guarded<Choice> choice_;
  std::atomic<bool> stopped_ = false;
};

// That a server has for users like this one.
postgres::Statement select_max_connections();

} // namespace raglan::postgres_store
