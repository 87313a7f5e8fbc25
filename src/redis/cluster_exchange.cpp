#include "redis/cluster_exchange.h"

#include <algorithm>

#include "net/pause.h"
#include "net/together.h"
#include "redis/redirect.h"

namespace raglan::redis {
namespace {

// A command that has no reply yet.
struct Open {
  std::size_t index = 0; // of the command
  ServerPtr server;      // that it goes to now
  bool asking = false;   // behind ASKING
  bool nobodys = false;  // that server was only guessed
};

using Answers = std::vector<Result<Reply>>; // by command

std::vector<std::vector<Open>> by_server(std::vector<Open> open) {
  std::vector<std::vector<Open>> groups;
  for (Open& one : open) {
    const auto same = [&](const auto& group) {
      return group.front().server == one.server && group.front().nobodys == one.nobodys;
    };
    auto group = std::ranges::find_if(groups, same);
    if (group == groups.end()) group = groups.emplace(groups.end());
    group->push_back(std::move(one));
  }
  return groups;
}

Shipment pack(const std::vector<Open>& group, std::span<const Command> commands) {
  static const Command kAsking("ASKING");
  Shipment shipment{.topology = {}, .server = group.front().server, .wire = {}, .limit = {}};
  for (const Open& one : group) {
    if (one.asking) kAsking.append_to(shipment.wire);
    commands[one.index].append_to(shipment.wire);
    ++shipment.commands;
    shipment.replies += one.asking ? 2 : 1;
  }
  return shipment;
}

// What is to be done next.
struct Round {
  std::vector<Open> open;
  bool pause = false; // before
};

// Sorts a server's replies into answers, and into what goes out again.
void sort(Dispatch& dispatch, const std::vector<Open>& group, Result<Replies> replies,
          Answers& answers, Round& next) {
  std::size_t reply = 0;
  for (const Open& one : group) {
    if (!replies) {
      answers[one.index] = std::unexpected(replies.error());
      continue;
    }
    if (one.asking) ++reply; // that of ASKING
    Reply& own = (*replies)[reply++];
    const auto redirect = parse_redirect(own, one.server->address.host);
    answers[one.index] = std::move(own); // should it be the last
    if (!redirect) continue;
    Open again{.index = one.index, .server = one.server, .asking = one.asking};
    if (redirect->kind == Redirect::Kind::kTryAgain) {
      next.pause = true;
    } else {
      again.server = dispatch.shared().servers.at({redirect->host, redirect->port});
      if (again.server == nullptr) {
        answers[one.index] =
            fail(ErrorCode::kOverloaded, "Redis' cluster sends commands to too many servers");
        continue;
      }
      again.asking = redirect->kind == Redirect::Kind::kAsk;
    }
    next.open.push_back(std::move(again));
  }
}

// Errors of some commands become replies; of all, the result.
Result<Replies> merge(Answers answers) {
  const auto gone = std::ranges::find_if(answers, [](const Result<Reply>& answer) {
    return !answer && answer.error().code == ErrorCode::kClientClosed;
  });
  if (gone != answers.end()) return forward_error(*gone);
  if (std::ranges::none_of(answers, &Result<Reply>::has_value)) return forward_error(answers[0]);
  Replies replies;
  for (Result<Reply>& answer : answers) {
    if (!answer) {
      answer = Reply{.kind = Reply::Kind::kError,
                     .text = std::move(answer.error().message),
                     .elements = {},
                     .ours = answer.error().code};
    }
    replies.push_back(std::move(*answer));
  }
  return replies;
}

} // namespace

net::Task<Result<Replies>> exchange_in_cluster(std::shared_ptr<Dispatch> dispatch,
                                               TopologyPtr topology,
                                               std::span<const Command> commands, Deadline limit,
                                               bool whole_time) {
  Answers answers(commands.size());
  Round round;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const auto key = commands[i].key();
    ServerPtr server = key ? topology->owner_of(*key) : nullptr;
    const bool nobodys = key && server == nullptr;
    if (server == nullptr) server = dispatch->any_of(*topology);
    round.open.push_back({.index = i, .server = std::move(server), .nobodys = nobodys});
  }
  Duration pause = kTryAgain;
  for (std::size_t redirects = 0; !round.open.empty() && redirects <= kMaxRedirects; ++redirects) {
    if (round.pause) {
      if (!limit.allows(pause, dispatch->shared().clock.now())) break;
      if (auto waited = co_await net::pause(pause); !waited) co_return forward_error(waited);
      pause *= 2;
    }
    const auto groups = by_server(std::exchange(round, {}).open);
    std::vector<net::Task<Result<Replies>>> sending;
    for (const auto& group : groups) {
      Shipment shipment = pack(group, commands);
      shipment.topology = topology;
      shipment.limit = limit;
      shipment.whole_time = whole_time && redirects == 0;
      sending.push_back(Dispatch::send(dispatch, std::move(shipment)));
    }
    std::vector<Result<Replies>> replies;
    if (sending.size() == 1) {
      replies.push_back(co_await std::move(sending.front()));
    } else {
      replies = co_await net::together(std::move(sending));
    }
    for (std::size_t i = 0; i < groups.size(); ++i) {
      sort(*dispatch, groups[i], std::move(replies[i]), answers, round);
    }
    std::ranges::sort(round.open, {}, &Open::index);
  }
  for (const Open& one : round.open) {
    answers[one.index] = fail(ErrorCode::kUpstream, "Redis' cluster sends the command elsewhere");
  }
  co_return merge(std::move(answers));
}

} // namespace raglan::redis
