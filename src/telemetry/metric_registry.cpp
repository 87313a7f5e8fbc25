#include "telemetry/metric_registry.h"

#include <cstdlib>

#include "base/log.h"
#include "base/utf8.h"

namespace raglan::telemetry {
namespace {

// All callbacks of one name.
class CallbackMetric final : public Metric {
 public:
  void add(Labels labels, const std::shared_ptr<RevocableCallback>& callback) {
    callbacks_.with([&](Callbacks& callbacks) {
      std::erase_if(callbacks, [](const auto& entry) { return entry.second.expired(); });
      callbacks[std::move(labels)] = callback;
    });
  }

  void write(std::string_view name, Exposition& out) const override {
    // A copy: what is called may take locks, and time.
    for (const auto& [labels, callback] :
         callbacks_.with([](const Callbacks& all) { return all; })) {
      const auto present = callback.lock();
      const auto value = present ? present->read() : std::nullopt;
      if (value) out.sample(name, labels, *value);
    }
  }

 private:
  using Callbacks = std::map<Labels, std::weak_ptr<RevocableCallback>>; // owned by Registrations
  Guarded<Callbacks> callbacks_;
};

} // namespace

std::string label_value(std::string_view text) {
  std::string value = replace_invalid_utf8(text.substr(0, kMaxLabelBytes + 4));
  value.resize(utf8_boundary(value, kMaxLabelBytes));
  return value;
}

std::optional<double> RevocableCallback::read() const {
  return read_.with([](const std::function<double()>& read) {
    return read ? std::optional(read()) : std::nullopt;
  });
}

void RevocableCallback::revoke() {
  // Destroyed without the lock, which a thread that calls read() may be waiting for.
  const auto revoked = read_.with([](auto& read) { return std::exchange(read, nullptr); });
}

Registration& Registration::operator=(Registration&& other) noexcept {
  std::swap(callback_, other.callback_);
  return *this;
}

Registration::~Registration() {
  if (callback_ != nullptr) callback_->revoke();
}

Registration MetricRegistry::callback(MetricKind kind, std::string_view name, std::string_view help,
                                      Labels labels, std::function<double()> read) {
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
  auto callback = std::make_shared<RevocableCallback>(std::move(read));
  callbacks->add(std::move(labels), callback);
  return Registration(std::move(callback));
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
  // Entries are never removed, and stay where they are.
  std::vector<const Entries::value_type*> present;
  entries_.with([&](const Entries& entries) {
    present.reserve(entries.size());
    for (const auto& entry : entries) present.push_back(&entry);
  });
  Exposition out;
  for (const auto* entry : present) {
    const auto& [name, metric] = *entry;
    out.header(name, metric.help, metric.kind);
    metric.metric->write(name, out);
  }
  return out.take();
}

} // namespace raglan::telemetry
