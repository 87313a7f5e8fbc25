// raglan keys: makes, lists and revokes API keys, on a node or on the store itself.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "app/api.h"
#include "base/json_lookup.h"
#include "base/percent_code.h"

namespace raglan::app {
namespace json = boost::json;
namespace {

struct KeysOptions {
  ApiOptions api;
  std::string tenant = "default";
  std::vector<std::string> scopes{"read"};
  std::string tier = "paid";
  std::string name;
  int expires_in_days = 0; // 0: never
  std::string id;
  bool json = false;
};

Result<json::value> call(const KeysOptions& options, std::string_view method,
                         const std::string& target, const json::value& body, int& exit_code) {
  auto api = open_api(options.api);
  if (!api) {
    exit_code = report_unopened("keys", api.error());
    return forward_error(api);
  }
  auto reply = (*api)->call(method, target, body);
  if (!reply) exit_code = report_error("keys", reply.error());
  return reply;
}

// The key alone on stdout, so that a script can take it.
int create(const KeysOptions& options) {
  json::array scopes;
  for (const std::string& scope : options.scopes) scopes.push_back(json::string(scope));
  json::object body{{"tenant", options.tenant},
                    {"scopes", std::move(scopes)},
                    {"tier", options.tier},
                    {"name", options.name}};
  if (options.expires_in_days > 0) body["expires_in_s"] = options.expires_in_days * 86'400LL;
  int exit_code = kExitDone;
  auto reply = call(options, "POST", "/admin/keys", body, exit_code);
  if (!reply) return exit_code;
  if (options.json) {
    print_json(*reply);
    return kExitDone;
  }
  fmt::print("{}\n", text_at(*reply, "key"));
  fmt::print(stderr, "key {} of tenant {}; it is not shown again\n", text_at(*reply, "id"),
             text_at(*reply, "tenant"));
  return kExitDone;
}

int list(const KeysOptions& options) {
  int exit_code = kExitDone;
  auto reply = call(options, "GET", "/admin/keys", {}, exit_code);
  if (!reply) return exit_code;
  if (options.json) {
    print_json(*reply);
    return kExitDone;
  }
  const json::array* keys = array_at(*reply, "keys");
  if (keys == nullptr || keys->empty()) {
    fmt::print(stderr, "there are no API keys\n");
    return kExitDone;
  }
  for (const json::value& key : *keys) {
    std::string scopes;
    if (const json::array* names = array_at(key, "scopes")) {
      for (const json::value& name : *names) {
        scopes += (scopes.empty() ? "" : ",") + json::value_to<std::string>(name);
      }
    }
    const std::string_view expires = text_at(key, "expires_at");
    fmt::print("{}  {}…  {:12} {:5} {:16} {:20} {}\n", text_at(key, "id"),
               text_at(key, "begins_with"), text_at(key, "tenant"), text_at(key, "tier"), scopes,
               expires.empty() ? "never expires" : expires, text_at(key, "name"));
  }
  return kExitDone;
}

int revoke(const KeysOptions& options) {
  int exit_code = kExitDone;
  auto reply = call(options, "DELETE", "/admin/keys/" + percent_encode(options.id), {}, exit_code);
  if (!reply) return exit_code;
  if (options.json) {
    print_json(*reply);
  } else {
    fmt::print("revoked {}\n", options.id);
  }
  return kExitDone;
}

} // namespace

void add_keys(CLI::App& program, Run& run) {
  auto options = std::make_shared<KeysOptions>();
  CLI::App* command = program.add_subcommand("keys", "API keys: create, list, revoke");
  command->require_subcommand(1);
  const auto add = [&](std::string name, std::string description, int (*what)(const KeysOptions&)) {
    CLI::App* sub = command->add_subcommand(std::move(name), std::move(description));
    add_api_options(*sub, options->api);
    sub->add_flag("--json", options->json, "one JSON document");
    sub->callback([options, what, &run] { run = [options, what] { return what(*options); }; });
    return sub;
  };
  CLI::App* creating = add("create", "makes one and prints it, this once", create);
  creating->add_option("--tenant", options->tenant, "whose documents it reads and writes");
  creating->add_option("--scopes", options->scopes, "some of read, write, admin")->delimiter(',');
  creating->add_option("--tier", options->tier, "vip, paid or free");
  creating->add_option("--name", options->name, "what it is for");
  creating->add_option("--expires-in-days", options->expires_in_days, "0: never")
      ->check(CLI::NonNegativeNumber);
  add("list", "all of them, without their secrets", list);
  add("revoke", "refuses one from now on", revoke)
      ->add_option("id", options->id, "as `raglan keys list` shows it")
      ->required();
}

} // namespace raglan::app
