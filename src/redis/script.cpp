#include "redis/script.h"

#include <openssl/evp.h>

#include <array>

#include "base/hex.h"

namespace raglan::redis {
namespace {

// Redis names scripts by SHA-1; nothing depends on its strength.
std::string sha1_of(std::string_view text) {
  std::array<std::uint8_t, 20> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  return to_hex(digest);
}

Command call(std::string_view verb, std::string_view script, const std::vector<std::string>& keys,
             const std::vector<std::string>& arguments) {
  Command command(verb, script, keys.size());
  for (const auto& key : keys) command.add(key);
  for (const auto& argument : arguments) command.add(argument);
  return command;
}

} // namespace

Script::Script(std::string_view source) : source_(source), sha1_(sha1_of(source)) {}

Command Script::by_name(const std::vector<std::string>& keys,
                        const std::vector<std::string>& arguments) const {
  return call("EVALSHA", sha1_, keys, arguments);
}

net::Task<Result<Reply>> Script::run(Client& client, std::vector<std::string> keys,
                                     std::vector<std::string> arguments, Deadline deadline) const {
  auto reply = co_await raw_run(client, std::move(keys), std::move(arguments), deadline);
  if (reply && reply->is_error()) co_return std::unexpected(error_of(*reply));
  co_return reply;
}

net::Task<Result<Reply>> Script::raw_run(Client& client, std::vector<std::string> keys,
                                         std::vector<std::string> arguments,
                                         Deadline deadline) const {
  const auto limit = client.time_limit(deadline);
  auto by_its_name = by_name(keys, arguments);
  auto reply = co_await client.raw_command(std::move(by_its_name), limit);
  if (reply && unknown(*reply)) {
    auto by_text = call("EVAL", source_, keys, arguments);
    reply = co_await client.raw_command(std::move(by_text), limit);
  }
  co_return reply;
}

} // namespace raglan::redis
