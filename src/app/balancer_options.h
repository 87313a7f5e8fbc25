// The options that `raglan balance` and `raglan export` share: where the balancer listens, how it
// chooses, and which nodes there are.
#pragma once

#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "app/command_line.h"

namespace raglan::app {

struct BalancerOptions {
  CommonOptions common;
  std::string listen;
  std::string strategy;
  std::vector<std::string> upstreams;
};

inline void add_balancer_options(CLI::App& command, BalancerOptions& options) {
  add_common_options(command, options.common);
  command.add_option("--listen", options.listen, "HOST:PORT; port 0 picks a free one");
  command.add_option("--upstream", options.upstreams, "URL of a node; as often as there are");
  command.add_option("--strategy", options.strategy,
                     "round_robin, least_connections, ip_hash, weighted_round_robin, p2c, "
                     "prequal or affinity");
}

// As load_settings; false also when there is no node at all, which is said.
inline bool load_balancer_settings(Settings& settings, const BalancerOptions& options,
                                   std::string_view command, Logging logging) {
  std::vector<config::Override> flags;
  if (!options.listen.empty()) flags.push_back({"balancer.listen", options.listen, "--listen"});
  if (!options.strategy.empty()) {
    flags.push_back({"balancer.strategy", options.strategy, "--strategy"});
  }
  for (std::size_t i = 0; i < options.upstreams.size(); ++i) {
    flags.push_back(
        {fmt::format("balancer.upstream.{}.url", i), options.upstreams[i], "--upstream"});
  }
  if (!load_settings(settings, options.common, std::move(flags), logging)) return false;
  if (!settings.upstreams.empty()) return true;
  fmt::print(stderr,
             "raglan {}: there is no node: --upstream http://127.0.0.1:8080, or "
             "[[balancer.upstream]] in raglan.toml\n",
             command);
  return false;
}

} // namespace raglan::app
