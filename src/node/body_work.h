// Parsing and writing JSON: small bodies on the event loop itself, large ones on an executor. A
// single answer (at most 100 passages) is written on the loop: some hundred microseconds at worst.
//
// Handing a small body to another thread costs more than parsing it; a large one would keep every
// other connection of the loop waiting.
//
// The work owns what it reads: the request may be cancelled while it runs.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "net/offload.h"

namespace raglan::node {

inline constexpr std::size_t kMaxInlineBodyBytes = 64 << 10; // a fraction of a millisecond of JSON

// Whether so much is for the event loop itself.
constexpr bool is_small_body(std::size_t body_bytes) { return body_bytes <= kMaxInlineBodyBytes; }

// `work()` returns a Result; errors are its own and net::offload's.
template <typename Work>
net::Task<std::invoke_result_t<Work&>> work_on_body(std::size_t body_bytes,
                                                    const net::Submit& executor, Work work,
                                                    Deadline deadline, const Clock& clock) {
  if (is_small_body(body_bytes)) co_return work();
  co_return co_await net::offload(executor, std::move(work), deadline, clock);
}

} // namespace raglan::node
