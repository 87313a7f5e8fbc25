#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "loadtest/prove_report.h"

namespace raglan::loadtest {
namespace {

constexpr double kWidth = 720;
constexpr double kHeight = 340;
constexpr double kLeft = 64;
constexpr double kRight = 170; // the legend
constexpr double kTop = 36;
constexpr double kBottom = 48;
constexpr int kTicks = 5;
constexpr std::array<std::string_view, 7> kColours = {"#1f6fb2", "#d1495b", "#2a9d5c", "#a36a00",
                                                      "#7a4fb5", "#4a4f57", "#00838f"};

// Where values lie on an axis of so many pixels.
struct Scale {
  double least = std::numeric_limits<double>::infinity();
  double most = -std::numeric_limits<double>::infinity();

  void include(double value) {
    if (!std::isfinite(value)) return;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  // Never empty, so that a value has a place.
  void settle() {
    if (!(least <= most)) least = most = 0;
    if (least == most) most = least + 1;
  }
  double share(double value) const { return (value - least) / (most - least); }
  double at_tick(int tick) const { return least + (most - least) * tick / kTicks; }
};

struct Axes {
  Scale x;
  Scale y;
  double left(double value) const { return kLeft + x.share(value) * (kWidth - kLeft - kRight); }
  double top(double value) const {
    return kHeight - kBottom - y.share(value) * (kHeight - kTop - kBottom);
  }
};

Axes axes_of(const Plot& plot) {
  Axes axes;
  axes.y.include(0); // a difference of two bars' heights would mislead
  for (const Series& series : plot.series) {
    for (const auto& [x, y] : series.points) {
      axes.x.include(x);
      axes.y.include(y);
    }
  }
  axes.x.settle();
  axes.y.settle();
  return axes;
}

std::string grid(const Axes& axes) {
  std::string svg;
  for (int tick = 0; tick <= kTicks; ++tick) {
    const double y = axes.top(axes.y.at_tick(tick));
    const double x = axes.left(axes.x.at_tick(tick));
    svg += fmt::format(
        "<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#e3e8ee\"/>", kLeft,
        kWidth - kRight, y, y);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft - 8,
                       y + 4, figure_text(axes.y.at_tick(tick)));
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>", x,
                       kHeight - kBottom + 18, figure_text(axes.x.at_tick(tick)));
  }
  return svg;
}

std::string line(const Axes& axes, const Series& series, std::size_t nth) {
  const std::string_view colour = kColours.at(nth % kColours.size());
  std::string path;
  std::string dots;
  for (const auto& [x, y] : series.points) {
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    path += fmt::format("{:.1f},{:.1f} ", axes.left(x), axes.top(y));
    dots += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"><title>{}: {}, "
        "{}</title></circle>",
        axes.left(x), axes.top(y), colour, html_escape(series.name), figure_text(x),
        figure_text(y));
  }
  const double legend = kTop + 8 + 20 * static_cast<double>(nth);
  std::string svg =
      fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>{}",
                  path, colour, dots);
  svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"4\" fill=\"{}\"/>",
                     kWidth - kRight + 16, legend - 5, colour);
  return svg + fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", kWidth - kRight + 34,
                           legend, html_escape(series.name));
}

} // namespace

std::string svg_plot(const Plot& plot) {
  const Axes axes = axes_of(plot);
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" "
      "aria-label=\"{2}\"><text x=\"{3}\" y=\"20\" style=\"font-weight:600\">{2}</text>",
      kWidth, kHeight, html_escape(plot.title), kLeft);
  svg += grid(axes);
  svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
                     (kLeft + kWidth - kRight) / 2, kHeight - 8, html_escape(plot.x_axis));
  svg += fmt::format(
      "<text transform=\"translate(14 {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
      (kTop + kHeight - kBottom) / 2, html_escape(plot.y_axis));
  for (std::size_t nth = 0; nth < plot.series.size(); ++nth) {
    svg += line(axes, plot.series[nth], nth);
  }
  return svg + "</svg>\n";
}

} // namespace raglan::loadtest
