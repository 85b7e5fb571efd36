#pragma once

#include <string>
#include <vector>

namespace hearth {

// Plots for a page, as SVG text. Values are for drawing only: what is said in numbers comes as text.

struct PlotSeries {
  std::string name;
  std::string color;  // a CSS colour or variable
};

struct PlotBar {
  std::string label;           // under it, or before it; "" leaves it out
  std::string title;           // what a pointer over it is told
  std::vector<double> values;  // one a series, stacked; none below 0
  std::string text;            // at its end; horizontal bars only
};

// Upright bars, stacked, with a scale on the left whose numbers begin with `unit`.
std::string StackedBars(const std::string& id, const std::vector<PlotSeries>& series,
                        const std::vector<PlotBar>& bars, const std::string& unit);
// Lying bars, the longest first as given.
std::string LyingBars(const std::string& id, const std::vector<PlotSeries>& series,
                      const std::vector<PlotBar>& bars);
// Coloured squares and names, as HTML.
std::string Legend(const std::vector<PlotSeries>& series);

// A round number of at least `value`: 1, 2 or 5 times a power of ten; and four steps of it on a scale.
double RoundScale(double value);

}  // namespace hearth
