// Bytes that nobody can guess: of keys.
//
// Thread safe.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace raglan::auth {

// kUnavailable when the machine has none.
Result<std::string> random_bytes(std::size_t count);

} // namespace raglan::auth
