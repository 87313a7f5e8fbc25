// The date of a message, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7).
//
// Pure.
#pragma once

#include <string>

#include "base/clock.h"

namespace raglan::http {

std::string http_date(WallTime now);

} // namespace raglan::http
