#include "postgres/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace raglan::postgres {
namespace {

std::string_view value_of(const Parameters& parameters, std::string_view name,
                          std::string_view otherwise) {
  const auto found = std::ranges::find(
      parameters, name, [](const auto& each) { return std::string_view(each.first); });
  return found == parameters.end() ? otherwise : std::string_view(found->second.reveal());
}

} // namespace

Result<Parameters> parse_url(std::string_view url) {
  char* reason = nullptr; // quotes the URL
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> options(
      PQconninfoParse(std::string(url).c_str(), &reason), &PQconninfoFree);
  PQfreemem(reason);
  if (!options) {
    return fail(ErrorCode::kMalformedRequest,
                "must be postgresql://[user[:password]@]host[:port]/database[?parameter=value…]");
  }
  Parameters parameters;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr)
      parameters.emplace_back(option->keyword, config::Secret(option->val));
  }
  if (value_of(parameters, "host", "").find('@', 1) != std::string_view::npos) {
    // libpq takes the first '@' for the end of the password.
    return fail(ErrorCode::kMalformedRequest,
                "'@' in a user's name or a password must be written %40");
  }
  return parameters;
}

std::string name_of(const Parameters& parameters) {
  return fmt::format("{}:{}/{}", value_of(parameters, "host", "localhost"),
                     value_of(parameters, "port", "5432"), value_of(parameters, "dbname", ""));
}

} // namespace raglan::postgres
