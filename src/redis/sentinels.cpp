#include "redis/sentinels.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/read_number.h"

namespace raglan::redis {

Result<HostPort> parse_master(const Reply& reply) {
  if (reply.is_error()) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("a Redis sentinel refuses to say: {}", reply.error_word()));
  }
  if (reply.is_nil()) {
    return fail(ErrorCode::kUnavailable, "a Redis sentinel knows no master of that name");
  }
  HostPort master;
  if (reply.elements.size() != 2 || reply.elements[0].text.empty() ||
      !read_number(reply.elements[1].text, master.port) || master.port == 0) {
    return fail(ErrorCode::kUpstream, "not an answer of a Redis sentinel");
  }
  master.host = reply.elements[0].text;
  return master;
}

Sentinels::Sentinels(const ClientShared& shared)
    : shared_(shared), sentinels_(shared.deployment.addresses) {
  for (Address& sentinel : sentinels_) {
    sentinel.user = shared.config.sentinel_user;
    sentinel.password = shared.config.sentinel_password;
  }
}

net::Task<Result<HostPort>> Sentinels::find(Inquiry& inquiry) {
  Error last{ErrorCode::kUnavailable, "there is no Redis sentinel", {}};
  for (std::size_t i = 0; i < sentinels_.size(); ++i) {
    Command question("SENTINEL", "GET-MASTER-ADDR-BY-NAME", shared_.deployment.master);
    auto reply = co_await inquiry.ask(sentinels_[i], Stream::Role::kAny, std::move(question));
    auto master = reply ? parse_master(*reply) : forward_error(reply);
    if (!master) {
      last = master.error();
      last.message = fmt::format("{}: {}", sentinels_[i].name(), last.message);
      continue;
    }
    const Address address = shared_.servers.address_of(*master);
    auto there = co_await inquiry.ask(address, Stream::Role::kMaster, Command("PING"));
    if (!there) {
      last = there.error();
      last.message = fmt::format("{}: {}", address.name(), last.message);
      continue;
    }
    const auto answered = sentinels_.begin() + static_cast<std::ptrdiff_t>(i);
    std::rotate(sentinels_.begin(), answered, answered + 1);
    co_return std::move(*master);
  }
  co_return std::unexpected(std::move(last));
}

} // namespace raglan::redis
