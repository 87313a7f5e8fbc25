// The notes, "Cost vs Performance": caching saves 80 % of the API calls. On traffic by Zipf's law
// over 10,000 distinct questions, with room for a fifth of them.
//
// Computing 10,000 answers would take an hour. So the cache's own code runs here without a node,
// under the keys that a node would use and with entries as large as this corpus' answers are on
// one; query_cache_node.cpp checks that a node does the same.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/hash.h"
#include "base/json_lookup.h"
#include "loadtest/cache_trial.h"
#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/rig.h"
#include "loadtest/zipf.h"
#include "rag/pipeline.h"
#include "rag/query_key.h"

namespace raglan::loadtest {
namespace {

using cache::Eviction;

// Below, even a perfect cache with room for a fifth would hardly reach the promise.
constexpr std::size_t kMinQuestions = 5'000;
constexpr double kExponent = 1.0;
constexpr double kRoom = 0.2;
constexpr std::size_t kScan = 30; // percent
constexpr std::size_t kAfterChange = 20'000;
constexpr std::array kPolicies = {Eviction::kLru, Eviction::kLfu, Eviction::kTtl,
                                  Eviction::kS3Fifo};

// What an entry of the query cache occupies on a node, on average of some.
Result<std::size_t> mean_entry_bytes(Rig& rig) {
  auto node = rig.start_node();
  if (!node) return forward_error(node);
  auto asked = ask_each(**node, rig.questions(rig.choose(8, 25)), {});
  if (!asked) return forward_error(asked);
  auto entries = cache_entries(**node, "query");
  if (!entries) return forward_error(entries);
  return entries->bytes / std::max<std::size_t>(1, entries->entries);
}

std::vector<CachedThing> questions_as_cached(const Rig& rig, std::size_t entry_bytes) {
  const rag::ConfigKeys config = rag::config_keys({}, "prove", "");
  std::vector<CachedThing> things;
  for (const std::string& question : rig.questions(kMaxQuestions)) {
    const rag::QueryRequest request{.query = question};
    things.push_back({rag::query_key(request, {1, 1}, config), entry_bytes});
  }
  return things;
}

// The share of calls saved, in percent, by each policy, and the bound.
class Trials {
 public:
  Trials(const Rig& rig, std::size_t entry_bytes)
      : rig_(rig),
        entry_bytes_(entry_bytes),
        things_(questions_as_cached(rig, entry_bytes)),
        uncounted_(rig.choose<std::size_t>(30'000, 100'000)) {}

  std::size_t questions() const { return things_.size(); }
  std::size_t uncounted() const { return uncounted_; }
  std::size_t counted() const { return 3 * uncounted_; }
  std::size_t room_bytes(double room) const {
    return static_cast<std::size_t>(std::round(room * static_cast<double>(questions()))) *
           entry_bytes_;
  }
  double bound(double exponent, double room) const {
    const auto kept = static_cast<std::size_t>(room * static_cast<double>(questions()));
    return 100 * ZipfSampler(questions(), exponent).share_of_first(kept);
  }
  double saved(Eviction eviction, std::span<const std::size_t> trace, double room) const {
    return 100 * hit_ratio(things_, trace, {eviction, room_bytes(room), uncounted_});
  }
  std::vector<std::size_t> trace(double exponent) const {
    return zipf_trace(questions(), exponent, uncounted() + counted(), rig_.seed());
  }
  // With so many requests of each hundred for a question that never comes again; of the others the
  // share saved.
  double saved_beside_scan(Eviction eviction, std::size_t percent) const {
    auto mixed = trace(kExponent);
    auto things = things_;
    for (std::size_t i = 0; i < mixed.size(); ++i) {
      if (i * percent % 100 >= percent) continue; // spread evenly
      mixed[i] = things.size();
      things.push_back({hash128(fmt::format("once {}", i)), entry_bytes_});
    }
    const double all = hit_ratio(things, mixed, {eviction, room_bytes(kRoom), uncounted_});
    return 100 * all / (1 - static_cast<double>(percent) / 100);
  }
  // Of the first requests after the favourites have become others.
  double saved_after_change(Eviction eviction) const {
    auto changed = trace(kExponent);
    changed.resize(uncounted_ + kAfterChange);
    for (std::size_t i = uncounted_; i < changed.size(); ++i) {
      changed[i] = (changed[i] + questions() / 2) % questions();
    }
    return saved(eviction, changed, kRoom);
  }

