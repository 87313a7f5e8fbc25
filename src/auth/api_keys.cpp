#include "auth/api_keys.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace raglan::auth {
namespace {

constexpr std::string_view kKind = "api_key";

store::RecordKey record_key(const ApiKey& key) {
  return {.kind = std::string(kKind), .tenant = key.identity.tenant, .id = key.id};
}

} // namespace

ApiKeys::ApiKeys(store::Records& records, const Clock& clock)
    : records_(records),
      clock_(clock),
      known_(
          {.refresh_after = kRefreshAfter,
           .max_age = kMaxAge,
           .min_interval = kMinInterval,
           .retry_interval = kMinInterval,
           .fetch_timeout = kFetchTimeout},
          [this](net::Refreshed<Known>::Value known) { return fetch(std::move(known)); }, clock) {}

// The digest first: what changes before the keys are read shows in the next one.
net::Task<Result<net::Refreshed<ApiKeys::Known>::Value>> ApiKeys::fetch(
    net::Refreshed<Known>::Value known) {
  const Deadline deadline = Deadline::after(kFetchTimeout, clock_.now());
  // The time that is up is this one's, and not a request's.
  const auto failed = [](Error error) {
    if (error.code == ErrorCode::kDeadlineExceeded) error.code = ErrorCode::kUnavailable;
    return std::unexpected(std::move(error));
  };
  auto digest = co_await records_.digest(std::string(kKind), deadline);
  if (!digest) co_return failed(digest.error());
  if (known && known->digest == *digest) co_return known;
  auto keys = co_await list(deadline);
  if (!keys) co_return failed(keys.error());
  co_return std::make_shared<const Known>(*digest, ApiKeySet(std::move(*keys)));
}

net::Task<Result<Identity>> ApiKeys::identify(std::string_view secret, Deadline deadline) {
  auto known = co_await known_.get(deadline);
  if (!known) co_return forward_error(known);
  const WallTime now = clock_.wall_now();
  if (const ApiKey* key = (*known)->keys.find(secret, now)) co_return key->identity;
  known = co_await known_.newer(*known, deadline);
  if (!known) co_return forward_error(known);
  if (const ApiKey* key = (*known)->keys.find(secret, now)) co_return key->identity;
  co_return fail(ErrorCode::kUnauthenticated, "no such API key");
}

net::Task<Result<NewApiKey>> ApiKeys::create(std::string name, Identity identity,
                                             std::optional<WallTime> expires, Deadline deadline) {
  auto present = co_await list(deadline);
  if (!present) co_return forward_error(present);
  if (present->size() >= kMaxKeys) {
    co_return fail(ErrorCode::kOverloaded, fmt::format("there are {} API keys already", kMaxKeys));
  }
  auto made = make_api_key(std::move(name), std::move(identity), expires, clock_.wall_now());
  if (!made) co_return forward_error(made);
  auto written = co_await records_.write({.key = record_key(made->key),
                                          .value = api_key_json(made->key),
                                          .expires = expires.value_or(store::kNever),
                                          .expected = 0},
                                         deadline);
  known_.expire();
  if (!written) co_return forward_error(written);
  log_info("an API key was made", {{"id", made->key.id}, {"tenant", made->key.identity.tenant}});
  co_return made;
}

net::Task<Result<std::vector<ApiKey>>> ApiKeys::list(Deadline deadline) {
  // Nodes that made the last ones at once may have made a few more.
  constexpr std::uint32_t kAll = kMaxKeys + 1'000;
  auto records = co_await records_.list_all(std::string(kKind), kAll, deadline);
  if (!records) co_return forward_error(records);
  std::vector<ApiKey> keys;
  for (store::Record& record : *records) {
    auto key = parse_api_key(record.key.id, record.key.tenant, record.value);
    if (key) {
      keys.push_back(std::move(*key));
    } else {
      log_warning("an API key is damaged, and nobody's", {{"id", record.key.id}});
    }
  }
  std::ranges::sort(keys, {}, &ApiKey::id); // which begin with the time
  co_return keys;
}

net::Task<Result<>> ApiKeys::revoke(std::string id, Deadline deadline) {
  auto keys = co_await list(deadline);
  if (!keys) co_return forward_error(keys);
  const auto found = std::ranges::find(*keys, id, &ApiKey::id);
  if (found == keys->end()) co_return fail(ErrorCode::kNotFound, "no such API key");
  auto erased = co_await records_.erase(record_key(*found), std::nullopt, deadline);
  known_.expire();
  if (!erased) co_return forward_error(erased);
  log_info("an API key was revoked", {{"id", id}, {"tenant", found->identity.tenant}});
  co_return Result<>();
}

} // namespace raglan::auth
