#include "balancer/access_line.h"

#include <array>
#include <chrono>
#include <iterator>

#include <fmt/compile.h>
#include <fmt/format.h>

#include "base/json_escape.h"
#include "base/utf8.h"

namespace raglan::balancer {
namespace {

std::string_view without_query(std::string_view uri) {
  return uri.substr(0, uri.find_first_of("?#"));
}

// In UTC.
struct CivilTime {
  explicit CivilTime(WallTime time)
      : day(std::chrono::floor<std::chrono::days>(time)),
        clock(std::chrono::floor<std::chrono::milliseconds>(
            time - std::chrono::floor<std::chrono::days>(time))) {}

  int year() const { return static_cast<int>(day.year()); }
  unsigned month() const { return static_cast<unsigned>(day.month()); }
  unsigned day_of_month() const { return static_cast<unsigned>(day.day()); }

  std::chrono::year_month_day day;
  std::chrono::hh_mm_ss<std::chrono::milliseconds> clock;
};

// FMT_COMPILE: to read the formats again for each line took as long as all the rest of it.

// ---- JSON

void append_json(std::string& out, std::string_view name, std::string_view value) {
  out += ",\"";
  out += name;
  out += "\":\"";
  if (is_valid_utf8(value)) {
    append_json_escaped(out, value);
  } else {
    append_json_escaped(out, replace_invalid_utf8(value));
  }
  out += '"';
}

void append_json(std::string& out, std::string_view name, std::uint64_t value) {
  const fmt::format_int digits(value);
  out += ",\"";
  out += name;
  out += "\":";
  out.append(digits.data(), digits.size());
}

void append_json_line(const AccessRecord& record, std::string& out) {
  const CivilTime time(record.began);
  fmt::format_to(
      std::back_inserter(out),
      FMT_COMPILE(R"({{"time":"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z","duration_ms":{:.3f})"),
      time.year(), time.month(), time.day_of_month(), time.clock.hours().count(),
      time.clock.minutes().count(), time.clock.seconds().count(), time.clock.subseconds().count(),
      to_milliseconds(record.took));
  append_json(out, "client", record.client);
  append_json(out, "method", record.method);
  append_json(out, "path", without_query(record.path));
  append_json(out, "http_version", record.minor_version == 0 ? "1.0" : "1.1");
  append_json(out, "status", static_cast<std::uint64_t>(record.status));
  append_json(out, "request_bytes", record.request_bytes);
  append_json(out, "response_bytes", record.response_bytes);
  append_json(out, "host", record.host);
  append_json(out, "attempts", record.attempts);
  append_json(out, "request_id", record.request_id);
  append_json(out, "referer", without_query(record.referer));
  append_json(out, "user_agent", record.user_agent);
  append_json(out, "tenant", record.tenant);
  append_json(out, "end", record.end);
  out += "}\n";
}

// ---- combined

constexpr bool stands_as_it_is(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

void append_escaped(std::string& out, std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::size_t begin = 0; // of what is not written yet
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (stands_as_it_is(text[at])) continue;
    const auto byte = static_cast<std::uint8_t>(text[at]);
    out.append(text, begin, at - begin);
    out += "\\x";
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0x0f];
    begin = at + 1;
  }
  out.append(text, begin);
}

// Between blanks, and without quotes: a blank in it is one too many.
void append_word(std::string& out, std::string_view text) {
  if (text.empty()) out += '-';
  while (!text.empty()) {
    const std::size_t blank = text.find(' ');
    append_escaped(out, text.substr(0, blank));
    if (blank == text.npos) return;
    out += "\\x20";
    text.remove_prefix(blank + 1);
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += " \"";
  append_escaped(out, text.empty() ? "-" : text);
  out += '"';
}

void append_combined_line(const AccessRecord& record, std::string& out) {
  static constexpr std::array<std::string_view, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const CivilTime time(record.began);
  append_word(out, record.client);
  out += " - "; // identd's word, which nobody has
  append_word(out, record.tenant);
  fmt::format_to(std::back_inserter(out),
                 FMT_COMPILE(" [{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000] \""), time.day_of_month(),
                 kMonths[time.month() - 1], time.year(), time.clock.hours().count(),
                 time.clock.minutes().count(), time.clock.seconds().count());
  if (record.method.empty()) {
    out += '-';
  } else {
    append_escaped(out, record.method);
    out += ' ';
    append_escaped(out, without_query(record.path));
    out += record.minor_version == 0 ? " HTTP/1.0" : " HTTP/1.1";
  }
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("\" {:03} {}"), record.status,
                 record.response_bytes);
  append_quoted(out, without_query(record.referer));
  append_quoted(out, record.user_agent);
  out += '\n';
}

} // namespace

void append_access_line(AccessLogFormat format, const AccessRecord& record, std::string& out) {
  switch (format) {
    case AccessLogFormat::kOff: break;
    case AccessLogFormat::kJson: append_json_line(record, out); break;
    case AccessLogFormat::kCombined: append_combined_line(record, out); break;
  }
}

} // namespace raglan::balancer
