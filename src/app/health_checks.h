// What `raglan doctor` looks at, one function a subject. Documents and settings
// stay as they are; a probing file is created and removed in the data folder, and the store is
// opened as a node opens it, which may migrate an older one.
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
struct ModelFinding {
  Finding finding;
  std::string id; // empty when it could not be loaded
};
ModelFinding check_model(const Settings& settings, const std::filesystem::path& data_folder);
Finding check_data_folder(const std::filesystem::path& data_folder);
// `model_id`: of the model that the collections should have been embedded with; empty: not known.
// With PostgreSQL each of its replicas, too.
std::vector<Finding> check_database(const Settings& settings,
                                    const std::filesystem::path& data_folder,
                                    std::string_view model_id);
Finding check_listening(const Settings& settings); // whether the address is free

} // namespace raglan::app
