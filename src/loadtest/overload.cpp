// The notes, "Graceful Degradation" and "Circuit Breaker": a node that is asked for more than it
// can do goes on doing as much as it can. Without admission, what it does is too late for everyone.
// With the provider stand-in, whose latency and number of workers are the capacity; another one
// embeds, at once, so that two cores can carry ten times that.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <thread>

#include <boost/json/array.hpp>

#include "loadtest/claims.h"
#include "loadtest/open_loop.h"
#include "loadtest/provider_stand_in.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

using policy::Tier;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLatency{200};
constexpr std::size_t kWorkers = 10;
constexpr double kCapacity = 50; // answers a second: kWorkers / kLatency
constexpr seconds kDeadline{2};
constexpr int kAttempts = 3;
constexpr std::array<double, 6> kFactors{0.8, 1, 2, 3, 5, 10};
constexpr double kUsual = 0.8;
constexpr std::size_t kDocuments = 64;
constexpr std::string_view kTierHeader = "x-raglan-tier";

struct Rung {
  double goodput = 0; // answered customers a second
  double written = 0; // of those, with an answer of the model
  double p99 = 0;     // ms, of the attempts that were answered
  double vip = 0;     // share of the customers who were answered
  double free = 0;    // likewise
};

struct Sweep {
  std::map<double, Rung> rungs; // by load, as a multiple of the capacity
  double slowest_health = 0;    // ms, meanwhile
  double recovery = 0;          // seconds from the end of the highest load
  double calls = 0;             // of the provider, for each customer
};

std::vector<std::string> settings_of(const ProviderStandIn& writer, const ProviderStandIn& embedder,
                                     bool on) {
  return {"generation.provider=openai",
          fmt::format("generation.base_url={}/v1", writer.url()),
          "generation.max_connections=4096",
          "embedding.provider=openai",
          fmt::format("embedding.base_url={}/v1", embedder.url()),
          "embedding.model=stand-in",
          "embedding.dimensions=64",
          fmt::format("server.tier_header={}", kTierHeader),
          fmt::format("admission.enabled={}", on)};
}

Result<> add_documents(const Rig& rig, MeasuredNode& node) {
  json::array documents;
  for (const std::string& text : rig.questions(kDocuments)) {
    documents.push_back(json::object{{"id", fmt::format("{}", documents.size())}, {"text", text}});
  }
  auto reply =
      node.call("POST", "/v1/documents", json::object{{"documents", std::move(documents)}});
  return reply ? Result<>() : forward_error(reply);
}

// Asks for a node's health ten times a second until it is destroyed.
class HealthWatch {
 public:
  explicit HealthWatch(MeasuredNode& node)
      : thread_([this, &node](const std::stop_token& stop) {
          const Clock& clock = SystemClock::instance();
          while (!stop.stop_requested()) {
            const MonotonicTime began = clock.now();
            const bool answered = node.call("GET", "/health").has_value();
            const double took = to_milliseconds(clock.now() - began);
            slowest_ = std::max(slowest_, answered ? took : INFINITY);
            std::this_thread::sleep_for(milliseconds(100));
          }
        }) {}
  // Ends it. Milliseconds.
  double slowest() {
    thread_.request_stop();
    thread_.join();
    return slowest_;
  }

 private:
  double slowest_ = 0;
  std::jthread thread_;
};

double share_served(const std::vector<Customer>& customers, Tier tier) {
  double came = 0;
  double served = 0;
  for (const Customer& customer : customers) {
    if (customer.tier != tier) continue;
    ++came;
    served += customer.served() ? 1 : 0;
  }
  return came > 0 ? served / came : 1;
}

// Of those who came after `from`, until the load's end; what was answered after that is left aside,
// or a queue's content would count as throughput.
Rung rung_of(const std::vector<Customer>& all, double from, double until) {
  Rung rung;
  std::vector<double> latencies;
  std::vector<Customer> customers;
  for (const Customer& customer : all) {
    if (customer.served() && customer.ended >= from && customer.ended < until) {
      rung.goodput += 1 / (until - from);
      rung.written += customer.level < 2 ? 1 / (until - from) : 0;
      latencies.push_back(customer.milliseconds);
    }
    if (customer.came >= from && customer.came < until) customers.push_back(customer);
  }
  rung.p99 = latencies.empty() ? INFINITY : quantile(latencies, 0.99);
  rung.vip = share_served(customers, Tier::kVip);
  rung.free = share_served(customers, Tier::kFree);
  return rung;
}

