#include "runtime/meter/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "runtime/meter/bill_page.h"

namespace hearth {
namespace {

constexpr double kWidth = 920;
constexpr double kHeight = 300;
constexpr double kLeft = 74, kRight = 12, kTop = 14, kBottom = 34;
constexpr int kSteps = 4;
constexpr double kRowHeight = 30;
constexpr double kNameWidth = 230, kTextWidth = 130;
constexpr size_t kNameCharacters = 18;  // of the widest letter

std::string Number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

// As many decimals as the scale needs: 0.0005, 0.25, 1,500.
std::string ScaleText(double value, double step) {
  if (value == 0) return "0";
  const int decimals = step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", std::min(decimals + (step < 1 ? 1 : 0), 12), value);
  std::string trimmed = text;
  if (trimmed.find('.') != std::string::npos) {
    trimmed.erase(trimmed.find_last_not_of('0') + 1);
    if (trimmed.back() == '.') trimmed.pop_back();
  }
  return trimmed;
}

double Sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

double Largest(const std::vector<PlotBar>& bars) {
  double largest = 0;
  for (const PlotBar& bar : bars) largest = std::max(largest, Sum(bar.values));
  return largest;
}

std::string Rect(double x, double y, double width, double height, const std::string& color) {
  return "<rect x=\"" + Number(x) + "\" y=\"" + Number(y) + "\" width=\"" + Number(width) + "\" height=\"" +
         Number(height) + "\" fill=\"" + color + "\"/>";
}

std::string Text(double x, double y, const char* anchor, const std::string& text, const char* css = "") {
  return "<text x=\"" + Number(x) + "\" y=\"" + Number(y) + "\" text-anchor=\"" + anchor + "\" class=\"" +
         css + "\">" + EscapeHtml(text) + "</text>";
}

std::string Open(const std::string& id, double height) {
  return "<svg id=\"" + id + "\" role=\"img\" viewBox=\"0 0 " + Number(kWidth) + " " + Number(height) +
         "\" preserveAspectRatio=\"xMidYMid meet\">";
}

// By characters of UTF-8, not bytes.
std::string Shortened(const std::string& text) {
  size_t characters = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) continue;
    if (++characters > kNameCharacters) return text.substr(0, at) + "…";
  }
  return text;
}

std::string Scale(double top, double plot_height, const std::string& unit) {
  std::string svg;
  for (int step = 0; step <= kSteps; ++step) {
    const double value = top * step / kSteps;
    const double y = kTop + plot_height * (1 - static_cast<double>(step) / kSteps);
    svg += "<line class=\"grid\" x1=\"" + Number(kLeft) + "\" x2=\"" + Number(kWidth - kRight) + "\" y1=\"" +
           Number(y) + "\" y2=\"" + Number(y) + "\"/>";
    svg += Text(kLeft - 8, y + 4, "end", unit + ScaleText(value, top / kSteps), "tick");
  }
  return svg;
}

}  // namespace

double RoundScale(double value) {
  if (!(value > 0)) return 1;
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double factor : {1.0, 2.0, 4.0, 5.0, 8.0, 10.0}) {
    if (factor * power >= value * (1 - 1e-12)) return factor * power;
  }
  return 10 * power;
}

std::string StackedBars(const std::string& id, const std::vector<PlotSeries>& series,
                        const std::vector<PlotBar>& bars, const std::string& unit) {
  const double top = RoundScale(Largest(bars));
  const double plot_height = kHeight - kTop - kBottom;
  const double slot = (kWidth - kLeft - kRight) / static_cast<double>(std::max<size_t>(bars.size(), 1));
  const double width = std::max(1.0, std::min(slot * 0.72, 46.0));
  std::string svg = Open(id, kHeight) + Scale(top, plot_height, unit);
  for (size_t i = 0; i < bars.size(); ++i) {
    const PlotBar& bar = bars[i];
    const double x = kLeft + slot * static_cast<double>(i) + (slot - width) / 2;
    double y = kTop + plot_height;
    svg += "<g class=\"bar\"><title>" + EscapeHtml(bar.title) + "</title>";
    for (size_t s = 0; s < bar.values.size() && s < series.size(); ++s) {
      const double height = bar.values[s] / top * plot_height;
      if (height <= 0) continue;
      y -= height;
      svg += Rect(x, y, width, height, series[s].color);
    }
    svg += "</g>";
    if (!bar.label.empty()) svg += Text(x + width / 2, kHeight - 12, "middle", bar.label, "tick");
  }
  return svg + "</svg>";
}

std::string LyingBars(const std::string& id, const std::vector<PlotSeries>& series,
                      const std::vector<PlotBar>& bars) {
  const double largest = std::max(Largest(bars), 1e-300);
  const double room = kWidth - kNameWidth - kTextWidth;
  std::string svg = Open(id, kRowHeight * static_cast<double>(std::max<size_t>(bars.size(), 1)) + 8);
  for (size_t i = 0; i < bars.size(); ++i) {
    const PlotBar& bar = bars[i];
    const double y = kRowHeight * static_cast<double>(i) + 4;
    double x = kNameWidth;
    svg += "<g class=\"bar\"><title>" + EscapeHtml(bar.title) + "</title>";
    svg += Text(kNameWidth - 12, y + 19, "end", Shortened(bar.label), "name");
    for (size_t s = 0; s < bar.values.size() && s < series.size(); ++s) {
      const double width = bar.values[s] / largest * room;
      if (width <= 0) continue;
      svg += Rect(x, y + 4, std::max(width, 1.0), kRowHeight - 10, series[s].color);
      x += width;
    }
    svg += Text(x + 8, y + 19, "start", bar.text, "value") + "</g>";
  }
  return svg + "</svg>";
}

std::string Legend(const std::vector<PlotSeries>& series) {
  std::string html = "<ul class=\"legend\">";
  for (const PlotSeries& one : series)
    html += "<li><i style=\"background:" + one.color + "\"></i>" + EscapeHtml(one.name) + "</li>";
  return html + "</ul>";
}

}  // namespace hearth
