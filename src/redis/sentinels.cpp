#include "redis/sentinels.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/read_number.h"
#include "net/together.h"

namespace raglan::redis {

namespace {

std::unexpected<Error> no_answer() {
  return fail(ErrorCode::kUpstream, "not an answer of a Redis sentinel");
}

Error named(std::string_view name, Error error) {
  error.message = fmt::format("{}: {}", name, error.message);
  return error;
}

} // namespace

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
    return no_answer();
  }
  master.host = reply.elements[0].text;
  return master;
}

Result<SentinelOpinion> parse_opinion(const Reply& reply) {
  if (reply.is_error()) { // "ERR No such master with that name", too
    return fail(ErrorCode::kUnavailable,
                fmt::format("a Redis sentinel refuses to say: {}", reply.error_word()));
  }
  SentinelOpinion opinion;
  bool read = true;
  for (std::size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    const std::string& name = reply.elements[i].text;
    const std::string& value = reply.elements[i + 1].text;
    if (name == "ip") opinion.master.host = value;
    if (name == "port") read = read && read_number(value, opinion.master.port);
    if (name == "config-epoch") read = read && read_number(value, opinion.epoch);
  }
  if (!read || opinion.master.host.empty() || opinion.master.port == 0) return no_answer();
  return opinion;
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
      last = named(sentinels_[i].name(), master.error());
      continue;
    }
    if (auto there = co_await check_master(inquiry, *master); !there) {
      last = there.error();
      continue;
    }
    ask_first(i);
    co_return std::move(*master);
  }
  co_return std::unexpected(std::move(last));
}

net::Task<Result<HostPort>> Sentinels::find_latest(Inquiry& inquiry) {
  std::vector<net::Task<Result<Reply>>> asking;
  for (const Address& sentinel : sentinels_) {
    Command question("SENTINEL", "MASTER", shared_.deployment.master);
    asking.push_back(inquiry.ask(sentinel, Stream::Role::kAny, std::move(question)));
  }
  auto replies = co_await net::together(std::move(asking));
  struct Heard {
    SentinelOpinion opinion;
    std::size_t sentinel = 0;
  };
  std::vector<Heard> heard;
  Error last{ErrorCode::kUnavailable, "there is no Redis sentinel", {}};
  for (std::size_t i = 0; i < replies.size(); ++i) {
    auto opinion = replies[i] ? parse_opinion(*replies[i]) : forward_error(replies[i]);
    if (opinion) {
      heard.push_back({std::move(*opinion), i});
    } else {
      last = named(sentinels_[i].name(), opinion.error());
    }
  }
  const auto later = [](const Heard& one, const Heard& other) {
    if (one.opinion.epoch != other.opinion.epoch) return one.opinion.epoch > other.opinion.epoch;
    return one.sentinel < other.sentinel;
  };
  std::ranges::sort(heard, later);
  for (const Heard& each : heard) {
    auto there = co_await check_master(inquiry, each.opinion.master);
    if (there) {
      ask_first(each.sentinel);
      co_return each.opinion.master;
    }
    last = there.error();
  }
  co_return std::unexpected(std::move(last));
}

net::Task<Result<>> Sentinels::check_master(Inquiry& inquiry, const HostPort& master) const {
  const Address address = shared_.servers.address_of(master);
  auto there = co_await inquiry.ask(address, Stream::Role::kMaster, Command("PING"));
  if (!there) co_return std::unexpected(named(address.name(), there.error()));
  co_return Result<>();
}

void Sentinels::ask_first(std::size_t sentinel) {
  const auto answered = sentinels_.begin() + static_cast<std::ptrdiff_t>(sentinel);
  std::rotate(sentinels_.begin(), answered, answered + 1);
}

} // namespace raglan::redis
