#include "node/openai_routes.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json/array.hpp>

#include "base/json_text.h"
#include "model/await_embedding.h"
#include "model/openai_embeddings.h"
#include "model/token_estimate.h"
#include "node/body_work.h"
#include "node/charge.h"
#include "node/chat_json.h"
#include "node/identity_scope.h"
#include "node/json_fields.h"
#include "node/query_json.h"
#include "node/request_scope.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

struct EmbeddingRequest {
  std::vector<std::string> inputs;
  bool base64 = false;
};

void add_input(JsonFields& fields, EmbeddingRequest& request, const json::value& value) {
  const json::string* text = value.if_string();
  if (!text) {
    fields.reject("input",
                  "'input' must be a string or an array of strings: tokens of another model mean "
                  "nothing here");
  } else if (text->empty() || text->size() > kMaxEmbeddingInputBytes) {
    fields.reject("input",
                  fmt::format("each input must have 1 to {} bytes", kMaxEmbeddingInputBytes));
  } else {
    request.inputs.emplace_back(*text);
  }
}

Result<EmbeddingRequest> parse_embedding_request(std::string_view body,
                                                 const model::Embedder& embedder) {
  auto value = parse_json_body(body);
  if (!value) return forward_error(value);
  JsonFields fields(*value, "");
  EmbeddingRequest request;
  const std::string model = fields.string("model", embedder.name(), kMaxNameBytes);
  if (!fields.failed() && model != embedder.name()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no model of that name; this node has {}", embedder.name()),
                "model");
  }
  request.base64 = fields.choice("encoding_format", {"float", "base64"}, 0) == 1;
  fields.optional_string("user", kMaxNameBytes);
  const auto dimension = static_cast<std::int64_t>(embedder.dimension());
  fields.integer("dimensions", dimension, dimension, dimension);
  const json::value* input = fields.value("input");
  const json::array* array = input ? input->if_array() : nullptr;
  if (!input || (array && (array->empty() || array->size() > kMaxEmbeddingInputs))) {
    fields.reject("input", fmt::format("'input' must hold 1 to {} texts", kMaxEmbeddingInputs));
  } else if (array) {
    for (const json::value& element : *array) add_input(fields, request, element);
  } else {
    add_input(fields, request, *input);
  }
  if (auto ok = fields.finish(); !ok) return forward_error(ok);
  return request;
}

net::Task<http::Response> create_embeddings(const OpenAiRouteParts& parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  const model::Embedder& embedder = parts.embeddings.embedder();
  const std::size_t body_bytes = request.body.size();
  auto parse = [body = std::move(request.body), held = request.body_reservation, &embedder] {
    return parse_embedding_request(body, embedder);
  };
  auto parsed =
      co_await work_on_body(body_bytes, parts.bulk, std::move(parse), *deadline, parts.clock);
  if (!parsed) co_return error_reply(parsed.error(), request);
  const auto tier = request_tier(request, parts.tier_header);
  if (!tier) co_return error_reply(tier.error(), request);
  Charge charge;
  if (parts.limits.limits(*tier)) {
    std::size_t tokens = 0;
    for (const std::string& input : parsed->inputs) tokens += model::estimate_tokens(input);
    charge = co_await charge_for(parts.limits, {identity_of(request).tenant, *tier},
                                 {.tokens = static_cast<std::int64_t>(tokens)}, *deadline);
    if (!charge.allowed()) co_return charge.refusal(request);
  }
  const bool single = parsed->inputs.size() == 1;
  model::EmbeddingRequest wanted{
      .tenant = identity_of(request).tenant,
      .texts = std::move(parsed->inputs),
      .priority = single ? model::EmbeddingPriority::kQuery : model::EmbeddingPriority::kIngest,
      .deadline = *deadline};
  auto reply = co_await model::await_embedding(parts.embeddings, single ? parts.search : parts.bulk,
                                               std::move(wanted));
  if (!reply) co_return charge.settled(error_reply(reply.error(), request), 0);
  charge.settle(reply->computed_tokens);
  const std::size_t texts = reply->embeddings.rows();
  const std::string_view cache_status = reply->computed_texts == 0      ? "raglan; hit"
                                        : reply->computed_texts < texts ? "raglan; fwd=partial"
                                                                        : "raglan; fwd=miss";
  const std::size_t vector_bytes = reply->embeddings.values.size() * sizeof(float);
  auto write = [made = std::move(reply->embeddings), model = embedder.name(),
                base64 = parsed->base64]() -> Result<std::string> {
    return json_text(model::embeddings_reply(made, model, base64));
  };
  auto body =
      co_await work_on_body(vector_bytes, parts.bulk, std::move(write), *deadline, parts.clock);
  if (!body) co_return charge.described(error_reply(body.error(), request));
  http::Response response = http::json_response(200, std::move(*body));
  response.headers.set("cache-status", cache_status);
  co_return charge.described(std::move(response));
}

json::object model_json(std::string_view name) {
  return {{"id", name}, {"object", "model"}, {"created", 0}, {"owned_by", "raglan"}};
}

} // namespace

void add_openai_routes(http::Router& router, OpenAiRouteParts parts) {
  std::vector<std::string_view> models{parts.embeddings.embedder().name(), kChatModel};
  if (!parts.generator.empty()) models.push_back(parts.generator);
  router.add("POST", "/v1/embeddings", [parts = std::move(parts)](http::Request& request) {
    return create_embeddings(parts, request);
  });
  router.add("GET", "/v1/models", [models](http::Request&) -> net::Task<http::Response> {
    json::array list;
    for (const std::string_view name : models) list.push_back(model_json(name));
    const json::object body{{"object", "list"}, {"data", std::move(list)}};
    co_return http::json_response(200, json_text(body));
  });
  router.add("GET", "/v1/models/{id}",
             [models](http::Request& request) -> net::Task<http::Response> {
               const std::string_view asked = request.path_parameter("id");
               if (std::ranges::find(models, asked) != models.end()) {
                 co_return http::json_response(200, json_text(model_json(asked)));
               }
               const Error error{ErrorCode::kNotFound, "there is no model of that name", "model"};
               co_return error_reply(error, request);
             });
}

} // namespace raglan::node
