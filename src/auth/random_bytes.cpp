#include "auth/random_bytes.h"

#include <openssl/rand.h>

namespace raglan::auth {

Result<std::string> random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    return fail(ErrorCode::kUnavailable, "this machine has no random numbers to give");
  }
  return bytes;
}

} // namespace raglan::auth
