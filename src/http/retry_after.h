// When a server wants to be asked again: Retry-After (RFC 9110, 10.2.3), in seconds or as a date,
// and the finer `retry-after-ms` of OpenAI's and others' APIs.
//
// Thread safe.
#pragma once

#include <optional>

#include "base/clock.h"
#include "http/headers.h"

namespace raglan::http {

// How long to wait from `now`; zero for a date that has passed. Nothing when neither field is there
// or can be read.
std::optional<Duration> retry_after(const Headers& headers, WallTime now);

} // namespace raglan::http
