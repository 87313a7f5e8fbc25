// How many requests a server has under way, and the header that tells it to whoever spreads
// requests over several servers: what other balancers have given to this one is in no count of
// their own.
//
// A request counts from its handler's beginning until its answer is there: made, or streamed to the
// last byte. The server tells with each answer how many others there were when its head was
// written:
//
//   Load load;
//   Handler counted = [&load, next](Request& request) {
//     request.load_share = load.enter();   // the server writes the header, and ends the share
//     return next(request);
//   };
//
// The server and not a wrapper of the handler adds the header: that would be a coroutine more for
// each request, and would know nothing of a stream's end.
//
// Thread safety: all members from any thread. A Load outlives its shares.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>

namespace raglan::http {

// The number of requests that a node has under way, besides the one that this answers.
inline constexpr std::string_view kLoadHeader = "x-raglan-load";

// In a cache line of its own: all loops write it.
class alignas(64) Load {
 public:
  struct Leave {
    void operator()(Load* load) const { load->requests_.fetch_sub(1, std::memory_order_relaxed); }
  };
  // One request's part. Whoever holds it counts; null: not counted.
  using Share = std::unique_ptr<Load, Leave>;

  Share enter() {
    requests_.fetch_add(1, std::memory_order_relaxed);
    return Share(this);
  }
  std::size_t requests() const { return requests_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> requests_ = 0;
};

} // namespace raglan::http
