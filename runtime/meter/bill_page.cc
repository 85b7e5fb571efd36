#include "runtime/meter/bill_page.h"

#include <algorithm>
#include <map>

#include "runtime/meter/svg_plot.h"
#include "runtime/meter/utc_text.h"

namespace hearth {
namespace {

constexpr size_t kSeriesMax = 7;      // functions with a colour of their own
constexpr size_t kFunctionsMax = 15;  // bars of the plot by function
constexpr const char* kColors[] = {"var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)",
                                   "var(--c5)", "var(--c6)", "var(--c7)"};
constexpr const char* kOtherColor = "var(--c8)";
constexpr const char* kAccountName = "(account)";  // no function has such a name

constexpr const char* kStyle = R"css(
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1c2430;--soft:#5c6878;--line:#e3e7ed;--accent:#c8501e;
--c1:#c8501e;--c2:#2b6cb0;--c3:#2f855a;--c4:#b7791f;--c5:#6b46c1;--c6:#0f8a8a;--c7:#b83280;--c8:#9aa5b4;--ok:#2f855a;--warn:#b7791f}
@media (prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1b212a;--ink:#e8ecf1;--soft:#9aa7b7;--line:#2c3542;--accent:#f0834f;
--c1:#f0834f;--c2:#63a4e8;--c3:#5fc08d;--c4:#e3b34c;--c5:#a78bfa;--c6:#4fc4c4;--c7:#f08bc0;--c8:#6b7889;--ok:#5fc08d;--warn:#e3b34c}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1040px;margin:0 auto;padding:32px 20px 64px}
header{display:flex;flex-wrap:wrap;gap:16px;justify-content:space-between;align-items:flex-end;margin-bottom:20px}
h1{font-size:26px;margin:0;letter-spacing:-.01em}h1 b{color:var(--accent)}
h2{font-size:17px;margin:0 0 2px}p{margin:0}.soft{color:var(--soft);font-size:13px}
.badge{display:inline-block;border:1px solid currentColor;border-radius:999px;padding:1px 10px;font-size:12px;margin-left:8px;vertical-align:middle}
.final{color:var(--ok)}.provisional{color:var(--warn)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(250px,1fr));gap:12px;margin-bottom:16px}
.card,section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px;min-width:0}
.card b{display:block;font-size:23px;font-variant-numeric:tabular-nums;letter-spacing:-.01em;overflow-wrap:anywhere}
section{margin-bottom:16px;padding:18px}
svg{display:block;width:100%;height:auto;margin-top:10px}
svg text{fill:var(--ink);font:13px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
svg .tick{fill:var(--soft);font-size:12px}svg .grid{stroke:var(--line);stroke-width:1}svg .value{font-variant-numeric:tabular-nums}
.bar:hover{opacity:.8}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:10px 0 0;padding:0;font-size:13px}
.legend li{overflow-wrap:anywhere}.legend i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px}
.table{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:6px 10px 6px 0;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:600}td.n,th.n{text-align:right}td.name{white-space:normal;overflow-wrap:anywhere;min-width:120px}
tr.sum td{font-weight:700;border-bottom:0}details summary{cursor:pointer;font-weight:600}
footer{color:var(--soft);font-size:12px;margin-top:20px}
@media print{body{background:#fff}section,.card{break-inside:avoid}}
)css";

double Drawn(Money amount) { return static_cast<double>(amount.units) / 1e10; }

// "12.34"; small amounts with as many decimals as they need to be seen.
std::string Shown(Money amount) {
  const Int128 size = amount.units < 0 ? -amount.units : amount.units;
  const int decimals = size == 0 || size >= 10'000'000'000 ? 2 : size >= 100'000'000 ? 4 : 8;
  return ToStringRounded(amount, decimals);
}

std::string Thousands(uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ' ';
    out += digits[i];
  }
  return out;
}

std::string GbSeconds(uint64_t mb_ms) {
  const Int128 hundredths = DivideHalfEven(Int128{mb_ms} * 100, Int128{kMbMsPerGbSecond});
  const auto whole = static_cast<uint64_t>(hundredths / 100);
  const std::string rest = std::to_string(static_cast<int>(hundredths % 100) + 100).substr(1);
  return Thousands(whole) + "." + rest;
}

std::string Percent(Int128 part, Int128 whole) {
  if (whole == 0) return "–";
  return ToStringRounded({DivideHalfEven(part * 1'000'000'000'000, whole)}, 1) + " %";
}

std::string Card(const std::string& title, const std::string& value, const std::string& note) {
  return "<div class=\"card\"><span class=\"soft\">" + EscapeHtml(title) + "</span><b>" + EscapeHtml(value) +
         "</b><span class=\"soft\">" + EscapeHtml(note) + "</span></div>";
}

