// A metric with labels: one instrument per combination of label values.
//
// The number of combinations is bounded, because label values come from outside: the one that would
// exceed the maximum, and all new ones after it, share one series whose label values are all
// "other". Values are made valid UTF-8 and cut to kMaxLabelBytes.
//
// `with` finds what was asked for before by a hash, without a lock; else by a lock and a search.
// What it returns is lock-free and lives as long as the family. Thread safe.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/guarded.h"
#include "telemetry/exposition.h"
#include "telemetry/histogram.h"
#include "telemetry/metrics.h"

namespace raglan::telemetry {

inline constexpr std::size_t kMaxSeries = 256;
inline constexpr std::size_t kMaxLabelBytes = 128;

// The value as it stands in a label.
std::string label_value(std::string_view text);

// What the registry knows of every metric.
class Metric {
 public:
  virtual ~Metric() = default;
  // Holds no lock while it formats: whoever counts must not wait for a scrape.
  virtual void write(std::string_view name, Exposition& out) const = 0;
};

template <typename Instrument, std::size_t N>
class Family final : public Metric {
 public:
  using Names = std::array<std::string, N>;
  using Values = std::array<std::string, N>;
  using Make = std::function<std::unique_ptr<Instrument>()>;

  Family(Names labels, std::size_t max_series, Make make)
      : labels_(std::move(labels)), max_series_(max_series), make_(std::move(make)) {}

  const Names& labels() const { return labels_; }

  // One value per label, in the order of the labels' names.
  template <std::convertible_to<std::string_view>... Texts>
    requires(sizeof...(Texts) == N)
  Instrument& with(const Texts&... values) {
    const std::array<std::string_view, N> key{std::string_view(values)...};
    Known& known = known_[place_of(key)];
    const Entry* entry = known.load(std::memory_order_acquire);
    if (entry == nullptr || !std::ranges::equal(entry->first, key)) {
      entry = series_.with([&](Series& series) {
        const auto found = series.find(key);
        return found != series.end() ? &*found : add(series, key);
      });
      // Those that count as "other" are not what was asked for, and go by the lock each time.
      if (std::ranges::equal(entry->first, key)) known.store(entry, std::memory_order_release);
    }
    return *entry->second;
  }

  // Calls visit(values, instrument) for every series that is there now, in the order of their
  // values, without a lock: a series never goes, and stays where it is.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    std::vector<const Entry*> present;
    series_.with([&](const Series& series) {
      present.reserve(series.size());
      for (const auto& entry : series) present.push_back(&entry);
    });
    for (const auto* entry : present) visit(entry->first, std::as_const(*entry->second));
  }

  void write(std::string_view name, Exposition& out) const override {
    for_each([&](const Values& values, const Instrument& instrument) {
      Labels labels;
      for (std::size_t i = 0; i < N; ++i) labels.emplace_back(labels_[i], values[i]);
      if constexpr (std::is_same_v<Instrument, Histogram>) {
        out.histogram(name, labels, instrument.snapshot());
      } else {
        out.sample(name, labels, instrument.value());
      }
    });
  }

 private:
  struct Less {
    using is_transparent = void; // finds by views, without making strings
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
    }
  };
  using Series = std::map<Values, std::unique_ptr<Instrument>, Less>;
  using Entry = typename Series::value_type; // stays where it is, and as it is
  using Known = std::atomic<const Entry*>;
  static constexpr std::size_t kKnown = 64; // more than a node has of most families

  static std::size_t place_of(const std::array<std::string_view, N>& key) {
    std::size_t hash = 0;
    for (const std::string_view value : key) {
      hash = hash * 31 + std::hash<std::string_view>()(value);
    }
    return hash % kKnown;
  }

  const Entry* add(Series& series, const std::array<std::string_view, N>& key) {
    Values values;
    for (std::size_t i = 0; i < N; ++i) values[i] = label_value(key[i]);
    if (!series.contains(values) && series.size() + 1 >= max_series_) values.fill("other");
    const auto at = series.try_emplace(std::move(values)).first;
    if (at->second == nullptr) at->second = make_();
    return &*at;
  }

  const Names labels_;
  const std::size_t max_series_; // "other" among them
  const Make make_;
  Guarded<Series> series_;
  std::array<Known, kKnown> known_{};
};

} // namespace raglan::telemetry
