// The keys that an issuer publishes, fetched and kept.
//
// What was fetched is used for `jwks_refresh` and then fetched again, behind the requests
// (net/refreshed.h): they go on with what there is, for as long as the issuer is away. A key that
// is not known may be a new one: then the set is fetched at once, but not more than every
// kMinInterval, so that nobody can have us call the issuer for every request.
//
// Thread safety: any of the loops, concurrently. It must outlive the loops' last coroutine.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "auth/config.h"
#include "auth/key_set.h"
#include "http/client.h"
#include "net/refreshed.h"

namespace raglan::auth {

class JwksSource {
 public:
  using Keys = std::shared_ptr<const KeySet>;
  static constexpr std::chrono::seconds kMinInterval{30};
  static constexpr std::chrono::seconds kRetryInterval{1}; // while there are none
  static constexpr std::chrono::seconds kFetchTimeout{5};
  static constexpr std::uint64_t kMaxBytes = 256 * 1024;

  JwksSource(const AuthConfig& config, net::EventLoops& loops, const Clock& clock);
  // Ends its connections: before the loops are destroyed, which the rest of it must outlive.
  void close() { client_.reset(); }

  // Fetches them when there are none yet. Errors: kUnavailable (the issuer does not answer, or with
  // no keys), kDeadlineExceeded, kClientClosed.
  net::Task<Result<Keys>> keys(Deadline deadline) { return keys_.get(deadline); }
  // Newer ones than `known`, which lack what was looked for; the same when there may be none yet.
  net::Task<Result<Keys>> newer(Keys known, Deadline deadline) {
    return keys_.newer(std::move(known), deadline);
  }

 private:
  net::Task<Result<Keys>> fetch();

  const std::string url_;
  const Clock& clock_;
  std::optional<http::Client> client_; // nothing once it is closed
  net::Refreshed<KeySet> keys_;
};

} // namespace raglan::auth
