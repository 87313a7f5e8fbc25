// Who a request is from, by its Authorization header.
//
//   auto authenticator = Authenticator::create(config, loops, clock);
//   auto identity = co_await (*authenticator)->authenticate(header, deadline);
//
// Thread safety: any of the loops, concurrently. It must outlive the loops' last coroutine.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/api_keys.h"
#include "auth/jwks_source.h"
#include "auth/verified_tokens.h"

namespace raglan::auth {

struct AuthStats {
  std::uint64_t accepted = 0; // so far
  std::uint64_t refused = 0;
  std::uint64_t failed = 0; // the keys, or the issuer's, could not be read
};

class Authenticator {
 public:
  // Reads the key. Errors: kInvalidField, which names the setting.
  static Result<std::unique_ptr<Authenticator>> create(const AuthConfig& config,
                                                       net::EventLoops& loops, const Clock& clock);

  // By any thread: what API keys there are. Until then who brings one is told to come again. They
  // must outlive the loops' last coroutine.
  void accept(ApiKeys& keys) { api_keys_ = &keys; }

  // When no request is under way, before the loops are destroyed; the rest of it must outlive them.
  void close() {
    if (source_) source_->close();
  }

  // Errors: kUnauthenticated (no credentials, or of no use; why is in the log, at debug), those of
  // JwksSource and of ApiKeys.
  net::Task<Result<Identity>> authenticate(std::string_view authorization, Deadline deadline);

  AuthStats stats() const;

 private:
  Authenticator(const AuthConfig& config, const Clock& clock)
      : mode_(config.mode), claims_(config.claims), clock_(clock) {}

  net::Task<Result<Identity>> verify(std::string_view credential, Deadline deadline);
  net::Task<Result<Identity>> verify_token(std::string_view token, Deadline deadline);
  // By what is known of it, or else by its signature.
  Result<Identity> verify_by(const JwksSource::Keys& keys, std::string_view token);

  const Mode mode_;
  const JwtClaims claims_;
  const Clock& clock_;
  std::atomic<ApiKeys*> api_keys_ = nullptr;
  VerifiedTokens verified_;
  JwksSource::Keys fixed_; // null: they are published
  std::optional<JwksSource> source_;
  std::atomic<std::uint64_t> accepted_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
};

} // namespace raglan::auth
