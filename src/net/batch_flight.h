// Coalescing of work on many keys at once: what another caller already works on is waited for, and
// only the rest is begun, as one piece of work.
//
//   BatchFlight<VectorPtr> flights;
//   // A Task<Result<std::vector<VectorPtr>>>: a value for each position, in their order.
//   auto start = [this, texts](std::vector<std::size_t> positions) { return embed(…); };
//   std::size_t joined = 0;
//   auto vectors = co_await flights.run(keys, urgency, start, deadline, clock, joined);
//
// It is net/single_flight.h for batches, and makes the same promises: the work is a coroutine of
// its own on the loop of whoever began it and belongs to none of its callers; a caller that is
// cancelled or whose deadline passes leaves alone; when the last one has left, the work is
// cancelled and its keys are free at once; keys never outlive their work, however that ends.
//
// A batch lands as a whole: whoever waits for one of its keys waits for all of them, and shares its
// error. Errors that need not concern a caller that joined make it begin its part again: that
// whoever began the batch had less time; and, where the batch had other keys as well, what these
// may have caused: that it was too large, that there was no room for it, that one was refused.
//
// Work has an urgency, and a caller joins only work that is at least as urgent as its own: a
// question must not wait in the queue of an ingest for the sake of one text that both have.
//
// Thread safety: `run` may be called from any event loop, concurrently. The object and the clock
// must outlive the loops' last coroutine.
#pragma once

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <memory>
#include <numeric>
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
class BatchFlight {
 public:
  using Values = std::vector<T>;

  // One value per key, in their order. The keys must be distinct. `start(positions)` returns a
  // Task<Result<Values>>; it is kept for as long as the task runs. `joined` is increased by the
  // number of keys that another caller worked on.
  template <typename Start>
  Task<Result<Values>> run(std::vector<Hash128> keys, int urgency, Start start, Deadline deadline,
                           const Clock& clock, std::size_t& joined) {
    Values values(keys.size());
    std::vector<std::size_t> missing(keys.size());
    std::iota(missing.begin(), missing.end(), std::size_t{0});
    while (!missing.empty()) {
      if (deadline.expired(clock.now())) co_return too_late();
      const auto executor = co_await boost::asio::this_coro::executor;
      Seats seats(*this, board(keys, std::exchange(missing, {}), urgency, executor));
      launch(seats.taken, start);
      for (const Seat& seat : seats.taken) {
        auto waited = co_await await_landing(seat.flight, deadline, clock);
        if (!waited) co_return forward_error(waited);
        const Result<Values>& landed = **waited;
        if (!landed && !seat.own && may_be_others_fault(landed.error(), seat)) {
          missing.insert(missing.end(), seat.positions.begin(), seat.positions.end());
          continue;
        }
        if (!landed) co_return std::unexpected(landed.error());
        if (!seat.own) joined += seat.positions.size();
        for (std::size_t i = 0; i < seat.positions.size(); ++i) {
          values[seat.positions[i]] = (*landed)[seat.rows[i]];
        }
      }
    }
    co_return values;
  }

  // Keys that are being worked on.
  std::size_t in_flight() const {
    return flights_.with([](const Flights& flights) { return flights.size(); });
  }

 private:
  using Landed = std::shared_ptr<const Result<Values>>;
  struct Flight {
    Flight(boost::asio::any_io_executor loop, int how_urgent)
        : executor(std::move(loop)), urgency(how_urgent) {}
    const boost::asio::any_io_executor executor;
    const int urgency;
    boost::asio::cancellation_signal cancel; // used on `executor`
    std::vector<Hash128> keys;               // complete before anybody else sees the flight
    // Under the lock of flights_.
    std::vector<Completion<Landed>> waiters; // those that left among them
    std::size_t waiting = 0;
    Landed landed; // null while the work goes on
  };
  using FlightPtr = std::shared_ptr<Flight>;
  struct Place {
    FlightPtr flight;
    std::size_t row = 0; // of the flight's values
  };
  using Flights = std::unordered_map<Hash128, Place>;

  // A caller's part in one flight: its keys at `positions` are the flight's `rows`.
  struct Seat {
    FlightPtr flight;
    bool own = false; // the caller is to launch it
    std::vector<std::size_t> positions;
    std::vector<std::size_t> rows;
  };
  // Left when they go out of scope.
  struct Seats {
    Seats(BatchFlight& batch_flight, std::vector<Seat> seats)
        : flights(batch_flight), taken(std::move(seats)) {}
    ~Seats() {
      for (const Seat& seat : taken) flights.leave(seat.flight);
    }
    Seats(const Seats&) = delete;
    Seats& operator=(const Seats&) = delete;
    BatchFlight& flights;
    const std::vector<Seat> taken;
  };