std::string Cell(const std::string& text, const char* css = "") {
  return std::string("<td") + (*css ? std::string(" class=\"") + css + "\"" : "") + ">" + EscapeHtml(text) +
         "</td>";
}

struct FunctionRow {
  UsageTotals usage;
  Money billed, effective;
};

// What the page is made from, summed up once.
class Page final {
 public:
  Page(const Bill& bill, const AccountState& account, WallTime now)
      : bill_(bill), account_(account), now_(now) {
    for (const UsageRow& row : bill.usage) {
      functions_[row.key.function].usage += row.usage;
      usage_ += row.usage;
    }
    for (const BillLine& line : bill.lines) {
      const std::string name = line.function.empty() ? kAccountName : line.function;
      functions_[name].billed += line.billed;
      functions_[name].effective += line.effective;
      days_[DayOf(line.period.from)][name] += line.effective;
      effective_ += line.effective;
      list_ += ClassOf(line.kind) == LineClass::kPurchase || ClassOf(line.kind) == LineClass::kReduction
                   ? Money{}
                   : line.list;
    }
    for (const auto& [name, row] : functions_) order_.push_back(name);
    std::stable_sort(order_.begin(), order_.end(), [this](const std::string& a, const std::string& b) {
      return functions_.at(a).effective > functions_.at(b).effective;
    });
  }

  std::string Html() const {
    return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
           "content=\"width=device-width,initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" "
           "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\"><link rel=\"icon\" "
           "href=\"data:,\"><title>Bill " +
           EscapeHtml(Title()) + "</title><style>" + kStyle + "</style></head><body><main>" + Head() +
           Cards() + Days() + Functions() + Idle() + FunctionTable() + LineTable() + Foot() +
           "</main></body></html>\n";
  }

 private:
  bool WholeMonth() const { return bill_.period == MonthOf(StartOfMonth(bill_.period.from)); }
  std::string Title() const {
    if (WholeMonth()) return ToMonthText(bill_.period.from);
    return ToUtcText(bill_.period.from) + " to " + ToUtcText(bill_.period.to);
  }
  std::string Money_(Money amount) const { return bill_.currency + " " + Shown(amount); }

  std::string Head() const {
    const bool final = bill_.period.to <= account_.closed_through();
    const char* state = final ? "final" : "provisional";
    std::string invoices;
    for (const Invoice& invoice : bill_.invoices)
      invoices +=
          " · invoice " + invoice.id + ": " + bill_.currency + " " + ToStringRounded(invoice.total, 2);
    return std::string("<header><div><h1><b>Hearth</b> bill ") + EscapeHtml(Title()) +
           "<span class=\"badge " + state + "\">" + state + "</span></h1><p class=\"soft\">" +
           EscapeHtml(ToUtcText(bill_.period.from) + " up to " + ToUtcText(bill_.period.to) + " (UTC)" +
                      invoices) +
           "</p></div></header>";
  }

  std::string Cards() const {
    const Money saved = list_ - effective_;
    return "<div class=\"cards\">" + Card("Billed", Money_(bill_.total), "sum of all lines") +
           Card("Effective", Money_(effective_), "upfront payments spread over their terms") +
           Card("Invocations", Thousands(usage_.records), Thousands(usage_.requests) + " billed") +
           Card("GB-seconds", GbSeconds(usage_.memory_mb_ms), "memory × billed time") +
           Card("Below list price", Percent(saved.units, list_.units), "by plans, discounts, allowance") +
           Card("Idle", IdleShare(), "of the memory that was kept") + "</div>";
  }

  // The functions that have a colour, then the rest as one.
  std::vector<PlotSeries> Series() const {
    std::vector<PlotSeries> series;
    for (const std::string& name : order_) {
      if (series.size() == kSeriesMax) break;
      series.push_back({name, kColors[series.size()]});
    }
    if (order_.size() > kSeriesMax)
      series.push_back({std::to_string(order_.size() - kSeriesMax) + " others", kOtherColor});
    return series;
  }

  std::string Days() const {
    const std::vector<PlotSeries> series = Series();
    std::vector<PlotBar> bars;
    const UtcDay last = DayOf(std::max(bill_.period.from, bill_.period.to - microseconds(1)));
    for (UtcDay day = DayOf(bill_.period.from); day <= last; day += std::chrono::days(1))
      bars.push_back(BarOf(day));
    // Labels that stand apart: at most sixteen.
    const size_t every = std::max<size_t>(1, (bars.size() + 15) / 16);
    for (size_t i = 0; i < bars.size(); ++i) {
      if (i % every != 0) bars[i].label.clear();
    }
    return "<section><h2>Cost per day</h2><p class=\"soft\">Effective, by function; credits not drawn</p>" +
           StackedBars("plot-days", series, bars, "") + Legend(series) + "</section>";
  }
  PlotBar BarOf(UtcDay day) const {
    PlotBar bar;
    const std::string date = ToDateText(day);
    bar.label = date.substr(8);
    bar.values.assign(Series().size(), 0.0);
    Money total;
    if (const auto found = days_.find(day); found != days_.end()) {
      for (size_t i = 0; i < order_.size(); ++i) {
        const auto amount = found->second.find(order_[i]);
        if (amount == found->second.end()) continue;
        total += amount->second;
        bar.values[std::min(i, kSeriesMax)] += std::max(0.0, Drawn(amount->second));
      }
    }
    bar.title = date + ": " + Money_(total);
    return bar;
  }