double chat_calls(const ProviderStandIn& provider) {
  const auto calls = provider.stats().calls;
  const auto found = calls.find("/v1/chat/completions");
  return found == calls.end() ? 0 : static_cast<double>(found->second);
}

// Seconds from `from` until, of those who came in each second, at least 95 % were answered, and so
// it stayed.
double recovery_of(const std::vector<Customer>& customers, double from, double until) {
  double recovered = from;
  for (double second = from; second + 1 <= until; ++second) {
    double came = 0;
    double served = 0;
    for (const Customer& customer : customers) {
      if (customer.came < second || customer.came >= second + 1) continue;
      ++came;
      served += customer.served() && customer.attempts == 1 ? 1 : 0;
    }
    if (served < 0.95 * came) recovered = second + 1;
  }
  return recovered - from;
}

// What the sweep consists of, in seconds.
struct Plan {
  double warm = 0; // of each load, before it is measured
  double measured = 0;
  double after = 0; // of the usual load, at the end

  OpenLoad load() const {
    OpenLoad load{.deadline = kDeadline, .attempts = kAttempts};
    for (const double factor : kFactors) {
      load.phases.push_back({factor * kCapacity, warm + measured});
    }
    load.phases.push_back({kUsual * kCapacity, after});
    return load;
  }
};

Sweep judge_sweep(const std::vector<Customer>& customers, const Plan& plan) {
  Sweep sweep;
  double from = 0;
  for (const double factor : kFactors) {
    const double until = from + plan.warm + plan.measured;
    sweep.rungs[factor] = rung_of(customers, from + plan.warm, until);
    from = until;
  }
  sweep.recovery = recovery_of(customers, from, from + plan.after - 1);
  return sweep;
}

Result<Sweep> run_sweep(Rig& rig, bool on) {
  auto writer = ProviderStandIn::start({}, {.latency = kLatency, .parallel = kWorkers});
  if (!writer) return forward_error(writer);
  auto embedder = ProviderStandIn::start({}, {});
  if (!embedder) return forward_error(embedder);
  auto node = rig.start_empty_node(settings_of(**writer, **embedder, on));
  if (!node) return forward_error(node);
  if (auto ok = add_documents(rig, **node); !ok) return forward_error(ok);
  const Plan plan = rig.choose(Plan{4, 6, 15}, Plan{10, 20, 30});
  OpenLoop customers((*node)->url(), std::string(kTierHeader), rig.seed());
  HealthWatch health(**node);
  const auto all = customers.run(plan.load());
  Sweep sweep = judge_sweep(all, plan);
  sweep.slowest_health = health.slowest();
  sweep.calls = chat_calls(**writer) / static_cast<double>(all.size());
  return sweep;
}

struct Sweeps {
  Sweep off;
  Sweep on;
};

// Once for all claims.
Result<const Sweeps*> sweeps(Rig& rig) {
  return rig.once<Sweeps>([](Rig& with) -> Result<Sweeps> {
    auto off = run_sweep(with, false);
    if (!off) return forward_error(off);
    auto on = run_sweep(with, true);
    if (!on) return forward_error(on);
    return Sweeps{std::move(*off), std::move(*on)};
  });
}

double peak_of(const Sweep& sweep) {
  double peak = 0;
  for (const auto& [factor, rung] : sweep.rungs) peak = std::max(peak, rung.written);
  return peak;
}

std::string table_of(const Sweep& sweep) {
  std::string text;
  for (const auto& [factor, rung] : sweep.rungs) {
    text += fmt::format("{}{} x: {} ({} written), p99 {} ms, vip {:.1f} %, free {:.1f} %",
                        text.empty() ? "" : "; ", figure_text(factor), figure_text(rung.goodput),
                        figure_text(rung.written), figure_text(rung.p99), 100 * rung.vip,
                        100 * rung.free);
  }
  return text;
}

std::vector<Plot> plots_of(const Sweeps& sweeps) {
  Plot plot{.title = "Goodput under overload",
            .x_axis = "load, as a multiple of the capacity",
            .y_axis = "customers answered in a second"};
  const auto add = [&](std::string name, const Sweep& sweep, double Rung::* member) {
    Series series{std::move(name), {}};
    for (const auto& [factor, rung] : sweep.rungs) series.points.emplace_back(factor, rung.*member);
    plot.series.push_back(std::move(series));
  };
  add("off", sweeps.off, &Rung::goodput);
  add("on", sweeps.on, &Rung::goodput);
  add("on, written by the model", sweeps.on, &Rung::written);
  return {std::move(plot)};
}