 private:
  const Rig& rig_;
  const std::size_t entry_bytes_;
  const std::vector<CachedThing> things_;
  const std::size_t uncounted_;
};

Plot plot_with_series(std::string title, std::string x_axis) {
  Plot plot{.title = std::move(title), .x_axis = std::move(x_axis), .y_axis = "% of calls saved"};
  for (const Eviction policy : kPolicies) {
    plot.series.push_back({std::string(cache::eviction_name(policy)), {}});
  }
  plot.series.push_back({"perfect static cache", {}});
  return plot;
}

void add_point(Plot& plot, double x, const Trials& trials, std::span<const std::size_t> trace,
               double exponent, double room) {
  for (std::size_t i = 0; i < kPolicies.size(); ++i) {
    plot.series[i].points.emplace_back(x, trials.saved(kPolicies.at(i), trace, room));
  }
  plot.series.back().points.emplace_back(x, trials.bound(exponent, room));
}

Plot by_exponent(const Trials& trials) {
  Plot plot = plot_with_series("Calls saved, room for 20 % of the questions", "Zipf exponent");
  for (const double exponent : {0.7, 0.8, 0.9, 1.0, 1.1, 1.2}) {
    add_point(plot, exponent, trials, trials.trace(exponent), exponent, kRoom);
  }
  return plot;
}

Plot by_size(const Trials& trials) {
  Plot plot =
      plot_with_series("Calls saved, Zipf exponent 1.0", "room for so many % of the questions");
  const auto trace = trials.trace(kExponent);
  for (const double room : {0.05, 0.1, 0.2, 0.3, 0.5}) {
    add_point(plot, 100 * room, trials, trace, kExponent, room);
  }
  return plot;
}

Plot by_scan(const Trials& trials) {
  Plot plot{.title = "Calls saved beside questions that never come again",
            .x_axis = "of 100 requests such questions",
            .y_axis = "% of the others saved"};
  for (const Eviction policy : kPolicies) {
    Series series{std::string(cache::eviction_name(policy)), {}};
    for (const std::size_t percent : {0, 10, 20, 30, 40, 50}) {
      series.points.emplace_back(percent, trials.saved_beside_scan(policy, percent));
    }
    plot.series.push_back(std::move(series));
  }
  return plot;
}

struct Policy {
  double saved = 0; // percent
  std::string text;
};

Policy judge_policy(Eviction eviction, const Trials& trials, std::span<const std::size_t> trace) {
  Policy policy{trials.saved(eviction, trace, kRoom), {}};
  policy.text = fmt::format(
      "{} {:.1f} ({:.1f} beside {} % of questions that never come again, {:.1f} of the {} requests "
      "after others became popular), ",
      cache::eviction_name(eviction), policy.saved, trials.saved_beside_scan(eviction, kScan),
      kScan, trials.saved_after_change(eviction), kAfterChange);
  return policy;
}

Result<Outcome> measure(Rig& rig) {
  const std::size_t questions = rig.questions(kMaxQuestions).size();
  if (questions < kMinQuestions) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("the documents give {} distinct questions; it takes {} for traffic "
                            "like that of the promise",
                            questions, kMinQuestions));
  }
  auto entry_bytes = mean_entry_bytes(rig);
  if (!entry_bytes) return forward_error(entry_bytes);
  const Trials trials(rig, *entry_bytes);
  const auto trace = trials.trace(kExponent);
  const Eviction chosen = cache::LocalCacheConfig().eviction;
  double saved = 0;
  std::string each;
  for (const Eviction eviction : kPolicies) {
    Policy policy = judge_policy(eviction, trials, trace);
    if (eviction == chosen) saved = policy.saved;
    each += policy.text;
  }
  Outcome outcome{
      .off_is = "no cache",
      .on_is = fmt::format("room for 20 % of the questions ({} bytes), eviction {}, the default",
                           trials.room_bytes(kRoom), cache::eviction_name(chosen)),
      .off = Figure::exactly(0),
      .on = Figure::exactly(saved),
      .unit = "% saved",
      .ratio = 100 / (100 - saved),
      .judged = saved};
  outcome.notes = fmt::format(
      "In this process, with the cache's own code and a node's keys: {} distinct questions, "
      "exponent {:.1f}, entries of {} bytes (the mean on a node), {} requests to fill it and {} "
      "counted. {}a perfect static cache {:.1f} %.",
      questions, kExponent, *entry_bytes, trials.uncounted(), trials.counted(), each,
      trials.bound(kExponent, kRoom));
  outcome.plots = {by_exponent(trials), by_size(trials), by_scan(trials)};
  return outcome;
}

} // namespace

Claim query_cache_zipf() {
  return {.id = "cache.query.zipf",
          .text =
              "Caching saves 80 % of the model and search calls (10,000 distinct questions by "
              "Zipf's law, room for a fifth)",
          .promise = {.min = 80, .unit = "%"},
          .measure = measure};
}

} // namespace raglan::loadtest
