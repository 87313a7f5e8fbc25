#include "loadtest/metrics_text.h"

#include <charconv>

namespace raglan::loadtest {

double MetricsText::sum(std::string_view name, std::string_view label) const {
  double sum = 0;
  for (std::string_view rest = text_; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!line.starts_with(name)) continue;
    const std::string_view after = line.substr(name.size());
    if (!after.starts_with(' ') && !after.starts_with('{')) continue; // a longer name
    const std::size_t blank = after.rfind(' ');
    if (!label.empty() && after.substr(0, blank).find(label) == after.npos) continue;
    double value = 0;
    std::from_chars(after.data() + blank + 1, after.data() + after.size(), value);
    sum += value;
  }
  return sum;
}

} // namespace raglan::loadtest
