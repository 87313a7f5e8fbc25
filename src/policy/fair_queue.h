// The tickets of one tier that wait, and whose turn it is: each tenant gets the same share.
//
// Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). A tenant has a start tag; the one
// with the least is served and its tag grows by the cost of what was served. A tenant that comes
// (back) begins at the tag that is being served, or where it stopped if that is later: who was
// away has saved nothing up, and leaving and coming back forgives nothing. Among tenants that all
// wait, what two have been served never differs by more than the cost of one ticket of each.
// Deficit round robin (Shreedhar and Varghese, 1995) needs O(1) instead of O(log n), and a quantum:
// one that is larger than the costs serves in bursts.
//
// Within a tenant the oldest ticket is next, or the newest when the caller says so.
//
// Every operation is O(log n) of the tickets that wait. Tenants without tickets are remembered only
// as long as they are ahead of the others, and at most `kMaxRemembered` of them.
//
// Thread safety: none; belongs to whoever holds its lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/deadline.h"

namespace raglan::policy {

class FairQueue {
 public:
  static constexpr std::size_t kMaxRemembered = 10'000;

  struct Entry {
    std::uint64_t id = 0; // larger than those of all that came before
    std::string tenant;
    double cost = 1; // positive
    MonotonicTime since{};
    MonotonicTime latest_start = MonotonicTime::max(); // from which on it is of no use
  };

  void push(Entry entry);
  // Takes the next by fairness, which is charged to its tenant. Empty when nothing waits.
  std::optional<Entry> pop(bool newest_first);
  // Takes one out, uncharged. Empty when it does not wait here.
  std::optional<Entry> remove(std::uint64_t id);

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  double cost() const { return cost_; }
  // The queue must not be empty.
  const Entry& oldest() const { return entries_.begin()->second; }
  const Entry& newest() const { return entries_.rbegin()->second; }
  const Entry& most_urgent() const { return entries_.at(urgent_.begin()->second); }

  std::size_t tenants() const { return turns_.size(); } // with tickets that wait
  std::size_t waiting_of(std::string_view tenant) const;
  double cost_of(std::string_view tenant) const;
  // The newest ticket of the tenant with the most, and how many those are.
  std::pair<std::uint64_t, std::size_t> newest_of_largest() const;

 private:
  struct Tenant {
    std::set<std::uint64_t> ids;
    double cost = 0;
    double start = 0;
    std::uint64_t order = 0; // among equals
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Tenants = std::unordered_map<std::string, Tenant, Hash, std::equal_to<>>;
  using Named = Tenants::value_type; // its address does not change
  template <typename Key>
  struct Place {
    Key key;
    std::uint64_t order;
    Named* tenant;
    bool operator<(const Place& other) const {
      return std::pair(key, order) < std::pair(other.key, other.order);
    }
  };

  Entry take(std::map<std::uint64_t, Entry>::iterator at, double charge);
  void leave(Named& tenant);
  void enter(Named& tenant);
  void forget();

  std::map<std::uint64_t, Entry> entries_; // by age
  std::set<std::pair<MonotonicTime, std::uint64_t>> urgent_;
  Tenants tenants_;
  std::set<Place<double>> turns_;      // of tenants that wait, by start tag
  std::set<Place<std::size_t>> sizes_; // of the same, by tickets
  std::set<Place<double>> ahead_;      // of tenants that do not wait, by start tag
  double virtual_time_ = 0;
  double cost_ = 0;
  std::uint64_t last_order_ = 0;
};

} // namespace raglan::policy
