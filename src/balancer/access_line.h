// A line for each request that was answered, or should have been: who asked what, which host
// answered, how it ended, how long it took.
//
// As JSON, an object a line, or in the "combined" format of Apache and nginx, which tools for web
// servers read. Questions are not written: of a path and of a referrer what follows a "?" or "#" is
// left out. No client can begin a line or leave its field: JSON escapes line breaks and quotes, and
// in the combined format quotes, "\", control bytes and all that is not ASCII become \xHH, as with
// nginx.
//
//   {"time":"2026-10-10T13:55:36.120Z","duration_ms":12.345,"client":"10.0.0.9","method":"POST",
//    "path":"/v1/query","http_version":"1.1","status":200,"request_bytes":210,…,"end":"done"}
//   10.0.0.9 - acme [10/Oct/2026:13:55:36 +0000] "POST /v1/query HTTP/1.1" 200 1532 "-" "curl/8.0"
//
// Thread safety: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace raglan::balancer {

enum class AccessLogFormat : std::uint8_t { kOff, kJson, kCombined };

// What is not known is empty; no text needs to be valid UTF-8.
struct AccessRecord {
  WallTime began{};
  Duration took{};
  std::string_view client; // the address
  std::string_view method; // empty: of a request that could not be read
  std::string_view path;
  int minor_version = 1;
  int status = 0;
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  std::string_view host;    // that answered; empty: none, or the balancer itself
  std::size_t attempts = 0; // hosts that it was given to
  std::string_view request_id;
  std::string_view referer;
  std::string_view user_agent;
  std::string_view tenant;
  std::string_view end = "done"; // or a word for what cut it short
};

// With its line break; nothing for kOff.
void append_access_line(AccessLogFormat format, const AccessRecord& record, std::string& out);

} // namespace raglan::balancer
