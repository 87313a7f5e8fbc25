#include "node/collection_routes.h"

#include <boost/json/array.hpp>

#include "base/json_text.h"
#include "net/detach.h"
#include "node/cache_purge.h"
#include "node/document_json.h"
#include "node/identity_scope.h"
#include "node/json_fields.h"
#include "node/query_json.h"
#include "node/request_scope.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

json::object collection_json(const store::CollectionStats& stats) {
  return {{"name", stats.name},
          {"documents", stats.documents},
          {"chunks", stats.chunks},
          {"created_at", iso_time(stats.created_at)}};
}

store::CollectionKey key_of(const http::Request& request, std::string_view name) {
  return {identity_of(request).tenant, std::string(name)};
}

net::Task<http::Response> list(CollectionRouteParts parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  auto collections = co_await parts.store.list_collections(identity_of(request).tenant, *deadline);
  if (!collections) co_return error_reply(collections.error(), request);
  json::array array;
  for (const store::CollectionStats& stats : *collections) array.push_back(collection_json(stats));
  const json::object body{{"collections", std::move(array)}};
  co_return http::json_response(200, json_text(body));
}

net::Task<http::Response> create(CollectionRouteParts parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  auto body = parse_json_body(request.body);
  if (!body) co_return error_reply(body.error(), request);
  JsonFields fields(*body, "");
  const std::string name = fields.required_string("name", kMaxNameBytes);
  if (!is_valid_name(name)) {
    fields.reject("name",
                  "a name is 1 to 128 letters, digits, '.', '_' or '-', and starts with no '.'");
  }
  if (auto ok = fields.finish(); !ok) co_return error_reply(ok.error(), request);
  auto created = co_await parts.store.create_collection(key_of(request, name), *deadline);
  if (!created) co_return error_reply(created.error(), request);
  auto stats = co_await parts.store.collection(key_of(request, name), *deadline);
  if (!stats) co_return error_reply(stats.error(), request);
  co_return http::json_response(201, json_text(collection_json(*stats)));
}

net::Task<http::Response> get(CollectionRouteParts parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  auto key = key_of(request, request.path_parameter("name"));
  auto stats = co_await parts.store.collection(std::move(key), *deadline);
  if (!stats) co_return error_reply(stats.error(), request);
  co_return http::json_response(200, json_text(collection_json(*stats)));
}

net::Task<http::Response> remove(CollectionRouteParts parts, std::shared_ptr<DeletedPurges> purges,
                                 http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  const std::string name(request.path_parameter("name"));
  auto removed = co_await parts.store.delete_collection(key_of(request, name), *deadline);
  if (!removed) co_return error_reply(removed.error(), request);
  purges->add(co_await boost::asio::this_coro::executor, key_of(request, name));
  const json::object body{{"name", name}, {"deleted", true}};
  co_return http::json_response(200, json_text(body));
}

} // namespace

void add_collection_routes(http::Router& router, CollectionRouteParts parts) {
  const auto bind = [&parts](auto function) {
    return with_parameters(
        {}, [parts, function](http::Request& request) { return function(parts, request); });
  };
  router.add("GET", "/v1/collections", bind(list));
  router.add("POST", "/v1/collections", bind(create));
  router.add("GET", "/v1/collections/{name}", bind(get));
  const auto purges =
      std::make_shared<DeletedPurges>(CachePurgeParts{parts.pipeline, parts.storage, parts.clock});
  router.add("DELETE", "/v1/collections/{name}",
             bind([purges](CollectionRouteParts of, http::Request& request) {
               return remove(std::move(of), purges, request);
             }));
}

} // namespace raglan::node
