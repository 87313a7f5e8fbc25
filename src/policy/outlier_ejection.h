// Takes hosts that answer, but answer badly, out of rotation for a while: passive health checks.
//
// An active check may find a host well that fails every real request. So its answers are watched:
// `consecutive_failures` in a row that are 5xx or lost connections, and it is ejected (Envoy's
// outlier detection). For how long: `base_ejection_time` times how often it was ejected lately, at
// most `max_ejection_time`. That count falls by one for each `base_ejection_time` in which it is
// not ejected, and does not grow beyond what makes the longest ejection. After its time the host is
// simply back, and again needs `consecutive_failures` in a row to be ejected.
//
// Never more than `max_ejected_ratio` of the hosts are ejected at a time: when all fail, the cause
// is not a host. A host that is spared for that goes on counting, and is ejected by its next
// failure once there is room. When hosts leave and too many of the rest are ejected, those are back
// first that would have been anyway.
//
// What ends while a host is ejected does not count, good or bad: those requests were begun before
// (or are made because all hosts are used, see `panics` in policy/host_health.h). Nor does what
// says nothing of the host, such as a client that went away: it is not to be reported.
//
// Thread safety: none; one for all hosts of a balancer belongs into a Guarded<OutlierEjection>. A
// good answer of a host with `failures_in_a_row` of zero changes nothing and need not be reported.
// `now` that runs backwards only makes ejections longer.
//
//   if (const auto ejection = ejections.ended(host, ExchangeEnd::kServerError, now)) {
//     …the host gets no requests until ejection->until…
//   }
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/table.h"

namespace raglan::policy {

struct OutlierEjectionConfig {
  bool enabled = true;
  std::size_t consecutive_failures = 5;
  std::chrono::milliseconds base_ejection_time{30'000};
  std::chrono::milliseconds max_ejection_time{300'000};
  double max_ejected_ratio = 0.5;
};

inline void describe(config::Table<OutlierEjectionConfig>& table) {
  using C = OutlierEjectionConfig;
  using std::chrono::milliseconds;
  table.field("enabled", &C::enabled,
              "whether hosts whose answers fail get no requests for a while, whatever their checks "
              "say");
  table
      .field("consecutive_failures", &C::consecutive_failures,
             "5xx answers and lost connections in a row after which a host is ejected")
      .min(1)
      .max(1000);
  table
      .field("base_ejection_time", &C::base_ejection_time,
             "how long the first time; twice as long the second, and so on")
      .min(milliseconds(1))
      .max(std::chrono::hours(1));
  table.field("max_ejection_time", &C::max_ejection_time, "longest ejection")
      .min(milliseconds(1))
      .max(std::chrono::hours(24));
  table.ratio("max_ejected_ratio", &C::max_ejected_ratio,
              "share of the hosts that may be ejected at a time");
  table.rule("max_ejection_time must be at least base_ejection_time",
             [](const C& config) { return config.max_ejection_time >= config.base_ejection_time; });
}

// How an exchange with a host ended.
enum class ExchangeEnd : std::uint8_t {
  kAnswered,       // with anything below 500
  kServerError,    // 5xx
  kConnectionLost, // or not made, or the answer did not come in time
};

struct Ejection {
  std::uint64_t host = 0;
  std::size_t server_errors = 0; // of the failures in a row
  std::size_t connections_lost = 0;
  std::size_t multiple = 0; // of the base time
  MonotonicTime at{};
  MonotonicTime until{};
};
// "6 failures in a row: 4 answers 5xx, 2 connections lost"
std::string ejection_reason(const Ejection& ejection);

class OutlierEjection {
 public:
  explicit OutlierEjection(OutlierEjectionConfig config = {}) : config_(config) {}

  // The hosts are these from now on; what is known of those that stay is kept. Those that are back
  // before their time.
  std::vector<std::uint64_t> set_hosts(std::span<const std::uint64_t> hosts, MonotonicTime now);

  // The ejection that the end of an exchange led to. Empty: none; or the host is not known.
  std::optional<Ejection> ended(std::uint64_t host, ExchangeEnd end, MonotonicTime now);

  bool ejected(std::uint64_t host, MonotonicTime now) const;

  struct Status {
    bool ejected = false;
    std::size_t failures_in_a_row = 0;
    std::size_t multiple = 0;     // of the base time; the next ejection is one more
    std::uint64_t ejections = 0;  // so far
    std::uint64_t spared = 0;     // failures so far after which there was no room for an ejection
    std::optional<Ejection> last; // its latest ejection, over or not
  };
  Status status(std::uint64_t host, MonotonicTime now) const;

 private:
  struct Host {
    std::uint64_t id = 0;
    std::size_t server_errors = 0; // in a row, with
    std::size_t connections_lost = 0;
    std::uint64_t ejections = 0;
    std::uint64_t spared = 0;
    std::optional<Ejection> last{};

    bool ejected(MonotonicTime now) const { return last && now < last->until; }
  };

  const Host* find(std::uint64_t id) const;
  std::size_t multiple(const Host& host, MonotonicTime now) const;
  std::size_t ejected_count(MonotonicTime now) const;
  std::size_t max_ejected() const;
  void eject(Host& host, MonotonicTime now) const;

  OutlierEjectionConfig config_;
  std::vector<Host> hosts_;
};

} // namespace raglan::policy
