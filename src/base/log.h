// The process's log: one line per event on stderr, as text or as JSON.
//
//   log_info("index rebuilt", {{"collection", name}, {"chunks", count}});
//
// Rules: the event is a constant phrase, everything variable is a field. Never log document text, a
// query, a secret, or a request body. No value can begin a line: JSON escapes line breaks, and in a
// line of text every control character is escaped. Thread safe. Lines below the level cost one
// comparison.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

#include <fmt/core.h>

namespace raglan {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat { kText, kJson };

struct LogField {
  template <typename T>
  LogField(std::string_view name, const T& value)
      : name(name), value(fmt::format("{}", value)), quoted(!std::is_arithmetic_v<T>) {}
  std::string_view name;
  std::string value;
  bool quoted; // in JSON: numbers stay numbers
};

void configure_log(LogLevel level, LogFormat format);
void write_log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);

inline void log_debug(std::string_view event, std::initializer_list<LogField> fields = {}) {
  write_log(LogLevel::kDebug, event, fields);
}
inline void log_info(std::string_view event, std::initializer_list<LogField> fields = {}) {
  write_log(LogLevel::kInfo, event, fields);
}
inline void log_warning(std::string_view event, std::initializer_list<LogField> fields = {}) {
  write_log(LogLevel::kWarning, event, fields);
}
inline void log_error(std::string_view event, std::initializer_list<LogField> fields = {}) {
  write_log(LogLevel::kError, event, fields);
}

} // namespace raglan
