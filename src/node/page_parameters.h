// Which page of a list a request asks for: `after`, an id, and `limit`.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "http/request.h"

namespace raglan::node {

struct PageParameters {
  std::string after; // empty: the first page
  std::uint32_t limit = 0;
};

// `usual`: of a request that names no limit. kInvalidField for one that is not 1 to `most`.
Result<PageParameters> page_parameters(const http::Request& request, std::uint32_t usual,
                                       std::uint32_t most);

} // namespace raglan::node
