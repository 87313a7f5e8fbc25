// Where a model is on disk.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace raglan::app {

// A text with a '/' is the path of a folder. A plain name is looked for in the folders `models/`
// of the working directory, beside the program, of the data folder, and of ./dev's dependencies.
// kNotFound names the places.
Result<std::filesystem::path> find_model(std::string_view model,
                                         const std::filesystem::path& data_folder);

} // namespace raglan::app