  std::string Functions() const {
    std::vector<PlotBar> bars;
    Money others;
    size_t left = 0;
    for (const std::string& name : order_) {
      const FunctionRow& row = functions_.at(name);
      if (name == kAccountName && row.effective.units <= 0) continue;
      if (bars.size() == kFunctionsMax) {
        others += row.effective;
        ++left;
        continue;
      }
      bars.push_back({name,
                      name + ": " + Money_(row.effective),
                      {std::max(0.0, Drawn(row.effective))},
                      Money_(row.effective)});
    }
    if (left > 0) {
      bars.push_back({std::to_string(left) + " others", "", {std::max(0.0, Drawn(others))}, Money_(others)});
    }
    return "<section><h2>Cost per function</h2><p class=\"soft\">Effective</p>" +
           LyingBars("plot-functions", {{"cost", "var(--c1)"}}, bars) + "</section>";
  }

  // Where memory was, in MB x ms, by day.
  NodeHour MemoryIn(WallTime from, WallTime to) const {
    NodeHour sum;
    for (const auto& [hour, one] : account_.node_hours()) {
      if (hour < from || hour >= to) continue;
      sum.capacity += one.capacity;
      sum.busy += one.busy;
      sum.reserved_busy += one.reserved_busy;
      sum.reserved_idle += one.reserved_idle;
      sum.spot += one.spot;
      sum.dedicated += one.dedicated;
      sum.keep_alive += one.keep_alive;
      sum.platform += one.platform;
    }
    return sum;
  }
  // Of capacity that commitments keep, where the node was not observed.
  std::pair<Int128, Int128> CommittedIdle(WallTime from, WallTime to) const {
    Int128 used = 0, unused = 0;
    for (const BillLine& line : bill_.lines) {
      if (line.period.from < from || line.period.from >= to) continue;
      if (line.kind == LineKind::kCommittedUsed || line.kind == LineKind::kReservedUsed)
        used += line.quantity;
      if (line.kind == LineKind::kCommittedUnused || line.kind == LineKind::kReservedUnused)
        unused += line.quantity;
    }
    return {used, unused};
  }
  static uint64_t Busy(const NodeHour& n) { return n.busy + n.reserved_busy + n.spot + n.dedicated; }
  static uint64_t Kept(const NodeHour& n) { return Busy(n) + n.reserved_idle + n.keep_alive + n.platform; }
  std::string IdleShare() const {
    const NodeHour n = MemoryIn(bill_.period.from, bill_.period.to);
    if (Kept(n) > 0) return Percent(Int128{n.reserved_idle} + Int128{n.keep_alive}, Int128{Kept(n)});
    const auto [used, unused] = CommittedIdle(bill_.period.from, bill_.period.to);
    return Percent(unused, used + unused);
  }

  std::string Idle() const {
    const std::vector<PlotSeries> series = {{"busy", "var(--c3)"},
                                            {"reserved, idle", "var(--c4)"},
                                            {"keep-alive, idle", "var(--c2)"},
                                            {"platform (zygotes, starting)", "var(--c8)"}};
    std::vector<PlotBar> bars;
    const UtcDay last = DayOf(std::max(bill_.period.from, bill_.period.to - microseconds(1)));
    for (UtcDay day = DayOf(bill_.period.from); day <= last; day += std::chrono::days(1))
      bars.push_back(IdleBar(day));
    const size_t every = std::max<size_t>(1, (bars.size() + 15) / 16);
    for (size_t i = 0; i < bars.size(); ++i) {
      if (i % every != 0) bars[i].label.clear();
    }
    return "<section><h2>Share of idle</h2><p class=\"soft\">Of the memory that workers held, by day, in per "
           "cent: idle capacity is there for the commitment that keeps it warm, or for nobody</p>" +
           StackedBars("plot-idle", series, bars, "") + Legend(series) + "</section>";
  }
  PlotBar IdleBar(UtcDay day) const {
    const WallTime from = day, to = day + std::chrono::days(1);
    PlotBar bar;
    bar.label = ToDateText(day).substr(8);
    bar.values.assign(4, 0.0);
    const NodeHour n = MemoryIn(from, to);
    const auto [used, unused] = CommittedIdle(from, to);
    double parts[4] = {static_cast<double>(Busy(n)), static_cast<double>(n.reserved_idle),
                       static_cast<double>(n.keep_alive), static_cast<double>(n.platform)};
    if (Kept(n) == 0) {
      parts[0] = static_cast<double>(used);
      parts[1] = static_cast<double>(unused);
    }
    const double all = parts[0] + parts[1] + parts[2] + parts[3];
    for (int i = 0; i < 4 && all > 0; ++i) bar.values[static_cast<size_t>(i)] = 100 * parts[i] / all;
    const Int128 idle = Kept(n) == 0 ? unused : Int128{n.reserved_idle} + Int128{n.keep_alive};
    const Int128 kept = Kept(n) == 0 ? used + unused : Int128{Kept(n)};
    bar.title = ToDateText(day) + ": " + Percent(idle, kept) + " idle";
    return bar;
  }

