#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "triggers/queue/filter_matcher.h"

namespace hearth {

// EventBridge's pattern language, as Lambda's filters use it: `{"a": {"b": [1, {"prefix": "x"}]}}`.
//
// * Every field that a pattern names must match; of a list one element is enough; `$or` is one of several
//   objects. `{"exists": false}` means that no leaf is at that place.
// * An array in the event counts as each of its elements. Fields of one object in it belong together: a pattern
//   {"a": {"x": [1], "y": [2]}} wants both in the same element of a.
// * `exists: false` looks into the element that the fields named before it (by alphabet) have chosen; when there
//   are none, into all of them. So does AWS's matcher.
//
// Immutable once compiled. Matching takes time in proportion to pattern times event.
class FilterPattern final {
 public:
  static constexpr size_t kAlternativesMax = 1000;  // of $or, multiplied out: EventBridge's limit

  // kInvalidArgument names the field and why.
  static Result<FilterPattern> Compile(const FilterValue& pattern);
  bool Matches(const FilterValue& event) const;

  // The places that it names, each once: {"body", "price"}.
  const std::set<std::vector<std::string>>& places() const { return places_; }

  struct Leaf {
    std::string key;
    std::vector<FilterMatcher> any_of;
  };
  struct Node {
    std::vector<Leaf> leaves;
    std::vector<std::pair<std::string, Node>> children;
    std::vector<std::vector<std::string>> absent;  // places below this node where no leaf may be
  };
  // One way through all $or's.
  struct Alternative {
    Node root;
    bool wants_whole_body = false;      // "body" is a list: the body is text
    bool wants_fields_of_body = false;  // "body" is an object: the body is JSON
  };
  const std::vector<Alternative>& alternatives() const { return alternatives_; }
  static bool Matches(const Node& node, const FilterValue& event);

 private:
  std::set<std::vector<std::string>> places_;
  std::vector<Alternative> alternatives_;
};

}  // namespace hearth
