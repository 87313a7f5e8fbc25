// The API keys of an installation, which are records of its store (store/records.h).
//
//   auto made = co_await keys.create("ci", identity, expires, deadline);     // on any node
//   auto identity = co_await keys.identify(secret, deadline);                // on any other one
//   co_await keys.revoke(id, deadline);
//
// A node knows them all, and its own changes at once. Whether they have changed is asked behind the
// requests when it last asked kRefreshAfter ago, and before them when that is kMaxAge ago: from
// then on a revoked key is refused everywhere, and while the store does not answer all keys are. A
// key that is not known may be new: then it is asked at once, but not more than every kMinInterval.
//
// Errors: those of store/records.h. Thread safety: any event loop, concurrently; it and the records
// must outlive the loops' last coroutine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/api_key.h"
#include "net/refreshed.h"
#include "store/records.h"

namespace raglan::auth {

class ApiKeys {
 public:
  static constexpr std::uint32_t kMaxKeys = 10'000;
  static constexpr std::chrono::seconds kRefreshAfter{2};
  static constexpr std::chrono::seconds kMaxAge{5};
  static constexpr std::chrono::milliseconds kMinInterval{500};
  static constexpr std::chrono::seconds kFetchTimeout{2};

  ApiKeys(store::Records& records, const Clock& clock);

  // Whose it is. kUnauthenticated for no key of this installation.
  net::Task<Result<Identity>> identify(std::string_view secret, Deadline deadline);

  // kOverloaded when there are kMaxKeys.
  net::Task<Result<NewApiKey>> create(std::string name, Identity identity,
                                      std::optional<WallTime> expires, Deadline deadline);
  // All, in the order in which they were made.
  net::Task<Result<std::vector<ApiKey>>> list(Deadline deadline);
  // kNotFound.
  net::Task<Result<>> revoke(std::string id, Deadline deadline);

 private:
  struct Known {
    std::uint64_t digest = 0;
    ApiKeySet keys;
  };

  net::Task<Result<net::Refreshed<Known>::Value>> fetch(net::Refreshed<Known>::Value known);

  store::Records& records_;
  const Clock& clock_;
  net::Refreshed<Known> known_;
};

} // namespace raglan::auth
