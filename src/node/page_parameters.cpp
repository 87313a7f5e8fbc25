#include "node/page_parameters.h"

#include <charconv>

#include <fmt/format.h>

namespace raglan::node {

Result<PageParameters> page_parameters(const http::Request& request, std::uint32_t usual,
                                       std::uint32_t most) {
  auto parameters = request.query_parameters();
  if (!parameters) return forward_error(parameters);
  PageParameters page{"", usual};
  for (const auto& [name, value] : *parameters) {
    if (name == "after") page.after = value;
    if (name != "limit") continue;
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, page.limit);
    if (error != std::errc() || stop != end || page.limit == 0 || page.limit > most) {
      return fail(ErrorCode::kInvalidField,
                  fmt::format("'limit' must be a whole number from 1 to {}", most), "limit");
    }
  }
  return page;
}

} // namespace raglan::node
