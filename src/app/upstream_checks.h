// What `raglan doctor` looks at outside the machine, where the settings name it: language models,
// Redis; and the list of questions to warm up with. Each is asked once.
#pragma once

#include <vector>

#include "app/health_checks.h"

namespace raglan::app {

// A few words of each model behind an API; whether the one on this machine is set up. None without
// one.
std::vector<Finding> check_generation(const Settings& settings,
                                      const std::filesystem::path& data_folder);
// None without Redis; without the list.
std::vector<Finding> check_redis(const Settings& settings);
std::vector<Finding> check_warmup_list(const Settings& settings);

} // namespace raglan::app
