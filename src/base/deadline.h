// The one moment after which a request's answer is worthless.
//
// A Deadline is created once, where the request enters, and passed by value to every stage and
// upstream. A stage that cannot end in time must not start: ask `allows(estimate, now)`.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace raglan {

class Deadline {
 public:
  Deadline() = default; // never expires
  explicit Deadline(MonotonicTime at) : at_(at) {}
  static Deadline after(Duration budget, MonotonicTime now) { return Deadline(now + budget); }

  MonotonicTime at() const { return at_; }
  bool never() const { return at_ == MonotonicTime::max(); }
  // The deadline instant itself counts as expired.
  bool expired(MonotonicTime now) const { return now >= at_; }
  Duration remaining(MonotonicTime now) const {
    return never() ? Duration::max() : std::max(Duration::zero(), at_ - now);
  }
  bool allows(Duration estimate, MonotonicTime now) const { return remaining(now) > estimate; }
  // The nearer of this deadline and `now + budget`.
  Deadline capped(Duration budget, MonotonicTime now) const {
    return Deadline(std::min(at_, now + budget));
  }

 private:
  MonotonicTime at_ = MonotonicTime::max();
};

} // namespace raglan