  // Whether a caller that joined may fare better by itself.
  static bool may_be_others_fault(const Error& error, const Seat& seat) {
    const bool has_others = seat.positions.size() < seat.flight->keys.size();
    switch (error.code) {
      case ErrorCode::kDeadlineExceeded: return true;
      case ErrorCode::kTooLarge:
      case ErrorCode::kOverloaded:
      case ErrorCode::kInvalidField: return has_others;
      default: return false;
    }
  }

  static Seat& seat_in(const FlightPtr& flight, std::vector<Seat>& seats) {
    for (Seat& seat : seats) {
      if (seat.flight == flight) return seat;
    }
    ++flight->waiting;
    return seats.emplace_back(Seat{.flight = flight});
  }

  std::vector<Seat> board(const std::vector<Hash128>& keys, const std::vector<std::size_t>& wanted,
                          int urgency, const boost::asio::any_io_executor& executor) {
    const auto own = std::make_shared<Flight>(executor, urgency);
    return flights_.with([&](Flights& flights) {
      std::vector<Seat> seats;
      for (const std::size_t position : wanted) {
        Place& place = flights[keys[position]];
        const bool joins = place.flight && place.flight->urgency >= urgency;
        if (!joins) {
          place = {own, own->keys.size()};
          own->keys.push_back(keys[position]);
        }
        Seat& seat = seat_in(place.flight, seats);
        seat.own = !joins;
        seat.positions.push_back(position);
        seat.rows.push_back(place.row);
      }
      return seats;
    });
  }

  // The last one to leave cancels the work, if it has not ended.
  void leave(const FlightPtr& flight) {
    const bool abandoned = flights_.with([&](Flights& flights) {
      if (--flight->waiting > 0 || flight->landed) return false;
      forget(flights, flight);
      return true;
    });
    if (!abandoned) return;
    boost::asio::post(flight->executor,
                      [flight] { flight->cancel.emit(boost::asio::cancellation_type::terminal); });
  }

  // More urgent work may have taken a key over.
  static void forget(Flights& flights, const FlightPtr& flight) {
    for (const Hash128& key : flight->keys) {
      const auto found = flights.find(key);
      if (found != flights.end() && found->second.flight == flight) flights.erase(found);
    }
  }

  // An error is the waiter's own: cancelled, or late.
  Task<Result<Landed>> await_landing(FlightPtr flight, Deadline deadline, const Clock& clock) {
    const Duration patience = deadline.remaining(clock.now());
    if (patience == Duration::zero()) co_return too_late();
    auto begin = [&](const Completion<Landed>& done) {
      const Landed landed = flights_.with([&](Flights&) {
        if (!flight->landed) flight->waiters.push_back(done);
        return flight->landed;
      });
      if (landed) done.deliver(landed);
      return patience;
    };
    co_return co_await await_within<Landed>(std::move(begin));
  }

  template <typename Start>
  void launch(const std::vector<Seat>& seats, const Start& start) {
    for (const Seat& seat : seats) {
      if (!seat.own) continue;
      auto land = [this, flight = seat.flight](const std::exception_ptr& thrown,
                                               std::optional<Result<Values>> result) {
        settle(flight, thrown || !result ? fail(ErrorCode::kInternal, "internal error")
                                         : std::move(*result));
      };
      const auto slot = seat.flight->cancel.slot();
      boost::asio::co_spawn(seat.flight->executor, fly(start, seat.positions),
                            boost::asio::bind_cancellation_slot(slot, std::move(land)));
    }
  }

  void settle(const FlightPtr& flight, Result<Values> result) {
    if (result && result->size() != flight->keys.size()) {
      result = fail(ErrorCode::kInternal, "internal error");
    }
    const auto landed = std::make_shared<const Result<Values>>(std::move(result));
    const auto waiters = flights_.with([&](Flights& flights) {
      if (flight->waiting > 0) forget(flights, flight); // else the last to leave did, long ago
      flight->landed = landed;
      return std::exchange(flight->waiters, {});
    });
    for (const auto& waiter : waiters) waiter.deliver(landed);
  }

  template <typename Start>
  static Task<std::optional<Result<Values>>> fly(Start start, std::vector<std::size_t> positions) {
    co_return co_await start(std::move(positions));
  }

  Guarded<Flights> flights_;
};

} // namespace raglan::net
