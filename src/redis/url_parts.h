// The parts that all forms of the setting `redis.url` have in common (address.h, deployment.h).
// Internal to redis/.
//
// Errors: kMalformedRequest, with a message that repeats nothing of the URL.
//
// Pure functions.
#pragma once

#include <string_view>

#include "base/result.h"
#include "redis/address.h"

namespace raglan::redis {

std::unexpected<Error> bad_url(std::string_view what);

// That it holds no space and no control character.
Result<> check_characters(std::string_view url);

// Takes "user:password@" off the front of `rest`; it ends before the first slash.
Result<> take_login(std::string_view& rest, Address& address);

// "host", "host:port", "[IPv6]:port". Without a port the address keeps the one it has.
Result<> read_host(std::string_view text, Address& address);

// What stands behind the slash: a database's number, or nothing.
Result<> read_database(std::string_view text, Address& address);

} // namespace raglan::redis
