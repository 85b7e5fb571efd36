#include "triggers/queue/filter_pattern.h"

#include <algorithm>

namespace hearth {
namespace {

using Path = std::vector<std::string>;
using Node = FilterPattern::Node;

constexpr std::string_view kBody = "body";

struct Condition {
  Path path;
  std::vector<FilterMatcher> any_of;
  bool absent = false;  // then `any_of` is empty
  friend bool operator<(const Condition& a, const Condition& b) { return a.path < b.path; }
};
using Conjunction = std::vector<Condition>;

std::string Dotted(const Path& path) {
  std::string text;
  for (const std::string& step : path) text += (text.empty() ? "" : ".") + step;
  return text;
}

Error Invalid(const Path& path, std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          (path.empty() ? "the pattern" : Dotted(path)) + ": " + std::string(why)};
}

// Multiplies $or's out into conjunctions.
class Expander final {
 public:
  Status Object(const FilterValue& object, Path& path, std::vector<Conjunction>& ways) {
    if (object.elements.empty())
      return Invalid(path, "an empty object matches nothing in particular; leave it out");
    std::set<std::string_view> seen;
    for (size_t i = 0; i < object.elements.size(); ++i) {
      if (!seen.insert(object.keys[i]).second)
        return Invalid(path, "\"" + object.keys[i] + "\" stands there twice");
      HEARTH_TRY(Field(object.keys[i], object.elements[i], path, ways));
    }
    return Ok();
  }

 private:
  Status Field(const std::string& key, const FilterValue& value, Path& path, std::vector<Conjunction>& ways) {
    if (key == "$or") return Or(value, path, ways);
    path.push_back(key);
    Status added = Ok();
    if (value.kind == FilterValue::Kind::kObject) {
      added = Object(value, path, ways);
    } else if (value.kind == FilterValue::Kind::kArray) {
      added = List(value, path, ways);
    } else {
      added = Invalid(path, "must be a list of values, or an object");
    }
    path.pop_back();
    return added;
  }

  Status Or(const FilterValue& value, Path& path, std::vector<Conjunction>& ways) {
    if (value.kind != FilterValue::Kind::kArray || value.elements.size() < 2) {
      return Invalid(path, "$or needs a list of at least two objects");
    }
    std::vector<Conjunction> all;
    for (const FilterValue& one : value.elements) {
      if (one.kind != FilterValue::Kind::kObject)
        return Invalid(path, "$or needs a list of at least two objects");
      std::vector<Conjunction> branch = ways;
      HEARTH_TRY(Object(one, path, branch));
      HEARTH_TRY(Append(path, std::move(branch), all));
    }
    ways = std::move(all);
    return Ok();
  }

  Status List(const FilterValue& value, Path& path, std::vector<Conjunction>& ways) {
    if (value.elements.empty()) return Invalid(path, "an empty list matches nothing");
    Condition present{path, {}, false};
    bool or_absent = false;
    for (const FilterValue& element : value.elements) {
      auto matcher = CompileFilterMatcher(element);
      if (!matcher.ok()) return Invalid(path, matcher.error().message);
      if (matcher->kind == FilterMatcher::Kind::kAbsent) {
        or_absent = true;
      } else {
        present.any_of.push_back(std::move(*matcher));
      }
    }
    std::vector<Conjunction> all;
    if (or_absent) {
      std::vector<Conjunction> without = ways;
      for (Conjunction& way : without) way.push_back({path, {}, true});
      HEARTH_TRY(Append(path, std::move(without), all));
    }
    if (!present.any_of.empty()) {
      for (Conjunction& way : ways) way.push_back(present);
      HEARTH_TRY(Append(path, std::move(ways), all));
    }
    ways = std::move(all);
    return Ok();
  }

