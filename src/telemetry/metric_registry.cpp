#include "telemetry/metric_registry.h"

#include <atomic>
#include <cstdlib>

#include "base/log.h"
#include "base/utf8.h"

namespace raglan::telemetry {
namespace {

// All callbacks of one name.
class CallbackMetric final : public Metric {
 public:
  void add(Labels labels, std::uint64_t id, std::function<double()> read) {
    callbacks_[std::move(labels)] = {id, std::move(read)};
  }

  // Leaves a callback alone that has replaced the one with this id.
  void remove(const Labels& labels, std::uint64_t id) {
    const auto found = callbacks_.find(labels);
    if (found != callbacks_.end() && found->second.id == id) callbacks_.erase(found);
  }

  void write(std::string_view name, Exposition& out) const override {
    for (const auto& [labels, callback] : callbacks_) out.sample(name, labels, callback.read());
  }

 private:
  struct Callback {
    std::uint64_t id = 0;
    std::function<double()> read;
  };
  std::map<Labels, Callback> callbacks_;
};

} // namespace

std::string label_value(std::string_view text) {
  std::string value = replace_invalid_utf8(text.substr(0, kMaxLabelBytes + 4));
  value.resize(utf8_boundary(value, kMaxLabelBytes));
  return value;
}

Registration::Registration(MetricRegistry& registry, std::string name, Labels labels,
                           std::uint64_t id)
    : registry_(&registry), name_(std::move(name)), labels_(std::move(labels)), id_(id) {}

Registration::Registration(Registration&& other) noexcept
    : registry_(std::exchange(other.registry_, nullptr)),
      name_(std::move(other.name_)),
      labels_(std::move(other.labels_)),
      id_(other.id_) {}

Registration& Registration::operator=(Registration&& other) noexcept {
  std::swap(registry_, other.registry_);
  std::swap(name_, other.name_);
  std::swap(labels_, other.labels_);
  std::swap(id_, other.id_);
  return *this;
}

Registration::~Registration() {
  if (registry_ != nullptr) registry_->remove_callback(name_, labels_, id_);
}

Registration MetricRegistry::callback(MetricKind kind, std::string_view name, std::string_view help,
                                      Labels labels, std::function<double()> read) {
  static std::atomic<std::uint64_t> next_id{1};
  std::vector<std::string_view> label_names;
  for (auto& [label, value] : labels) {
    label_names.push_back(label);
    value = label_value(value);
  }
  Metric& metric =
      obtain(kind, name, help, label_names, [] { return std::make_unique<CallbackMetric>(); });
  auto* callbacks = dynamic_cast<CallbackMetric*>(&metric);
  if (callbacks == nullptr || kind == MetricKind::kHistogram) {
    reject(name, "is no counter or gauge that is read by callbacks");
  }
  const std::uint64_t id = next_id.fetch_add(1);
  entries_.with([&](Entries&) { callbacks->add(labels, id, std::move(read)); });
  return Registration(*this, std::string(name), std::move(labels), id);
}

void MetricRegistry::remove_callback(const std::string& name, const Labels& labels,
                                     std::uint64_t id) {
  entries_.with([&](Entries& entries) {
    const auto found = entries.find(name);
    if (found == entries.end()) return;
    if (auto* callbacks = dynamic_cast<CallbackMetric*>(found->second.metric.get())) {
      callbacks->remove(labels, id);
    }
  });
}

Metric& MetricRegistry::obtain(MetricKind kind, std::string_view name, std::string_view help,
                               std::span<const std::string_view> labels,
                               const std::function<std::unique_ptr<Metric>()>& make) {
  if (!is_metric_name(name)) reject(name, "is no metric name");
  for (const std::string_view label : labels) {
    if (!is_label_name(label)) reject(name, "has an impossible label name");
  }
  Metric* metric = entries_.with([&](Entries& entries) -> Metric* {
    auto found = entries.find(name);
    if (found == entries.end()) {
      found = entries.emplace(name, Entry{kind, std::string(help), make()}).first;
    }
    return found->second.kind == kind ? found->second.metric.get() : nullptr;
  });
  if (metric == nullptr) reject(name, "has another kind or labels");
  return *metric;
}

void MetricRegistry::reject(std::string_view name, std::string_view why) {
  log_error("metric cannot be registered", {{"metric", name}, {"why", why}});
  std::abort();
}

std::string MetricRegistry::text() const {
  Exposition out;
  entries_.with([&](const Entries& entries) {
    for (const auto& [name, entry] : entries) {
      out.header(name, entry.help, entry.kind);
      entry.metric->write(name, out);
    }
  });
  return out.take();
}

} // namespace raglan::telemetry
