#include "redis/scan.h"

#include "redis/dispatch.h"

namespace raglan::redis {

net::Task<Result<std::optional<std::vector<std::string>>>> Scan::next(Deadline deadline) {
  const auto dispatch = client_.dispatch_;
  if (topology_ == nullptr) {
    auto topology = co_await dispatch->discovery().topology(client_.time_limit(deadline));
    if (!topology) co_return forward_error(topology);
    topology_ = std::move(*topology);
    servers_ = topology_->servers;
  }
  if (servers_.empty()) co_return std::nullopt;
  Command scan("SCAN", cursor_, "MATCH", pattern_, "COUNT", kKeysAtOnce);
  std::vector<ServerPtr> server{servers_.back()};
  auto replies = co_await Dispatch::send_each(dispatch, topology_, std::move(server),
                                              std::move(scan), deadline);
  auto& reply = replies.front();
  if (!reply) co_return forward_error(reply);
  if (reply->is_error()) co_return std::unexpected(error_of(*reply));
  if (reply->elements.size() != 2) co_return fail(ErrorCode::kUpstream, "not an answer to SCAN");
  cursor_ = reply->elements[0].text;
  if (cursor_ == "0") servers_.pop_back();
  std::vector<std::string> names;
  for (Reply& name : reply->elements[1].elements) names.push_back(std::move(name.text));
  co_return names;
}

} // namespace raglan::redis
