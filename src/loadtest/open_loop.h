// Load that does not wait for answers: questions come at random moments, at a mean rate, however
// slowly they are answered (Schroeder et al., "Open Versus Closed: A Cautionary Tale", NSDI 2006).
// A closed loop, whose clients ask again when they have their answer, slows down with the node and
// can hardly overload it.
//
// Each question is another one, comes from a customer of a tier, and is worth nothing after its
// deadline. A customer who is refused, or gets no answer, comes again as real ones do: after
// Retry-After, or after a backoff with jitter, a number of times.
//
// Thread safety: belongs to one thread, which waits.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "http/client.h"
#include "net/event_loops.h"
#include "policy/tier.h"

namespace raglan::loadtest {

struct LoadPhase {
  double per_second = 0;
  double seconds = 0;
};

struct OpenLoad {
  std::vector<LoadPhase> phases; // one after the other, without a pause
  Duration deadline{};           // of each attempt
  int attempts = 1;
  // Of vip, paid and free customers; together 1.
  std::array<double, 3> shares{0.05, 0.25, 0.7};
};

// What became of one who asked.
struct Customer {
  policy::Tier tier = policy::Tier::kPaid;
  double came = 0;         // seconds from the beginning of the load
  double ended = 0;        // likewise
  double milliseconds = 0; // that the attempt took that was answered
  int attempts = 0;
  int status = 0; // of the last attempt; 0: no answer
  int level = 0;  // of a 200
  bool served() const { return status == 200; }
};

class OpenLoop {
 public:
  // Asks the node at `url`, which must take the tier from `tier_header`.
  OpenLoop(std::string url, std::string tier_header, std::uint64_t seed);
  ~OpenLoop();

  // Until all customers have ended, in the order in which they ended.
  std::vector<Customer> run(const OpenLoad& load);

 private:
  struct Running;
  net::Task<> arrive(Running& running);
  net::Task<> arrive_in(Running& running, const LoadPhase& phase, double from);
  net::Task<> serve(Running& running, Customer customer);
  net::Task<Duration> attempt(Customer& customer, Duration deadline);
  policy::Tier draw_tier(const OpenLoad& load);

  const std::string url_;
  const std::string tier_header_;
  std::uint64_t asked_ = 0; // makes each question another
  Rng rng_;                 // used on the one loop
  net::EventLoops loops_{{.threads = 1}};
  http::Client client_;
};

} // namespace raglan::loadtest
