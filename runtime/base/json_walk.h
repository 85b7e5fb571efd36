#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth {

// Goes over the members of an object, or the items of an array, and builds nothing. The text is one that ScanJson() has found
// valid; of any other the values mean nothing, but nothing is read past its end.
//
// Borrows: the text.
class JsonWalk final {
 public:
  // An object or an array, blanks around it or not.
  explicit JsonWalk(std::string_view value);

  // On to the first, or the next. False: there is none.
  bool Next();
  // As it is written, with its quotes; "" in an array.
  std::string_view raw_name() const { return name_; }
  // As it is written.
  std::string_view value() const { return value_; }

 private:
  std::string_view Take();
  void SkipTo(size_t at) { text_.remove_prefix(at < text_.size() ? at : text_.size()); }
  void SkipSpace();

  std::string_view text_;  // what is left of it
  bool named_ = false;
  std::string_view name_;
  std::string_view value_;
};

// What a valid JSON string, given with its quotes, says.
std::string JsonStringText(std::string_view raw);

}  // namespace hearth
