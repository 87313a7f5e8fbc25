#include "telemetry/resource_usage.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <sstream>

namespace raglan::telemetry {
namespace {

namespace fs = std::filesystem;

// Files of /proc and /sys have no size to ask for. Empty when the file cannot be read.
std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) result.push_back(line);
  return result;
}

// The whole text as a number; "max", "-1" and an absent file are none.
std::optional<std::uint64_t> number(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The number behind a line's first word, which may end in a colon: "MemTotal: 16384 kB".
std::optional<std::uint64_t> number_after(const std::string& text, std::string_view first) {
  for (const std::string& line : lines(text)) {
    if (!line.starts_with(first)) continue;
    const auto parts = words(line.substr(first.size()));
    return parts.empty() ? std::nullopt : number(parts.front());
  }
  return std::nullopt;
}

template <typename T>
void keep_smaller(std::optional<T>& smallest, const std::optional<T>& candidate) {
  if (candidate && (!smallest || *candidate < *smallest)) smallest = candidate;
}

std::optional<double> cores(std::optional<std::uint64_t> quota,
                            std::optional<std::uint64_t> period) {
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

// "0-3,8,10-11" is 7.
int count_list(std::string_view list) {
  int count = 0;
  std::istringstream stream{std::string(list)};
  for (std::string range; std::getline(stream, range, ',');) {
    const std::size_t dash = range.find('-');
    const auto first = number(std::string_view(range).substr(0, dash));
    const auto last =
        dash == std::string::npos ? first : number(std::string_view(range).substr(dash + 1));
    if (first && last && *last >= *first) count += static_cast<int>(*last - *first + 1);
  }
  return count;
}

// `path` below `mount`, then each directory above it, down to the mount itself. A container that
// sees its host's path finds nothing there, and its own group at the mount.
std::vector<fs::path> chain(const fs::path& mount, const fs::path& path) {
  std::vector<fs::path> result;
  fs::path relative = path.relative_path();
  while (!relative.empty()) {
    result.push_back(mount / relative);
    relative = relative.parent_path();
  }
  result.push_back(mount);
  std::error_code ignored;
  std::erase_if(result, [&](const fs::path& group) { return !fs::is_directory(group, ignored); });
  return result;
}

} // namespace

ResourceReader::ResourceReader(fs::path root) : root_(std::move(root)) {}

ProcessUsage ResourceReader::process() const {
  ProcessUsage usage;
  // The second field, the program's name in parentheses, may hold spaces and parentheses itself;
  // what follows the last one are the fields from the third on (proc_pid_stat(5)).
  const std::string stat = read_text(root_ / "proc/self/stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return usage;
  const auto fields = words(stat.substr(name_end + 1));
  const auto field = [&](std::size_t position) -> std::uint64_t {
    return position - 3 < fields.size() ? number(fields[position - 3]).value_or(0) : 0;
  };
  const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  usage.cpu_seconds = static_cast<double>(field(14) + field(15)) / ticks_per_second;
  usage.threads = field(20);
  const auto boot = number_after(read_text(root_ / "proc/stat"), "btime");
  if (boot) {
    usage.start_time_seconds =
        static_cast<double>(*boot) + static_cast<double>(field(22)) / ticks_per_second;
  }
  usage.virtual_bytes = field(23);
  usage.resident_bytes = field(24) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return usage;
}

std::uint64_t ResourceReader::open_fds() const {
  std::error_code error;
  std::uint64_t count = 0;
  fs::directory_iterator entry(root_ / "proc/self/fd", error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) ++count;
  return count;
}

std::uint64_t ResourceReader::max_fds() const {
  return number_after(read_text(root_ / "proc/self/limits"), "Max open files").value_or(0);
}

std::optional<double> ResourceReader::cpu_quota_cores() const {
  std::optional<double> smallest;
  for (const fs::path& group : groups_v2()) {
    const auto parts = words(read_text(group / "cpu.max")); // "150000 100000", "max 100000"
    if (parts.size() == 2) keep_smaller(smallest, cores(number(parts[0]), number(parts[1])));
  }
  for (const fs::path& group : groups_v1("cpu")) {
    keep_smaller(smallest, cores(number(read_text(group / "cpu.cfs_quota_us")),
                                 number(read_text(group / "cpu.cfs_period_us"))));
  }
  return smallest;
}

int ResourceReader::available_cores() const {
  int available = 0;
  for (const std::string& line : lines(read_text(root_ / "proc/self/status"))) {
    constexpr std::string_view kName = "Cpus_allowed_list:";
    if (!line.starts_with(kName)) continue;
    const auto parts = words(line.substr(kName.size()));
    if (!parts.empty()) available = count_list(parts.front());
  }
  available = std::max(1, available);
  if (const auto quota = cpu_quota_cores()) {
    available = std::min(available, std::max(1, static_cast<int>(std::ceil(*quota))));
  }
  return available;
}

std::optional<std::uint64_t> ResourceReader::memory_limit_bytes() const {
  std::optional<std::uint64_t> smallest;
  if (const auto total_kib = number_after(read_text(root_ / "proc/meminfo"), "MemTotal:")) {
    smallest = *total_kib * 1024;
  }
  for (const fs::path& group : groups_v2()) {
    keep_smaller(smallest, number(read_text(group / "memory.max")));
  }
  for (const fs::path& group : groups_v1("memory")) {
    // "No limit" is a number near 2^63 here; the machine's memory is always less.
    keep_smaller(smallest, number(read_text(group / "memory.limit_in_bytes")));
  }
  return smallest;
}

std::uint64_t ResourceReader::memory_usage_bytes() const {
  const auto working_set = [](const fs::path& group, const char* usage_file,
                              std::string_view inactive) -> std::optional<std::uint64_t> {
    const auto usage = number(read_text(group / usage_file));
    if (!usage) return std::nullopt;
    const auto cache = number_after(read_text(group / "memory.stat"), inactive);
    return *usage - std::min(*usage, cache.value_or(0));
  };
  for (const fs::path& group : groups_v2()) {
    if (const auto usage = working_set(group, "memory.current", "inactive_file")) return *usage;
  }
  for (const fs::path& group : groups_v1("memory")) {
    const auto usage = working_set(group, "memory.usage_in_bytes", "total_inactive_file");
    if (usage) return *usage;
  }
  return process().resident_bytes;
}

std::vector<fs::path> ResourceReader::groups_v2() const {
  for (const std::string& line : lines(read_text(root_ / "proc/self/cgroup"))) {
    if (line.starts_with("0::")) return chain(root_ / "sys/fs/cgroup", line.substr(3));
  }
  return {};
}

std::vector<fs::path> ResourceReader::groups_v1(std::string_view controller) const {
  // "4:cpu,cpuacct:/some/group": the hierarchy is mounted under the name of its controllers.
  for (const std::string& line : lines(read_text(root_ / "proc/self/cgroup"))) {
    const std::size_t names_begin = line.find(':') + 1;
    const std::size_t names_end = line.find(':', names_begin);
    if (names_begin == 0 || names_end == std::string::npos) continue;
    const std::string names = line.substr(names_begin, names_end - names_begin);
    std::istringstream stream(names);
    for (std::string name; std::getline(stream, name, ',');) {
      if (name != controller) continue;
      const fs::path mount = root_ / "sys/fs/cgroup" / names;
      std::error_code ignored;
      return chain(fs::is_directory(mount, ignored) ? mount : root_ / "sys/fs/cgroup" / name,
                   line.substr(names_end + 1));
    }
  }
  return {};
}

std::vector<Registration> register_resource_metrics(MetricRegistry& metrics,
                                                    ResourceReader reader) {
  std::vector<Registration> registrations;
  const auto add = [&](MetricKind kind, std::string_view name, std::string_view help, auto read) {
    registrations.push_back(metrics.callback(
        kind, name, help, {}, [reader, read] { return static_cast<double>(read(reader)); }));
  };
  using Reader = const ResourceReader&;
  add(MetricKind::kCounter, "process_cpu_seconds_total", "User and system CPU time spent.",
      [](Reader r) { return r.process().cpu_seconds; });
  add(MetricKind::kGauge, "process_start_time_seconds", "Start time since the Unix epoch.",
      [](Reader r) { return r.process().start_time_seconds; });
  add(MetricKind::kGauge, "process_resident_memory_bytes", "Resident memory size.",
      [](Reader r) { return r.process().resident_bytes; });
  add(MetricKind::kGauge, "process_virtual_memory_bytes", "Virtual memory size.",
      [](Reader r) { return r.process().virtual_bytes; });
  add(MetricKind::kGauge, "process_threads", "Operating system threads.",
      [](Reader r) { return r.process().threads; });
  add(MetricKind::kGauge, "process_open_fds", "Open file descriptors.",
      [](Reader r) { return r.open_fds(); });
  add(MetricKind::kGauge, "process_max_fds", "Maximum number of open file descriptors.",
      [](Reader r) { return r.max_fds(); });
  add(MetricKind::kGauge, "raglan_cpu_available_cores",
      "Cores that the affinity and the CPU quota allow.",
      [](Reader r) { return r.available_cores(); });
  add(MetricKind::kGauge, "raglan_memory_limit_bytes",
      "Memory that the control group or the machine allows.",
      [](Reader r) { return r.memory_limit_bytes().value_or(0); });
  add(MetricKind::kGauge, "raglan_memory_usage_bytes",
      "Memory of the control group that cannot be taken back at once.",
      [](Reader r) { return r.memory_usage_bytes(); });
  return registrations;
}

} // namespace raglan::telemetry
