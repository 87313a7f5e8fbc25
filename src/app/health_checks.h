// What `raglan doctor` looks at, one function a subject. Each looks and changes nothing, but for
// the data folder, in which a file is created and removed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/settings.h"

namespace raglan::app {

enum class Health { kOk, kWarning, kFailed };

struct Finding {
  std::string subject; // "model"
  Health health = Health::kOk;
  std::string text;   // what was found
  std::string advice; // what to do; empty when all is well
};

Finding check_machine(); // cores, instruction sets, memory, open files
Finding check_model(const Settings& settings, const std::filesystem::path& data_folder);
Finding check_data_folder(const std::filesystem::path& data_folder);
Finding check_database(const Settings& settings, const std::filesystem::path& data_folder);
Finding check_listening(const Settings& settings); // whether the address is free

} // namespace raglan::app
