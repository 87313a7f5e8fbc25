#include "app/model_path.h"

#include <array>

#include <fmt/format.h>

namespace raglan::app {
namespace fs = std::filesystem;

Result<fs::path> find_model(std::string_view model, const fs::path& data_folder) {
  std::error_code error;
  if (model.find('/') != model.npos) {
    if (fs::is_directory(model, error)) return fs::path(model);
    return fail(ErrorCode::kNotFound, fmt::format("there is no model folder {}", model));
  }
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  const std::array<fs::path, 4> parents = {data_folder / "models", "models", program / "models",
                                           fs::path(RAGLAN_DEPS) / "models"};
  std::string places;
  for (const fs::path& parent : parents) {
    if (fs::is_directory(parent / model, error)) return parent / model;
    places += fmt::format("\n  {}", (parent / model).string());
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("there is no model \"{}\"; looked for it in{}\n./dev build fetches "
                          "all-MiniLM-L6-v2; embedding.model may also be the path of a folder",
                          model, places));
}

} // namespace raglan::app
