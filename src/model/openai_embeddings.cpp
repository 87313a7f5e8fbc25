#include "model/openai_embeddings.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>

#include "base/base64.h"
#include "base/json_text.h"

namespace raglan::model {
namespace json = boost::json;
namespace {

static_assert(std::endian::native == std::endian::little, "vectors travel as little-endian floats");

std::unexpected<Error> bad_reply(std::string_view what) {
  return fail(ErrorCode::kUpstream, std::string("the embedding provider's answer ").append(what));
}

const json::value* member(const json::value& value, std::string_view name) {
  const json::object* object = value.if_object();
  return object ? object->if_contains(name) : nullptr;
}

std::optional<std::vector<float>> read_numbers(const json::array& numbers) {
  std::vector<float> vector;
  vector.reserve(numbers.size());
  for (const json::value& number : numbers) {
    if (!number.is_number()) return std::nullopt;
    vector.push_back(static_cast<float>(number.to_number<double>()));
  }
  return vector;
}

std::optional<std::vector<float>> read_vector(const json::value& value) {
  if (const json::array* numbers = value.if_array()) return read_numbers(*numbers);
  const json::string* text = value.if_string();
  if (!text) return std::nullopt;
  const auto bytes = base64_decode(*text);
  if (!bytes || bytes->size() % sizeof(float) != 0) return std::nullopt;
  std::vector<float> vector(bytes->size() / sizeof(float));
  if (!bytes->empty()) std::memcpy(vector.data(), bytes->data(), bytes->size());
  return vector;
}

// False for a vector that has no direction: zero, or not finite.
bool normalise(std::span<float> vector) {
  double sum = 0;
  for (const float value : vector) sum += static_cast<double>(value) * value;
  if (!std::isfinite(sum) || sum <= 0) return false;
  const double length = std::sqrt(sum);
  for (float& value : vector) value = static_cast<float>(value / length);
  return true;
}

std::size_t read_tokens(const json::value& reply) {
  const json::value* usage = member(reply, "usage");
  if (!usage) return 0;
  for (const std::string_view name : {"prompt_tokens", "total_tokens"}) {
    const json::value* tokens = member(*usage, name);
    if (tokens && tokens->is_int64() && tokens->get_int64() >= 0) {
      return static_cast<std::size_t>(tokens->get_int64());
    }
  }
  return 0;
}

// Where an entry's vector belongs: its "index", else its place in the list, as some servers leave
// the index out.
std::optional<std::size_t> read_index(const json::value& entry, std::size_t place) {
  const json::value* index = member(entry, "index");
  if (!index) return place;
  if (!index->is_int64() || index->get_int64() < 0) return std::nullopt;
  return static_cast<std::size_t>(index->get_int64());
}

} // namespace

std::string embeddings_request(std::string_view model, const std::vector<std::string_view>& texts,
                               std::size_t dimension) {
  json::object body{{"model", model}, {"encoding_format", "base64"}};
  if (dimension > 0) body["dimensions"] = dimension;
  json::array& input = body["input"].emplace_array();
  input.reserve(texts.size());
  for (const std::string_view text : texts) input.emplace_back(text);
  return json_text(body);
}

json::object embeddings_reply(const Embeddings& made, std::string_view model, bool base64) {
  json::array list;
  for (std::size_t row = 0; row < made.rows(); ++row) {
    const auto vector = std::span(made.values).subspan(row * made.dimension, made.dimension);
    json::object entry{{"object", "embedding"}, {"index", row}};
    if (base64) {
      entry["embedding"] = base64_encode(std::as_bytes(vector));
    } else {
      entry["embedding"] = json::array(vector.begin(), vector.end());
    }
    list.push_back(std::move(entry));
  }
  return {{"object", "list"},
          {"data", std::move(list)},
          {"model", model},
          {"usage", {{"prompt_tokens", made.tokens}, {"total_tokens", made.tokens}}}};
}

Result<Embeddings> read_embeddings_reply(std::string_view reply, std::size_t texts,
                                         std::size_t dimension) {
  json::monotonic_resource memory;
  boost::system::error_code failure;
  const json::value value = json::parse(reply, failure, &memory);
  if (failure) return bad_reply("is not JSON");
  const json::value* data = member(value, "data");
  const json::array* list = data ? data->if_array() : nullptr;
  if (!list) return bad_reply("has no list of vectors");
  if (list->size() != texts) return bad_reply("has a wrong number of vectors");
  Embeddings made{dimension, {}, read_tokens(value)};
  std::vector<bool> filled(texts);
  for (std::size_t place = 0; place < texts; ++place) {
    const json::value& entry = (*list)[place];
    const auto index = read_index(entry, place);
    if (!index || *index >= texts || filled[*index]) return bad_reply("has wrong indexes");
    const json::value* embedding = member(entry, "embedding");
    auto vector = embedding ? read_vector(*embedding) : std::nullopt;
    if (!vector) return bad_reply("has an entry that is no vector");
    if (made.dimension == 0) made.dimension = vector->size();
    if (vector->size() != made.dimension || vector->empty()) {
      return bad_reply("has vectors of a wrong dimension");
    }
    if (!normalise(*vector)) return bad_reply("has a vector without a direction");
    if (made.values.empty()) made.values.resize(texts * made.dimension);
    std::ranges::copy(*vector,
                      made.values.begin() + static_cast<std::ptrdiff_t>(*index * made.dimension));
    filled[*index] = true;
  }
  return made;
}

} // namespace raglan::model