// A claim about one figure of a sweep.
struct Asked {
  std::string_view unit;
  double (*figure)(const Sweep&);
  double (*judged)(const Sweep&); // null: the figure
  bool more_is_better = false;
};

Result<Outcome> measure(Rig& rig, const Asked& asked) {
  auto both = sweeps(rig);
  if (!both) return forward_error(both);
  const Sweeps& measured = **both;
  Outcome outcome{.off_is = "everybody is let in",
                  .on_is = "places, tiers and the ladder",
                  .off = Figure::exactly(asked.figure(measured.off)),
                  .on = Figure::exactly(asked.figure(measured.on)),
                  .unit = asked.unit};
  outcome.ratio = asked.more_is_better ? outcome.on.median / outcome.off.median
                                       : outcome.off.median / outcome.on.median;
  outcome.judged = asked.judged ? asked.judged(measured.on) : outcome.on.median;
  outcome.notes = fmt::format(
      "A stand-in that answers {} calls at a time in {} ms: {} a second; another one embeds, at "
      "once. Customers come at random moments, 5 % vip, 25 % paid, 70 % free, each with another "
      "question; they wait {} s, and come {} times when they are not answered. The peak is what "
      "the "
      "model writes at most. Answered a second, off: {}. On: {}.",
      kWorkers, kLatency.count(), figure_text(kCapacity), kDeadline.count(), kAttempts,
      table_of(measured.off), table_of(measured.on));
  outcome.plots = plots_of(measured);
  return outcome;
}

double slowest_p99(const Sweep& sweep) {
  double slowest = 0;
  for (const auto& [factor, rung] : sweep.rungs) slowest = std::max(slowest, rung.p99);
  return slowest;
}

double fewest_vips(const Sweep& sweep) {
  double fewest = 100;
  for (const auto& [factor, rung] : sweep.rungs) fewest = std::min(fewest, 100 * rung.vip);
  return fewest;
}

double goodput_at(const Sweep& sweep, double factor) {
  return 100 * sweep.rungs.at(factor).goodput / peak_of(sweep);
}

Claim claim_of(std::string_view id, std::string_view text, Promise promise, const Asked& asked) {
  return {.id = id, .text = text, .promise = promise, .measure = [asked](Rig& rig) {
            return measure(rig, asked);
          }};
}

} // namespace

Claim overload_goodput_3x() {
  return claim_of(
      "overload.goodput_3x",
      "At three times its capacity a node answers, in full or with passages, 95 % of its peak",
      {.min = 95, .unit = "%"},
      {.unit = "% of peak",
       .figure = [](const Sweep& of) { return goodput_at(of, 3); },
       .more_is_better = true});
}

Claim overload_goodput_10x() {
  return claim_of(
      "overload.goodput_10x",
      "At ten times its capacity a node answers, in full or with passages, 90 % of its peak",
      {.min = 90, .unit = "%"},
      {.unit = "% of peak",
       .figure = [](const Sweep& of) { return goodput_at(of, 10); },
       .more_is_better = true});
}

Claim overload_latency() {
  const auto times_as_usual = [](const Sweep& of) {
    return slowest_p99(of) / of.rungs.at(kUsual).p99;
  };
  return claim_of("overload.latency",
                  "Under any load, who is answered waits at most twice as long as usual (p99)",
                  {.max = 2, .unit = "x"},
                  {.unit = "ms p99", .figure = slowest_p99, .judged = times_as_usual});
}

Claim overload_vip() {
  return claim_of("overload.vip",
                  "Graceful degradation: VIPs are served whatever becomes of the free tier",
                  {.min = 99, .unit = "%"},
                  {.unit = "% of vip", .figure = fewest_vips, .more_is_better = true});
}

Claim overload_health() {
  return claim_of("overload.health", "/health answers within 50 ms under ten times the load",
                  {.max = 50, .unit = "ms"}, {.unit = "ms, slowest", .figure = [](const Sweep& of) {
                                                return of.slowest_health;
                                              }});
}

Claim overload_recovery() {
  return claim_of("overload.recovery", "Five seconds after a spike everybody is answered again",
                  {.max = 5, .unit = "s"},
                  {.unit = "s", .figure = [](const Sweep& of) { return of.recovery; }});
}

Claim overload_calls() {
  return claim_of("overload.calls",
                  "Overload is not multiplied: at most 1.2 calls of a provider for each request",
                  {.max = 1.2, .unit = "calls"},
                  {.unit = "calls", .figure = [](const Sweep& of) { return of.calls; }});
}

} // namespace raglan::loadtest
