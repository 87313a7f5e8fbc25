#include "base/log.h"

#include <atomic>
#include <cstdio>
#include <ctime>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/control_characters.h"
#include "base/json_escape.h"

namespace raglan {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kInfo};
std::atomic<LogFormat> g_format{LogFormat::kText};

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarning: return "warning";
    case LogLevel::kError: return "error";
    case LogLevel::kOff: break;
  }
  return "off";
}

std::string timestamp() {
  using namespace std::chrono;
  const WallTime now = SystemClock::instance().wall_now();
  const std::time_t seconds = system_clock::to_time_t(now);
  const auto millis = duration_cast<milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, millis);
}

} // namespace

void configure_log(LogLevel level, LogFormat format) {
  g_level = level;
  g_format = format;
}

void write_log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (level < g_level.load(std::memory_order_relaxed) || level == LogLevel::kOff) return;
  std::string line;
  if (g_format.load(std::memory_order_relaxed) == LogFormat::kJson) {
    line = fmt::format(R"({{"time":"{}","level":"{}","event":"{}")", timestamp(), level_name(level),
                       json_escape(event));
    for (const LogField& field : fields) {
      line += field.quoted ? fmt::format(R"(,"{}":"{}")", field.name, json_escape(field.value))
                           : fmt::format(R"(,"{}":{})", field.name, field.value);
    }
    line += "}\n";
  } else {
    line = fmt::format("{} {:7} {}", timestamp(), level_name(level), event);
    for (const LogField& field : fields) {
      line += fmt::format(" {}={}", field.name, escape_control_characters(field.value));
    }
    line += '\n';
  }
  // One fwrite per line: stdio's own lock keeps lines whole.
  std::fwrite(line.data(), 1, line.size(), stderr);
}

} // namespace raglan
