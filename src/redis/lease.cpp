#include "redis/lease.h"

#include <array>
#include <cstdint>
#include <span>

#include "base/hex.h"
#include "base/rng.h"

namespace raglan::redis {
std::string Lease::make_token() {
  std::array<std::uint8_t, 16> token{};
  secure_random(std::as_writable_bytes(std::span(token)));
  return to_hex(token);
}

Command Lease::acquire_command(std::string_view key, std::string_view token,
                               std::chrono::milliseconds ttl) {
  return Command("SET", key, token, "NX", "PX", ttl.count());
}

const Script& Lease::release_script() {
  static const Script script(
      "if redis.call('GET', KEYS[1]) == ARGV[1] then "
      "return redis.call('DEL', KEYS[1]) else return 0 end");
  return script;
}

const Script& Lease::renew_script() {
  static const Script script(
      "if redis.call('GET', KEYS[1]) == ARGV[1] then "
      "return redis.call('PEXPIRE', KEYS[1], ARGV[2]) else return 0 end");
  return script;
}

net::Task<Result<std::optional<Lease>>> Lease::try_acquire(Client& client, std::string key,
                                                           std::chrono::milliseconds ttl,
                                                           Deadline deadline) {
  auto token = make_token();
  const auto expires_at = client.clock().now() + ttl;
  auto set = acquire_command(key, token, ttl);
  auto reply = co_await client.command(std::move(set), deadline);
  if (!reply) co_return forward_error(reply);
  if (!reply->is_ok()) co_return std::nullopt;
  co_return Lease(client, std::move(key), std::move(token), expires_at);
}

net::Task<Result<bool>> Lease::renew(std::chrono::milliseconds ttl, Deadline deadline) {
  const auto expires_at = client_->clock().now() + ttl;
  std::vector<std::string> keys = {key_};
  std::vector<std::string> arguments = {token_, std::to_string(ttl.count())};
  auto reply =
      co_await renew_script().run(*client_, std::move(keys), std::move(arguments), deadline);
  if (!reply) co_return forward_error(reply);
  const bool held = reply->integer == 1;
  if (held) expires_at_ = expires_at;
  co_return held;
}

net::Task<Result<bool>> Lease::release(Deadline deadline) {
  std::vector<std::string> keys = {key_};
  std::vector<std::string> arguments = {token_};
  auto reply =
      co_await release_script().run(*client_, std::move(keys), std::move(arguments), deadline);
  if (!reply) co_return forward_error(reply);
  co_return reply->integer == 1;
}

} // namespace raglan::redis
