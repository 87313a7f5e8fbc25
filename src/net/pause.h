// A coroutine that waits: for a backoff, say.
//
//   if (auto ok = co_await net::pause(backoff.next(rng)); !ok) co_return forward_error(ok);
//
// kClientClosed when it is cancelled.
//
// Thread safety: any event loop, concurrently.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "net/task.h"

namespace raglan::net {

Task<Result<>> pause(Duration duration);

} // namespace raglan::net
