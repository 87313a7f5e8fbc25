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
// Work may be watched while it goes on: a `Progress` belongs to each flight, is given to `start`,
// and is ended, by its member `end()`, before the result arrives, however the work ended. Whoever
// watches takes a seat instead of calling `run`:
//
//   SingleFlight<Whole, LiveText> flights;
//   auto start = [this](std::shared_ptr<LiveText> text) { return write(text); };
//   auto seat = flights.board(loop, key, urgency, start);   // leaves when it is destroyed
//   … seat.progress() …
//   Result<Whole> whole = co_await seat.result(deadline, clock);
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
#include <concepts>
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

struct NoProgress {
  void end() {}
};

template <typename T, typename Progress = NoProgress>
class SingleFlight {
  struct Flight;
  using FlightPtr = std::shared_ptr<Flight>;
  using Flights = std::unordered_map<Hash128, FlightPtr>;

 public:
  // A caller's part in work in flight. Belongs to one coroutine at a time.
  class Seat {
   public:
    Seat(Seat&&) noexcept = default;
    Seat& operator=(Seat&&) = delete;
    ~Seat() {
      if (flight_) flights_->leave(key_, flight_);
    }

    bool joined() const { return joined_; } // another caller's work
    std::shared_ptr<Progress> progress() const { return {flight_, &flight_->progress}; }

    Task<Result<T>> result(Deadline deadline, const Clock& clock) {
      const Duration patience = deadline.remaining(clock.now());
      if (patience == Duration::zero()) co_return too_late();
      auto begin = [&](const Completion<T>& done) {
        flights_->await_landing(*flight_, done);
        return patience;
      };
      co_return co_await await_within<T>(std::move(begin));
    }

   private:
    friend class SingleFlight;
    Seat(SingleFlight& flights, const Hash128& key, FlightPtr flight, bool joined)
        : flights_(&flights), key_(key), flight_(std::move(flight)), joined_(joined) {}

    SingleFlight* flights_;
    Hash128 key_;
    FlightPtr flight_; // null when moved from
    bool joined_;
  };

  // `start(progress)`, or `start()`, returns a Task<Result<T>>; it is kept for as long as the task
  // runs, on `loop`.
  template <typename Start>
  Seat board(const boost::asio::any_io_executor& loop, const Hash128& key, int urgency,
             Start start) {
    bool joined = false;
    FlightPtr flight = join(key, urgency, loop, joined);
    if (!joined) launch(key, flight, std::move(start));
    return Seat(*this, key, std::move(flight), joined);
  }

  // `joined` says whether the result is another caller's work.
  template <typename Start>
  Task<Result<T>> run(Hash128 key, int urgency, Start start, Deadline deadline, const Clock& clock,
                      bool& joined) {
    const auto loop = co_await boost::asio::this_coro::executor;
    while (true) {
      if (deadline.expired(clock.now())) co_return too_late();
      Seat seat = board(loop, key, urgency, start);
      joined = seat.joined();
      auto result = co_await seat.result(deadline, clock);
      if (!is_others_deadline(result, joined, deadline, clock)) co_return result;
    }
  }

  // Whether it is worth boarding again: whoever started the work had less time.
  static bool is_others_deadline(const Result<T>& result, bool joined, Deadline deadline,
                                 const Clock& clock) {
    return !result && result.error().code == ErrorCode::kDeadlineExceeded && joined &&
           !deadline.expired(clock.now());
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
    Progress progress;
    boost::asio::cancellation_signal cancel; // used on `executor`
    // Under the lock of flights_.
    std::vector<Completion<T>> waiters; // those that left among them
    std::size_t seats = 0;
    std::optional<Result<T>> landed;
  };

  FlightPtr join(const Hash128& key, int urgency, const boost::asio::any_io_executor& executor,
                 bool& joined) {
    return flights_.with([&](Flights& flights) {
      FlightPtr& flight = flights[key];
      joined = flight && flight->urgency >= urgency;
      if (!joined) flight = std::make_shared<Flight>(executor, urgency);
      joined_total_ += joined ? 1 : 0;
      ++flight->seats;
      return flight;
    });
  }

  void await_landing(Flight& flight, const Completion<T>& done) {
    flights_.with([&](Flights&) {
      if (flight.landed) {
        done.deliver(*flight.landed);
      } else {
        flight.waiters.push_back(done);
      }
    });
  }

  // The last one to leave cancels the work, if it has not ended.
  void leave(const Hash128& key, const FlightPtr& flight) {
    const bool abandoned = flights_.with([&](Flights& flights) {
      if (--flight->seats > 0 || flight->landed) return false;
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
      flight->progress.end();
      auto waiters = flights_.with([&](Flights& flights) {
        forget(flights, key, flight);
        flight->landed = result;
        return std::exchange(flight->waiters, {});
      });
      for (const Completion<T>& waiter : waiters) waiter.deliver(*result);
    };
    boost::asio::co_spawn(
        flight->executor,
        fly(std::move(start), std::shared_ptr<Progress>(flight, &flight->progress)),
        boost::asio::bind_cancellation_slot(flight->cancel.slot(), std::move(land)));
  }

  template <typename Start>
  static Task<std::optional<Result<T>>> fly(Start start, std::shared_ptr<Progress> progress) {
    if constexpr (std::invocable<Start&>) {
      co_return co_await start();
    } else {
      co_return co_await start(std::move(progress));
    }
  }

  Guarded<Flights> flights_;
  std::atomic<std::uint64_t> joined_total_ = 0;
};

} // namespace raglan::net
