// What a series of measurements comes to.
//
// Thread safe: functions of their arguments.
#pragma once

#include <string>
#include <vector>

namespace raglan::loadtest {

// The value below which a share `q` (0 to 1) of the samples lies, between two of them by
// interpolation (Hyndman and Fan's type 7, as R and NumPy do). NaN without samples.
double quantile(std::vector<double> samples, double q);
double median(std::vector<double> samples);

// Several measurements of one thing: the median stands for them, and how far they lie apart says
// what it is worth.
struct Figure {
  double median = 0;
  double least = 0;
  double most = 0;

  // NaN without samples.
  static Figure of(const std::vector<double>& samples);
  static Figure exactly(double value) { return {value, value, value}; }
};

// 0.0123, 1.23, 12.3, 1,234: three digits that count. "—" when it is no number, "∞".
std::string figure_text(double value);

} // namespace raglan::loadtest
