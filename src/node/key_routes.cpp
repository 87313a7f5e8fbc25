#include "node/key_routes.h"

#include <boost/json/array.hpp>

#include "base/json_text.h"
#include "node/document_json.h"
#include "node/json_fields.h"
#include "node/request_scope.h"
#include "store/rules.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxKeyNameBytes = 200;
constexpr std::int64_t kMaxExpiresInS = 10LL * 366 * 24 * 3600;
constexpr std::initializer_list<std::string_view> kTiers{"vip", "paid", "free"};

json::object key_json(const auth::ApiKey& key) {
  json::array scopes;
  for (const auto scope : {auth::Scope::kRead, auth::Scope::kWrite, auth::Scope::kAdmin}) {
    if (key.identity.scopes.has(scope)) scopes.push_back(json::string(auth::scope_name(scope)));
  }
  return {{"id", key.id},
          {"name", key.name},
          {"tenant", key.identity.tenant},
          {"tier", policy::tier_name(key.identity.tier)},
          {"scopes", std::move(scopes)},
          {"begins_with", key.begins},
          {"created_at", iso_time(key.created_at)},
          {"expires_at", key.expires ? json::value(iso_time(*key.expires)) : json::value()}};
}

auth::Scopes read_scopes(JsonFields& fields) {
  auth::Scopes scopes;
  const json::value* value = fields.value("scopes");
  const json::array* names = value != nullptr ? value->if_array() : nullptr;
  bool known = names != nullptr && !names->empty();
  for (std::size_t i = 0; known && i < names->size(); ++i) {
    const json::string* name = (*names)[i].if_string();
    const auto scope = name != nullptr ? auth::scope_from_name(*name) : std::nullopt;
    known = scope.has_value();
    if (known) scopes.add(*scope);
  }
  if (!known) fields.reject("scopes", "must be a list of some of \"read\", \"write\", \"admin\"");
  return scopes;
}

struct Wanted {
  std::string name;
  auth::Identity identity;
  std::optional<std::int64_t> expires_in_s;
};

Result<Wanted> parse_wanted(std::string_view text) {
  const auto body = parse_json_body(text);
  if (!body) return std::unexpected(body.error());
  JsonFields fields(*body, "");
  Wanted wanted;
  wanted.name = fields.string("name", "", kMaxKeyNameBytes);
  wanted.identity.tenant = fields.required_string("tenant", store::kMaxCollectionNameBytes);
  const store::CollectionKey everywhere{wanted.identity.tenant,
                                        std::string(store::kDefaultCollection)};
  if (!store::check_collection_key(everywhere)) {
    fields.reject("tenant", "must be 1 to 128 bytes of text without control characters");
  }
  wanted.identity.tier = *policy::tier_from_name(kTiers.begin()[fields.choice("tier", kTiers, 1)]);
  wanted.identity.scopes = read_scopes(fields);
  wanted.expires_in_s = fields.optional_integer("expires_in_s", 1, kMaxExpiresInS);
  if (auto ok = fields.finish(); !ok) return forward_error(ok);
  return wanted;
}

net::Task<http::Response> create(KeyRouteParts parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  auto wanted = parse_wanted(request.body);
  if (!wanted) co_return error_reply(wanted.error(), request);
  std::optional<WallTime> expires;
  if (wanted->expires_in_s) {
    expires = parts.clock.wall_now() + std::chrono::seconds(*wanted->expires_in_s);
  }
  auto made = co_await parts.keys.create(std::move(wanted->name), std::move(wanted->identity),
                                         expires, *deadline);
  if (!made) co_return error_reply(made.error(), request);
  json::object body = key_json(made->key);
  body["key"] = made->secret;
  http::Response response = http::json_response(201, json_text(body));
  response.headers.set("cache-control", "no-store");
  co_return response;
}

net::Task<http::Response> list(KeyRouteParts parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  auto keys = co_await parts.keys.list(*deadline);
  if (!keys) co_return error_reply(keys.error(), request);
  json::array array;
  for (const auth::ApiKey& key : *keys) array.push_back(key_json(key));
  co_return http::json_response(200, json_text(json::object{{"keys", std::move(array)}}));
}

net::Task<http::Response> revoke(KeyRouteParts parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  const std::string id(request.path_parameter("id"));
  auto revoked = co_await parts.keys.revoke(id, *deadline);
  if (!revoked) co_return error_reply(revoked.error(), request);
  co_return http::json_response(200, json_text(json::object{{"id", id}, {"revoked", true}}));
}

} // namespace

void add_key_routes(http::Router& router, KeyRouteParts parts) {
  const auto bind = [&parts](auto function) {
    return with_parameters(
        {}, [parts, function](http::Request& request) { return function(parts, request); });
  };
  router.add("POST", "/admin/keys", bind(create));
  router.add("GET", "/admin/keys", bind(list));
  router.add("DELETE", "/admin/keys/{id}", bind(revoke));
}

} // namespace raglan::node
