// Where a PostgreSQL server is, and what its connections share.
//
//   auto parameters =
//   parse_url("postgresql://user:secret@db.internal:5432/raglan?sslmode=verify-full");
//
// The URL is libpq's own form, with all its parameters; those that it leaves out come from libpq's
// environment variables (PGPASSFILE, PGSSLROOTCERT, …) and defaults.
//
// Thread safety: Target, any thread; it must outlive its connections.
#pragma once

#include <libpq-fe.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/secret.h"
#include "net/resolver.h"

namespace raglan::postgres {

// Keywords of libpq and their values.
using Parameters = std::vector<std::pair<std::string, config::Secret>>;

// Errors: kMalformedRequest, with a message that repeats nothing of the URL.
Result<Parameters> parse_url(std::string_view url);
// For messages and the log: "host:port/database". Never a user or a password.
std::string name_of(const Parameters& parameters);

struct Target {
  Parameters parameters;
  net::Resolver& resolver;
  const Clock& clock;
  // Takes work that blocks: telling the server that nobody waits for a statement any more.
  std::function<void(std::function<void()>)> submit;
};

} // namespace raglan::postgres
