// The circuit breakers of a process, under their upstreams' names: their metrics, and what
// /admin/breakers shows.
//
//   BreakerBoard board(metrics);
//   const auto place = board.add("generation", [&] { return generator.breaker_status(); });
//
// Thread safety: all members, from any thread. The board must outlive its places; a place, whatever
// its status function refers to must outlive it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/guarded.h"
#include "policy/circuit_breaker.h"
#include "telemetry/metric_registry.h"

namespace raglan::node {

class BreakerBoard {
 public:
  using Status = std::function<policy::BreakerStatus()>;

  // Takes the breaker off the board when it is destroyed.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept
        : board_(std::exchange(other.board_, nullptr)),
          upstream_(std::move(other.upstream_)),
          registrations_(std::move(other.registrations_)) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(board_, other.board_);
      std::swap(upstream_, other.upstream_);
      std::swap(registrations_, other.registrations_);
      return *this;
    }
    ~Place();

   private:
    friend class BreakerBoard;
    BreakerBoard* board_ = nullptr;
    std::string upstream_;
    std::vector<telemetry::Registration> registrations_;
  };

  explicit BreakerBoard(telemetry::MetricRegistry& metrics) : metrics_(metrics) {}
  BreakerBoard(const BreakerBoard&) = delete;
  BreakerBoard& operator=(const BreakerBoard&) = delete;

  // One breaker for each name.
  [[nodiscard]] Place add(std::string upstream, Status status);

  // By name.
  std::vector<std::pair<std::string, policy::BreakerStatus>> all() const;

 private:
  telemetry::MetricRegistry& metrics_;
  Guarded<std::map<std::string, Status>> breakers_;
};

} // namespace raglan::node