  std::string FunctionTable() const {
    std::string html =
        "<section><h2>Functions</h2><div class=\"table\"><table id=\"functions\"><thead><tr><th>function</th>"
        "<th class=\"n\">invocations</th><th class=\"n\">errors</th><th class=\"n\">GB-s</th><th "
        "class=\"n\">billed " +
        EscapeHtml(bill_.currency) + "</th><th class=\"n\">effective</th></tr></thead><tbody>";
    for (const std::string& name : order_) html += FunctionCells(name, functions_.at(name), "");
    FunctionRow sum{usage_, bill_.total, effective_};
    return html + FunctionCells("total", sum, " class=\"sum\"") + "</tbody></table></div></section>";
  }
  static std::string FunctionCells(const std::string& name, const FunctionRow& row, const char* css) {
    return std::string("<tr") + css + ">" + Cell(name, "name") + Cell(Thousands(row.usage.records), "n") +
           Cell(Thousands(row.usage.errors()), "n") + Cell(GbSeconds(row.usage.memory_mb_ms), "n") +
           Cell(ToString(row.billed), "n") + Cell(ToString(row.effective), "n") + "</tr>";
  }

  std::string LineTable() const {
    std::string html =
        "<section><details><summary>All " + Thousands(bill_.lines.size()) +
        " lines</summary><div class=\"table\"><table id=\"lines\"><thead><tr><th>day</th>"
        "<th>what</th><th>function</th><th>commitment</th><th class=\"n\">quantity</th><th>unit</th>"
        "<th class=\"n\">price</th><th class=\"n\">billed</th><th class=\"n\">effective</th>"
        "<th>id</th></tr></thead><tbody>";
    size_t shown = 0;
    for (const BillLine& line : bill_.lines) {
      if (shown++ == kPageLinesMax) break;
      const std::string what = std::string(NameOf(line.kind)) + (line.late ? ", correction" : "");
      const std::string function = line.version.empty() ? line.function : line.function + ":" + line.version;
      html += "<tr>" + Cell(ToDateText(DayOf(line.period.from))) + Cell(what) + Cell(function, "name") +
              Cell(line.commitment) + Cell(QuantityText(line.quantity, line.unit()), "n") +
              Cell(std::string(NameOf(line.unit()))) +
              Cell(PriceText(line.list_price, line.spot_off, line.contract_off), "n") +
              Cell(ToString(line.billed), "n") + Cell(ToString(line.effective), "n") + Cell(line.id) +
              "</tr>";
    }
    html += "</tbody></table></div>";
    if (bill_.lines.size() > kPageLinesMax) {
      html += "<p class=\"soft\">" + Thousands(bill_.lines.size() - kPageLinesMax) +
              " more lines are left out here; hearth bill --csv has all.</p>";
    }
    return html + "</details></section>";
  }

  std::string Foot() const {
    std::string books;
    for (const std::string& book : bill_.price_books) books += (books.empty() ? "" : ", ") + book;
    return "<footer>Prices: " + EscapeHtml(books) + ". Made " +
           EscapeHtml(ToUtcText(std::chrono::floor<seconds>(now_))) +
           " from the ledger alone; hearth bill explain LINE lists the invocations behind a line, hearth "
           "bill "
           "re-rate makes the bill again from the records.</footer>";
  }

  const Bill& bill_;
  const AccountState& account_;
  const WallTime now_;
  std::map<std::string, FunctionRow> functions_;
  std::map<UtcDay, std::map<std::string, Money>> days_;
  std::vector<std::string> order_;
  UsageTotals usage_;
  Money effective_, list_;
};

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string BillPage(const Bill& bill, const AccountState& account, WallTime now) {
  return Page(bill, account, now).Html();
}

}  // namespace hearth
