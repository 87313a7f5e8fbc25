// Coalescing: callers that ask for the same key at the same time share one piece of work.
//
//   SingleFlight<std::shared_ptr<const Answer>> answers;
//   // A Task<Result<…>>; it owns its request.
//   auto start = [this, request] { return compute(request); };
//   bool joined = false;
//   auto answer = co_await answers.run(key, urgency, start, deadline, clock, joined);
//
// The first caller starts the work, as a coroutine of its own on the caller's loop; whoever comes
// before it has ended joins. All get a copy of its result, or of its error. The work belongs to
// none of them: a caller that is cancelled, or whose deadline passes, leaves alone, and the work
// goes on for the others; when the last one has left it is cancelled (asio's terminal cancellation)
// and its key is free at once. A key never outlives its work, however that ends.
//
// Work has the urgency of whoever started it, and a caller joins only work that is at least as
// urgent as itself: a user must not wait behind what is done in the background. Otherwise it starts
// work of its own, which whoever comes later joins; the less urgent work goes on for its callers.
//
// Work that ended with kDeadlineExceeded, because whoever started it had less time, is started
// again by joined callers that have time left.
//
// Errors of its own: kClientClosed (the caller was cancelled), kDeadlineExceeded (its deadline),
// kInternal (the work threw), kUnavailable (the loop of the work was stopped).
//
// Thread safety: `run` may be called from any event loop, concurrently. The object and the clock
// must outlive the loops' last coroutine.
#pragma once

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/guarded.h"
#include "base/hash.h"
#include "net/completion.h"

namespace raglan::net {

template <typename T>
class SingleFlight {
 public:
  // `start()` returns a Task<Result<T>>; it is kept for as long as the task runs. `joined` says
  // whether the result is another caller's work.
  template <typename Start>
  Task<Result<T>> run(Hash128 key, int urgency, Start start, Deadline deadline, const Clock& clock,
                      bool& joined) {
    while (true) {
      auto result = co_await wait(key, urgency, start, deadline, clock, joined);
      const bool others_deadline =
          !result && result.error().code == ErrorCode::kDeadlineExceeded && joined;
      if (!others_deadline || deadline.expired(clock.now())) co_return result;
    }
  }

  // Callers so far that joined another's work.
  std::uint64_t joined_total() const { return joined_total_; }

  std::size_t in_flight() const {
    return flights_.with([](const Flights& flights) { return flights.size(); });
  }

 private:
  struct Flight {
    Flight(boost::asio::any_io_executor loop, int how_urgent)
        : executor(std::move(loop)), urgency(how_urgent) {}
    const boost::asio::any_io_executor executor;
    const int urgency;
    boost::asio::cancellation_signal cancel; // used on `executor`
    // Under the lock of flights_.
    std::vector<Completion<T>> waiters; // those that left among them
    std::size_t waiting = 0;
    bool landed = false;
  };
  using FlightPtr = std::shared_ptr<Flight>;
  using Flights = std::unordered_map<Hash128, FlightPtr>;

  template <typename Start>
  Task<Result<T>> wait(Hash128 key, int urgency, const Start& start, Deadline deadline,
                       const Clock& clock, bool& joined) {
    const auto executor = co_await boost::asio::this_coro::executor;
    const Duration patience = deadline.remaining(clock.now());
    if (patience == Duration::zero()) co_return too_late();
    FlightPtr flight;
    auto begin = [&](const Completion<T>& done) {
      flight = join(key, urgency, executor, done, joined);
      if (!joined) launch(key, flight, start);
      return patience;
    };
    auto result = co_await await_within<T>(std::move(begin));
    leave(key, flight);
    co_return result;
  }

  FlightPtr join(const Hash128& key, int urgency, const boost::asio::any_io_executor& executor,
                 const Completion<T>& done, bool& joined) {
    return flights_.with([&](Flights& flights) {
      FlightPtr& flight = flights[key];
      joined = flight && flight->urgency >= urgency;
      if (!joined) flight = std::make_shared<Flight>(executor, urgency);
      joined_total_ += joined ? 1 : 0;
      flight->waiters.push_back(done);
      ++flight->waiting;
      return flight;
    });
  }

  // The last one to leave cancels the work, if it has not ended.
  void leave(const Hash128& key, const FlightPtr& flight) {
    const bool abandoned = flights_.with([&](Flights& flights) {
      if (--flight->waiting > 0 || flight->landed) return false;
      forget(flights, key, flight);
      return true;
    });
    if (!abandoned) return;
    boost::asio::post(flight->executor,
                      [flight] { flight->cancel.emit(boost::asio::cancellation_type::terminal); });
  }

  // More urgent work may have taken the key over.
  static void forget(Flights& flights, const Hash128& key, const FlightPtr& flight) {
    const auto found = flights.find(key);
    if (found != flights.end() && found->second == flight) flights.erase(found);
  }

  template <typename Start>
  void launch(const Hash128& key, const FlightPtr& flight, Start start) {
    auto land = [this, key, flight](const std::exception_ptr& thrown,
                                    std::optional<Result<T>> result) {
      if (thrown || !result) result = fail(ErrorCode::kInternal, "internal error");
      auto waiters = flights_.with([&](Flights& flights) {
        forget(flights, key, flight);
        flight->landed = true;
        return std::exchange(flight->waiters, {});
      });
      for (const Completion<T>& waiter : waiters) waiter.deliver(*result);
    };
    boost::asio::co_spawn(
        flight->executor, fly(std::move(start)),
        boost::asio::bind_cancellation_slot(flight->cancel.slot(), std::move(land)));
  }

  template <typename Start>
  static Task<std::optional<Result<T>>> fly(Start start) {
    co_return co_await start();
  }

  Guarded<Flights> flights_;
  std::atomic<std::uint64_t> joined_total_ = 0;
};

} // namespace raglan::net
