// A bound on the bytes of all request bodies that a server holds at once, over all its loops.
//
// Each body has a limit of its own (RequestLimits) and so has the number of connections, but their
// product is more memory than a machine has. The budget bounds the sum: what would pass it is
// refused, and whoever fits notices nothing.
//
//   auto reservation = std::make_shared<BodyReservation>(budget);
//   if (!reservation->cover(request.body.size())) ...   // refused: answer kOverloaded
//
// It ends with its last holder: the connection, until the handler has answered (or its stream has
// ended), and the work to which a handler gave the body, which may still wait in a queue when the
// client is long gone.
//
// A body is reserved as its bytes arrive, not by its Content-Length: an announcement costs its
// sender nothing, so a few idle clients that announce much would shut out everyone; so they must
// send, and keep sending (see ServerConfig::busy_min_bytes_per_second), what they want to hold. The
// price is that two bodies may both get half their way in and then be refused; what a length is
// good for is to tell, with `has_room_for`, that a body cannot fit now, before it is sent.
//
// Counted are the bodies as they lie in Request::body. A string that grows may have reserved twice
// of that, and a connection's input buffer is never larger than what it has received.
//
// Thread safety: BodyBudget may be used from any thread. A BodyReservation grows on its
// connection's loop, before anybody else has it, and may end on any thread. A request
// without a body makes none and touches nothing that is shared.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace raglan::http {

class BodyBudget {
 public:
  explicit BodyBudget(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}
  BodyBudget(const BodyBudget&) = delete;
  BodyBudget& operator=(const BodyBudget&) = delete;

  std::uint64_t held_bytes() const { return held_bytes_.load(std::memory_order_relaxed); }
  // Bodies that were refused so far.
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  void count_refusal() { refused_.fetch_add(1, std::memory_order_relaxed); }

  // Whether this much more would fit at this moment. Reserves nothing.
  bool has_room_for(std::uint64_t bytes) const { return fits(held_bytes(), bytes); }
  // More than half is held: who holds much must hurry now.
  bool busy() const { return held_bytes() > max_bytes_ / 2; }

 private:
  friend class BodyReservation;

  bool fits(std::uint64_t held_bytes, std::uint64_t bytes) const {
    return bytes <= max_bytes_ - held_bytes; // held_bytes never passes the maximum
  }
  bool try_add(std::uint64_t bytes) {
    auto held = held_bytes();
    do {
      if (!fits(held, bytes)) return false;
    } while (!held_bytes_.compare_exchange_weak(held, held + bytes, std::memory_order_relaxed));
    return true;
  }
  void subtract(std::uint64_t bytes) { held_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

  const std::uint64_t max_bytes_;
  std::atomic<std::uint64_t> held_bytes_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
};

class BodyReservation {
 public:
  explicit BodyReservation(std::shared_ptr<BodyBudget> budget) : budget_(std::move(budget)) {}
  ~BodyReservation() { give_back(); }
  BodyReservation(const BodyReservation&) = delete;
  BodyReservation& operator=(const BodyReservation&) = delete;

  // Grows to `bytes` in all. False, and unchanged, when the budget has no room for that.
  [[nodiscard]] bool cover(std::uint64_t bytes) {
    if (bytes <= bytes_) return true;
    if (!budget_->try_add(bytes - bytes_)) return false;
    bytes_ = bytes;
    return true;
  }
  // All of it, by its only holder.
  void give_back() {
    if (bytes_ > 0) budget_->subtract(std::exchange(bytes_, 0));
  }

 private:
  const std::shared_ptr<BodyBudget> budget_; // may be all that is left of the server
  std::uint64_t bytes_ = 0;
};

} // namespace raglan::http
