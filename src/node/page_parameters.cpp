#include "node/page_parameters.h"

#include <fmt/format.h>

#include "base/read_number.h"

namespace raglan::node {

Result<PageParameters> page_parameters(const http::Request& request, std::uint32_t usual,
                                       std::uint32_t most) {
  auto parameters = request.query_parameters();
  if (!parameters) return forward_error(parameters);
  PageParameters page{"", usual};
  for (const auto& [name, value] : *parameters) {
    if (name == "after") page.after = value;
    if (name != "limit") continue;
    if (!read_number(value, page.limit) || page.limit == 0 || page.limit > most) {
      return fail(ErrorCode::kInvalidField,
                  fmt::format("'limit' must be a whole number from 1 to {}", most), "limit");
    }
  }
  return page;
}

} // namespace raglan::node
