// All metrics of a process, and their text for GET /metrics.
//
//   MetricRegistry metrics;
//   auto& requests = metrics.counters("raglan_http_requests_total", "Requests answered.",
//                                     {"route", "code"});
//   requests.with("/v1/query", "200").add();
//   auto& latency = metrics.histogram("raglan_http_request_duration_seconds", "Time to answer.");
//   latency.observe(clock.now() - start);
//   const Registration depth = metrics.callback(MetricKind::kGauge, "raglan_queue_depth",
//                                               "Tasks waiting.", {{"executor", "store"}},
//                                               [&] { return double(queue.size()); });
//
// Asking for a metric that exists gives the same one, so two users need not know of each other.
// Asking for it as another kind, with other labels, or by an impossible name is a mistake in the
// program, found the first time it runs: the process aborts and says so.
//
// A scrape collects what there is under the registry's lock and reads and formats it without:
// nobody who counts or registers waits for it. Instruments live as long as the registry. A
// Registration removes its callback when destroyed, and waits for a scrape that is just calling it,
// so the callback may use what its owner has; it may use the registry too, but must not destroy its
// own Registration, nor wait for a lock that is held while that is destroyed. Thread safe.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/guarded.h"
#include "telemetry/family.h"

namespace raglan::telemetry {

// A function that can be taken away while others may be calling it.
class RevocableCallback {
 public:
  explicit RevocableCallback(std::function<double()> read) : read_(std::move(read)) {}
  // Empty once it is revoked.
  std::optional<double> read() const;
  // Waits for a call that is under way; there is none afterwards.
  void revoke();

 private:
  Guarded<std::function<double()>> read_; // one lock for each, held while it is called
};

// Keeps a callback registered.
class Registration {
 public:
  Registration() = default;
  explicit Registration(std::shared_ptr<RevocableCallback> callback)
      : callback_(std::move(callback)) {}
  Registration(Registration&&) noexcept = default;
  Registration& operator=(Registration&& other) noexcept;
  ~Registration();

 private:
  std::shared_ptr<RevocableCallback> callback_;
};

class MetricRegistry {
 public:
  Counter& counter(std::string_view name, std::string_view help) {
    return family<Counter, 0>(MetricKind::kCounter, name, help, {}, kMaxSeries).with();
  }
  Gauge& gauge(std::string_view name, std::string_view help) {
    return family<Gauge, 0>(MetricKind::kGauge, name, help, {}, kMaxSeries).with();
  }
  Histogram& histogram(std::string_view name, std::string_view help,
                       std::span<const double> bounds = latency_bounds()) {
    return family<Histogram, 0>(MetricKind::kHistogram, name, help, {}, kMaxSeries, bounds).with();
  }

  template <std::size_t N>
  Family<Counter, N>& counters(std::string_view name, std::string_view help,
                               const std::string_view (&labels)[N],
                               std::size_t max_series = kMaxSeries) {
    return family<Counter, N>(MetricKind::kCounter, name, help, labels, max_series);
  }
  template <std::size_t N>
  Family<Gauge, N>& gauges(std::string_view name, std::string_view help,
                           const std::string_view (&labels)[N],
                           std::size_t max_series = kMaxSeries) {
    return family<Gauge, N>(MetricKind::kGauge, name, help, labels, max_series);
  }
  template <std::size_t N>
  Family<Histogram, N>& histograms(std::string_view name, std::string_view help,
                                   const std::string_view (&labels)[N],
                                   std::span<const double> bounds = latency_bounds(),
                                   std::size_t max_series = kMaxSeries) {
    return family<Histogram, N>(MetricKind::kHistogram, name, help, labels, max_series, bounds);
  }

  // A counter or a gauge whose value is read when it is asked for. Callbacks under one name with
  // different labels are one metric; the same name and labels again replace the callback.
  [[nodiscard]] Registration callback(MetricKind kind, std::string_view name, std::string_view help,
                                      Labels labels, std::function<double()> read);

  // Prometheus' text format 0.0.4, metrics in the order of their names.
  std::string text() const;

 private:
  struct Entry {
    MetricKind kind;
    std::string help;
    std::unique_ptr<Metric> metric;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  template <typename Instrument, std::size_t N>
  Family<Instrument, N>& family(MetricKind kind, std::string_view name, std::string_view help,
                                std::span<const std::string_view> labels, std::size_t max_series,
                                std::span<const double> bounds = {}) {
    std::array<std::string, N> names;
    for (std::size_t i = 0; i < N; ++i) names[i] = labels[i];
    Metric& metric = obtain(kind, name, help, labels, [&]() -> std::unique_ptr<Metric> {
      typename Family<Instrument, N>::Make make;
      if constexpr (std::is_same_v<Instrument, Histogram>) {
        make = [kept = std::vector(bounds.begin(), bounds.end())] {
          return std::make_unique<Histogram>(kept);
        };
      } else {
        make = [] { return std::make_unique<Instrument>(); };
      }
      return std::make_unique<Family<Instrument, N>>(names, max_series, std::move(make));
    });
    auto* typed = dynamic_cast<Family<Instrument, N>*>(&metric);
    if (typed == nullptr || typed->labels() != names) reject(name, "has another kind or labels");
    return *typed;
  }

  // The metric of that name, made if there is none.
  Metric& obtain(MetricKind kind, std::string_view name, std::string_view help,
                 std::span<const std::string_view> labels,
                 const std::function<std::unique_ptr<Metric>()>& make);
  [[noreturn]] static void reject(std::string_view name, std::string_view why);

  Guarded<Entries> entries_;
};

} // namespace raglan::telemetry