  Status Append(const Path& path, std::vector<Conjunction> more, std::vector<Conjunction>& all) {
    if (all.size() + more.size() > FilterPattern::kAlternativesMax) {
      return Invalid(path, "its $or's multiply to more than " +
                               std::to_string(FilterPattern::kAlternativesMax) + " combinations");
    }
    std::move(more.begin(), more.end(), std::back_inserter(all));
    return Ok();
  }
};

Node& NodeAt(Node& root, const Path& path, size_t depth) {
  Node* node = &root;
  for (size_t i = 0; i < depth; ++i) {
    auto found = std::find_if(node->children.begin(), node->children.end(),
                              [&](const auto& child) { return child.first == path[i]; });
    if (found == node->children.end()) found = node->children.insert(found, {path[i], Node{}});
    node = &found->second;
  }
  return *node;
}

// How many steps of `path` an earlier condition has walked through objects.
size_t SharedSteps(const Path& earlier, const Path& path) {
  const size_t most = std::min(earlier.size(), path.size()) - 1;
  size_t shared = 0;
  while (shared < most && earlier[shared] == path[shared]) ++shared;
  return shared;
}

FilterPattern::Alternative Build(Conjunction conditions) {
  FilterPattern::Alternative built;
  std::stable_sort(conditions.begin(), conditions.end());
  for (size_t i = 0; i < conditions.size(); ++i) {
    Condition& condition = conditions[i];
    const Path& path = condition.path;
    if (path[0] == kBody) (path.size() > 1 ? built.wants_fields_of_body : built.wants_whole_body) = true;
    if (!condition.absent) {
      NodeAt(built.root, path, path.size() - 1).leaves.push_back({path.back(), std::move(condition.any_of)});
      continue;
    }
    size_t depth = 0;
    for (size_t j = 0; j < i; ++j) {
      if (!conditions[j].absent) depth = std::max(depth, SharedSteps(conditions[j].path, path));
    }
    NodeAt(built.root, path, depth)
        .absent.emplace_back(path.begin() + static_cast<ptrdiff_t>(depth), path.end());
  }
  return built;
}

bool AnyLeaf(const std::vector<FilterMatcher>& any_of, const FilterValue& value) {
  if (value.kind == FilterValue::Kind::kArray) {
    return std::any_of(value.elements.begin(), value.elements.end(),
                       [&](const FilterValue& element) { return AnyLeaf(any_of, element); });
  }
  return value.is_leaf() && std::any_of(any_of.begin(), any_of.end(), [&](const FilterMatcher& matcher) {
           return Matches(matcher, value);
         });
}

bool HasLeaf(const FilterValue& value, const Path& path, size_t step) {
  if (value.kind == FilterValue::Kind::kArray) {
    return std::any_of(value.elements.begin(), value.elements.end(),
                       [&](const FilterValue& element) { return HasLeaf(element, path, step); });
  }
  if (step == path.size()) return value.is_leaf();
  const FilterValue* next = value.Find(path[step]);
  return next && HasLeaf(*next, path, step + 1);
}

}  // namespace

Result<FilterPattern> FilterPattern::Compile(const FilterValue& pattern) {
  if (pattern.kind != FilterValue::Kind::kObject) return Invalid({}, "must be a JSON object");
  std::vector<Conjunction> ways(1);
  Path path;
  HEARTH_TRY(Expander().Object(pattern, path, ways));
  FilterPattern compiled;
  for (Conjunction& way : ways) {
    for (const Condition& condition : way) compiled.places_.insert(condition.path);
    compiled.alternatives_.push_back(Build(std::move(way)));
  }
  return compiled;
}

bool FilterPattern::Matches(const FilterValue& event) const {
  return std::any_of(alternatives_.begin(), alternatives_.end(),
                     [&](const Alternative& one) { return Matches(one.root, event); });
}

bool FilterPattern::Matches(const Node& node, const FilterValue& event) {
  if (event.kind == FilterValue::Kind::kArray) {
    return std::any_of(event.elements.begin(), event.elements.end(),
                       [&](const FilterValue& element) { return Matches(node, element); });
  }
  if (event.kind != FilterValue::Kind::kObject) return false;
  for (const Leaf& leaf : node.leaves) {
    const FilterValue* value = event.Find(leaf.key);
    if (!value || !AnyLeaf(leaf.any_of, *value)) return false;
  }
  for (const auto& [key, child] : node.children) {
    const FilterValue* value = event.Find(key);
    if (!value || !Matches(child, *value)) return false;
  }
  return std::none_of(node.absent.begin(), node.absent.end(),
                      [&](const Path& path) { return HasLeaf(event, path, 0); });
}

}  // namespace hearth
