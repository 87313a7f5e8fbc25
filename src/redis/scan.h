// Walks over the names of all keys that fit a pattern, on every server.
//
//   Scan scan(client, client.name("query:*"));
//   while (true) {
//     Result<std::optional<std::vector<std::string>>> names = co_await scan.next(deadline);
//     if (!names || !*names) break;                             // an error; the end
//     …
//   }
//
// Redis' SCAN, server after server: what is there all the time comes at least once, what comes or
// goes meanwhile may or may not. While a cluster moves slots, a key that is moved to a server that
// was walked over already is missed. For operators: it looks at every key there is.
//
// Thread safety: none; belongs to one of the client's loops. The client must outlive it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "redis/client.h"

namespace raglan::redis {

struct Server;
struct Topology;

class Scan {
 public:
  static constexpr std::int64_t kKeysAtOnce = 1'000; // that a server looks at in one step

  Scan(Client& client, std::string pattern) : client_(client), pattern_(std::move(pattern)) {}

  // Some names, or none in this step; nullopt at the end. Errors: as Client::command.
  net::Task<Result<std::optional<std::vector<std::string>>>> next(Deadline deadline);

 private:
  Client& client_;
  const std::string pattern_;
  std::shared_ptr<const Topology> topology_;     // as it was at the beginning; null before
  std::vector<std::shared_ptr<Server>> servers_; // that are not done yet, the present one last
  std::string cursor_ = "0";
};

} // namespace raglan::redis
