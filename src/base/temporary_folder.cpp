#include "base/temporary_folder.h"

#include <cstdlib>
#include <string>
#include <system_error>

namespace raglan {
namespace fs = std::filesystem;

Result<TemporaryFolder> TemporaryFolder::make(std::string_view prefix) {
  std::error_code error;
  std::string path = (fs::temp_directory_path(error) / prefix).string() + "XXXXXX";
  if (error || ::mkdtemp(path.data()) == nullptr) {
    return fail(ErrorCode::kUnavailable, "no temporary folder can be made; set TMPDIR");
  }
  return TemporaryFolder(std::move(path));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

} // namespace raglan
