#include "base/temporary_folder.h"

#include <cstdlib>
#include <set>
#include <string>
#include <system_error>

#include "base/guarded.h"

namespace raglan {
namespace fs = std::filesystem;

namespace {

Guarded<std::set<fs::path>>& existing() {
  static Guarded<std::set<fs::path>> paths;
  return paths;
}

void remove_folder(const fs::path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

} // namespace

Result<TemporaryFolder> TemporaryFolder::make(std::string_view prefix) {
  std::error_code error;
  std::string path = (fs::temp_directory_path(error) / prefix).string() + "XXXXXX";
  if (error || ::mkdtemp(path.data()) == nullptr) {
    return fail(ErrorCode::kUnavailable, "no temporary folder can be made; set TMPDIR");
  }
  existing().with([&](auto& paths) { paths.insert(path); });
  return TemporaryFolder(std::move(path));
}

TemporaryFolder::~TemporaryFolder() {
  if (path_.empty()) return;
  remove_folder(path_);
  existing().with([&](auto& paths) { paths.erase(path_); });
}

void TemporaryFolder::remove_all() {
  existing().with([](auto& paths) {
    for (const fs::path& path : paths) remove_folder(path);
    paths.clear();
  });
}

} // namespace raglan
