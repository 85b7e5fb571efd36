#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::cli {

enum class Align { kLeft, kRight };

struct Column {
  std::string title;
  Align align = Align::kLeft;
};

// Rows under titles, each column as wide as its widest cell, two blanks between. Widths count characters of
// UTF-8, not bytes.
class TextTable final {
 public:
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void Add(std::vector<std::string> cells);  // missing ones are empty
  // Lines without blanks at their ends; "" when there is no row.
  std::string Text() const;

 private:
  std::string Line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const;

  const std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

std::string WithThousands(uint64_t number);       // "1,234,567"
std::string Decimals(double number, int digits);  // fixed: "0.125"
std::string SizeText(uint64_t bytes);             // "512 B", "20.4 KiB", "1.2 MiB"
// Control characters but line ends and tabs as \xNN: what a function wrote must not steer the terminal.
std::string Printable(std::string_view text);

}  // namespace hearth::cli
