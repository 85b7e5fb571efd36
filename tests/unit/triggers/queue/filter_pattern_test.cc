#include "triggers/queue/filter_pattern.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "runtime/base/json_depth.h"
#include "runtime/base/random.h"

namespace hearth {
namespace {

using nlohmann::json;

FilterValue Parse(const std::string& text) {
  auto value = ParseFilterValue(text);
  INFO(text);
  REQUIRE(value);
  return std::move(*value);
}

bool MatchesText(const std::string& pattern, const std::string& event) {
  const auto compiled = FilterPattern::Compile(Parse(pattern));
  INFO((compiled.ok() ? "" : compiled.error().message));
  REQUIRE(compiled.ok());
  return compiled->Matches(Parse(event));
}

struct Golden {
  const char* pattern;
  const char* event;
  bool matches;
};

// Goal: each operator, by what it takes and what it leaves.
TEST_CASE("patterns and what they match", "[queue][filter]") {
  const Golden cases[] = {
      // Exact values: type and value must agree.
      {R"({"a":["x"]})", R"({"a":"x"})", true},
      {R"({"a":["x"]})", R"({"a":"X"})", false},
      {R"({"a":["x"]})", R"({"b":"x"})", false},
      {R"({"a":["x","y"]})", R"({"a":"y"})", true},
      {R"({"a":[""]})", R"({"a":""})", true},
      {R"({"a":[null]})", R"({"a":null})", true},
      {R"({"a":[null]})", R"({})", false},
      {R"({"a":[null]})", R"({"a":"null"})", false},
      {R"({"a":[true]})", R"({"a":true})", true},
      {R"({"a":[true]})", R"({"a":"true"})", false},
      {R"({"a":[false]})", R"({"a":true})", false},
      {R"({"a":[300]})", R"({"a":300})", true},
      {R"({"a":[300]})", R"({"a":300.0})", true},
      {R"({"a":[300]})", R"({"a":3e2})", true},
      {R"({"a":[300]})", R"({"a":"300"})", false},
      {R"({"a":["300"]})", R"({"a":300})", false},
      {R"({"a":[9007199254740993]})", R"({"a":9007199254740993})", true},
      {R"({"a":[9007199254740993]})", R"({"a":9007199254740992})", false},
      {R"({"a":["ü"]})", R"({"a":"\u00fc"})", true},
      // Fields are and'ed, nested objects are places.
      {R"({"a":["x"],"b":[1]})", R"({"a":"x","b":1,"c":2})", true},
      {R"({"a":["x"],"b":[1]})", R"({"a":"x"})", false},
      {R"({"a":{"b":{"c":[1]}}})", R"({"a":{"b":{"c":1}}})", true},
      {R"({"a":{"b":{"c":[1]}}})", R"({"a":{"b":1}})", false},
      {R"({"a":["x"]})", R"({"a":{"b":"x"}})", false},
      {R"({"a.b":["x"]})", R"({"a":{"b":"x"}})", false},
      // Prefix, suffix.
      {R"({"a":[{"prefix":"us-"}]})", R"({"a":"us-east-1"})", true},
      {R"({"a":[{"prefix":"us-"}]})", R"({"a":"eu-us-1"})", false},
      {R"({"a":[{"prefix":""}]})", R"({"a":""})", true},
      {R"({"a":[{"prefix":"1"}]})", R"({"a":12})", false},
      {R"({"a":[{"suffix":".png"}]})", R"({"a":"cat.png"})", true},
      {R"({"a":[{"suffix":".png"}]})", R"({"a":"png"})", false},
      {R"({"a":[{"prefix":{"equals-ignore-case":"US-"}}]})", R"({"a":"us-east"})", true},
      {R"({"a":[{"suffix":{"equals-ignore-case":".PNG"}}]})", R"({"a":"cat.pNg"})", true},
      {R"({"a":[{"suffix":{"equals-ignore-case":".PNG"}}]})", R"({"a":"cat.jpg"})", false},
      // Letters of any script.
      {R"({"a":[{"equals-ignore-case":"alice"}]})", R"({"a":"ALICE"})", true},
      {R"({"a":[{"equals-ignore-case":"alice"}]})", R"({"a":"alic"})", false},
      {R"({"a":[{"equals-ignore-case":"STRASSE Ä Ω Ж"}]})", R"({"a":"strasse ä ω ж"})", true},
      // Wildcards.
      {R"({"a":[{"wildcard":"*.png"}]})", R"({"a":"cat.png"})", true},
      {R"({"a":[{"wildcard":"dir/*.png"}]})", R"({"a":"dir/a/b.png"})", true},
      {R"({"a":[{"wildcard":"a*b*c"}]})", R"({"a":"aXbYbZc"})", true},
      {R"({"a":[{"wildcard":"a*b*c"}]})", R"({"a":"acb"})", false},
      {R"({"a":[{"wildcard":"a*a"}]})", R"({"a":"a"})", false},
      {R"({"a":[{"wildcard":"*"}]})", R"({"a":""})", true},
      {R"({"a":[{"wildcard":"2\\*3"}]})", R"({"a":"2*3"})", true},
      {R"({"a":[{"wildcard":"2\\*3"}]})", R"({"a":"2x3"})", false},
      {R"({"a":[{"wildcard":"c:\\\\*"}]})", R"({"a":"c:\\dos"})", true},
      {R"({"a":[{"wildcard":"plain"}]})", R"({"a":"plain"})", true},
      {R"({"a":[{"wildcard":"plain"}]})", R"({"a":"plainly"})", false},
      // Anything but.
      {R"({"a":[{"anything-but":"x"}]})", R"({"a":"y"})", true},
      {R"({"a":[{"anything-but":"x"}]})", R"({"a":"x"})", false},
      {R"({"a":[{"anything-but":"x"}]})", R"({})", false},
      {R"({"a":[{"anything-but":"x"}]})", R"({"a":null})", true},
      {R"({"a":[{"anything-but":"x"}]})", R"({"a":{"b":1}})", false},
      {R"({"a":[{"anything-but":["x","y"]}]})", R"({"a":"y"})", false},
      {R"({"a":[{"anything-but":[1,2]}]})", R"({"a":3})", true},
      {R"({"a":[{"anything-but":[1,2]}]})", R"({"a":2.0})", false},
      {R"({"a":[{"anything-but":{"prefix":"x"}}]})", R"({"a":"yx"})", true},
      {R"({"a":[{"anything-but":{"prefix":["x","y"]}}]})", R"({"a":"yx"})", false},
      {R"({"a":[{"anything-but":{"suffix":".tmp"}}]})", R"({"a":"a.tmp"})", false},
      {R"({"a":[{"anything-but":{"equals-ignore-case":["x","y"]}}]})", R"({"a":"Y"})", false},
      {R"({"a":[{"anything-but":{"wildcard":"*/lib/*"}}]})", R"({"a":"usr/lib/x"})", false},
      {R"({"a":[{"anything-but":{"wildcard":"*/lib/*"}}]})", R"({"a":"usr/bin/x"})", true},
      // Numbers.
      {R"({"a":[{"numeric":["=",100]}]})", R"({"a":1e2})", true},
      {R"({"a":[{"numeric":["=",100]}]})", R"({"a":"100"})", false},
      {R"({"a":[{"numeric":[">",10,"<=",20]}]})", R"({"a":10})", false},
      {R"({"a":[{"numeric":[">",10,"<=",20]}]})", R"({"a":10.5})", true},
      {R"({"a":[{"numeric":[">",10,"<=",20]}]})", R"({"a":20})", true},
      {R"({"a":[{"numeric":["<",20,">=",10]}]})", R"({"a":10})", true},
      {R"({"a":[{"numeric":["<",0]}]})", R"({"a":-1})", true},
      {R"({"a":[{"numeric":[">",1700000000000]}]})", R"({"a":1700000000001})", true},
      // Existence is of leaves.
      {R"({"a":[{"exists":true}]})", R"({"a":null})", true},
      {R"({"a":[{"exists":true}]})", R"({"a":{"b":1}})", false},
      {R"({"a":[{"exists":true}]})", R"({"a":[]})", false},
      {R"({"a":[{"exists":true}]})", R"({"a":[1]})", true},
      {R"({"a":[{"exists":false}]})", R"({"b":1})", true},
      {R"({"a":[{"exists":false}]})", R"({"a":null})", false},
      {R"({"a":[{"exists":false}]})", R"({"a":{"b":1}})", true},
      {R"({"a":{"b":[{"exists":false}]}})", R"({})", true},
      {R"({"a":{"b":[{"exists":false}]}})", R"({"a":5})", true},
      {R"({"a":["x",{"exists":false}]})", R"({})", true},
      {R"({"a":["x",{"exists":false}]})", R"({"a":"x"})", true},
      {R"({"a":["x",{"exists":false}]})", R"({"a":"y"})", false},
      // A list in the event is any of its elements; fields of one object belong together.
      {R"({"a":["x"]})", R"({"a":["w","x"]})", true},
      {R"({"a":["x"]})", R"({"a":[["w"],["x"]]})", true},
      {R"({"a":["x"]})", R"({"a":[]})", false},
      {R"({"a":[{"anything-but":"x"}]})", R"({"a":["x","y"]})", true},
      {R"({"a":{"x":[1],"y":[2]}})", R"({"a":[{"x":1,"y":2},{}]})", true},
      {R"({"a":{"x":[1],"y":[2]}})", R"({"a":[{"x":1,"y":0},{"x":0,"y":2}]})", false},
      {R"({"a":{"x":[{"exists":false}]}})", R"({"a":[{"x":1},{"y":2}]})", false},
      {R"({"a":{"b":[2],"x":[{"exists":false}]}})", R"({"a":[{"x":1},{"b":2}]})", true},
      {R"({"a":{"b":[2],"x":[{"exists":false}]}})", R"({"a":[{"x":1,"b":2},{"b":3}]})", false},
      {R"({"a":{"x":[{"exists":false}],"y":[2]}})", R"({"a":[{"x":1},{"y":2}]})", false},
      // One of several objects.
      {R"({"$or":[{"a":["x"]},{"b":[1]}]})", R"({"b":1})", true},
      {R"({"$or":[{"a":["x"]},{"b":[1]}]})", R"({"b":2})", false},
      {R"({"c":[1],"$or":[{"a":["x"]},{"b":[1]}]})", R"({"b":1})", false},
      {R"({"c":[1],"$or":[{"a":["x"]},{"b":[1]}]})", R"({"a":"x","c":1})", true},
      {R"({"d":{"$or":[{"a":["x"]},{"$or":[{"b":[1]},{"c":[2]}]}]}})", R"({"d":{"c":2}})", true},
      {R"({"$or":[{"a":[1]},{"b":[1]}],"d":{"$or":[{"a":[2]},{"b":[2]}]}})", R"({"a":1,"d":{"b":2}})", true},
      {R"({"$or":[{"a":[1]},{"b":[1]}],"d":{"$or":[{"a":[2]},{"b":[2]}]}})", R"({"a":1,"d":{"b":1}})", false},
      // The last of a name counts.
      {R"({"a":[1]})", R"({"a":1,"a":2})", false},
  };
  for (const Golden& one : cases) {
    INFO(one.pattern << " on " << one.event);
    CHECK(MatchesText(one.pattern, one.event) == one.matches);
  }
}

// Goal: a pattern that is wrong says where and why, and never comes to delete messages.
TEST_CASE("patterns that are refused say why", "[queue][filter]") {
  const std::pair<const char*, const char*> cases[] = {
      {R"("x")", "must be a JSON object"},
      {R"([1])", "must be a JSON object"},
      {R"({})", "empty object"},
      {R"({"a":{}})", "a: an empty object"},
      {R"({"a":[]})", "a: an empty list"},
      {R"({"a":"x"})", "a: must be a list of values, or an object"},
      {R"({"a":1})", "must be a list"},
      {R"({"a":null})", "must be a list"},
      {R"({"a":[["x"]]})", "not another list"},
      {R"({"a":{"b":[{}]}})", "a.b: an object in a list has exactly one operator"},
      {R"({"a":[{"prefix":"x","suffix":"y"}]})", "exactly one operator"},
      {R"({"a":[{"prefixx":"x"}]})", "\"prefixx\" is no operator"},
      {R"({"a":[{"prefix":1}]})", "prefix needs a string"},
      {R"({"a":[{"prefix":{"suffix":"x"}}]})", "prefix needs a string"},
      {R"({"a":[{"suffix":null}]})", "suffix needs a string"},
      {R"({"a":[{"equals-ignore-case":["x"]}]})", "equals-ignore-case needs a string"},
      {R"({"a":[{"wildcard":"a**b"}]})", "side by side"},
      {R"({"a":[{"wildcard":"a\\b"}]})", "backslash"},
      {R"({"a":[{"wildcard":"a\\"}]})", "backslash"},
      {R"({"a":[{"exists":"yes"}]})", "exists must be true or false"},
      {R"({"a":[{"numeric":100}]})", "numeric needs a list"},
      {R"({"a":[{"numeric":[]}]})", "numeric needs a list"},
      {R"({"a":[{"numeric":[">"]}]})", "numeric needs a list"},
      {R"({"a":[{"numeric":[">",1,"<"]}]})", "numeric needs a list"},
      {R"({"a":[{"numeric":[">","1"]}]})", "must be a number"},
      {R"({"a":[{"numeric":[1,">"]}]})", "operator must be a string"},
      {R"({"a":[{"numeric":["!=",1]}]})", "numeric takes"},
      {R"({"a":[{"numeric":[">",1,">",2]}]})", "numeric takes"},
      {R"({"a":[{"numeric":["=",1,"<",2]}]})", "numeric takes"},
      {R"({"a":[{"numeric":[">",2,"<",1]}]})", "no number lies in that range"},
      {R"({"a":[{"numeric":[">",2,"<=",2]}]})", "no number lies in that range"},
      {R"({"a":[{"anything-but":[]}]})", "at least one value"},
      {R"({"a":[{"anything-but":["x",1]}]})", "only strings or only numbers"},
      {R"({"a":[{"anything-but":[true]}]})", "only strings or only numbers"},
      {R"({"a":[{"anything-but":null}]})", "anything-but needs"},
      {R"({"a":[{"anything-but":{}}]})", "anything-but: an object has one of"},
      {R"({"a":[{"anything-but":{"numeric":["=",1]}}]})", "anything-but: an object has one of"},
      {R"({"a":[{"anything-but":{"prefix":[]}}]})", "at least one value"},
      {R"({"a":[{"anything-but":{"prefix":[1]}}]})", "prefix needs a string"},
      {R"({"$or":{"a":[1]}})", "$or needs a list of at least two objects"},
      {R"({"$or":[{"a":[1]}]})", "$or needs a list of at least two objects"},
      {R"({"$or":[{"a":[1]},"x"]})", "$or needs a list of at least two objects"},
      {R"({"a":[1],"a":[2]})", "twice"},
  };
  for (const auto& [pattern, why] : cases) {
    INFO(pattern);
    const auto compiled = FilterPattern::Compile(Parse(pattern));
    REQUIRE_FALSE(compiled.ok());
    CHECK(compiled.error().code == ErrorCode::kInvalidArgument);
    CHECK_THAT(compiled.error().message, Catch::Contains(why));
  }
}

// ten $or's of two give 1,024
TEST_CASE("the combinations of $or have a limit", "[queue][filter]") {
  const auto with = [](int or_of_ten, int or_of_two) {
    json pattern = json::object();
    for (int i = 0; i < or_of_ten + or_of_two; ++i) {
      json branches = json::array();
      for (int n = 0; n < (i < or_of_ten ? 10 : 2); ++n) branches.push_back({{"x" + std::to_string(n), {1}}});
      pattern["f" + std::to_string(i)]["$or"] = branches;
    }
    return pattern.dump();
  };
  CHECK(FilterPattern::Compile(Parse(with(3, 0))).ok());
  const auto over = FilterPattern::Compile(Parse(with(0, 10)));
  REQUIRE_FALSE(over.ok());
  CHECK_THAT(over.error().message, Catch::Contains("1000 combinations"));
}

TEST_CASE("a document nested too deep is no JSON", "[queue][filter]") {
  const auto nested = [](size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  CHECK(ParseFilterValue(nested(kForeignJsonDepthMax)));
  CHECK_FALSE(ParseFilterValue(nested(kForeignJsonDepthMax + 1)));
  CHECK_FALSE(ParseFilterValue("{\"a\":1} x"));
  CHECK_FALSE(ParseFilterValue("1e999"));
}

// --- Against another implementation: the event flattened to fields, the pattern to conjunctions, and every choice
// --- tried (as AWS's matcher works, without its automaton).

using Place = std::vector<std::string>;
using Membership = std::map<const void*, size_t>;  // array -> element
struct Field {
  Place place;
  FilterValue value;
  Membership membership;
};
struct Wanted {
  Place place;
  json any_of;  // list without {"exists": false}
  bool absent = false;
};

void Flatten(const FilterValue& value, Place& place, Membership& membership, std::vector<Field>& fields) {
  if (value.is_leaf()) return fields.push_back({place, value, membership});
  for (size_t i = 0; i < value.elements.size(); ++i) {
    if (value.kind == FilterValue::Kind::kArray) {
      membership[&value] = i;
      Flatten(value.elements[i], place, membership, fields);
      membership.erase(&value);
    } else {
      place.push_back(value.keys[i]);
      Flatten(value.elements[i], place, membership, fields);
      place.pop_back();
    }
  }
}

std::vector<std::vector<Wanted>> Expand(const json& pattern, const Place& place) {
  std::vector<std::vector<Wanted>> ways(1);
  const auto multiply = [&](const std::vector<std::vector<Wanted>>& more) {
    std::vector<std::vector<Wanted>> all;
    for (const auto& a : ways) {
      for (const auto& b : more) {
        all.push_back(a);
        all.back().insert(all.back().end(), b.begin(), b.end());
      }
    }
    ways = std::move(all);
  };
  for (const auto& [key, value] : pattern.items()) {
    Place inner = place;
    if (key != "$or") inner.push_back(key);
    std::vector<std::vector<Wanted>> more;
    if (key == "$or") {
      for (const json& one : value) {
        for (auto& way : Expand(one, inner)) more.push_back(std::move(way));
      }
    } else if (value.is_object()) {
      more = Expand(value, inner);
    } else {
      json present = json::array();
      for (const json& element : value) {
        if (element == json{{"exists", false}}) {
          more.push_back({{inner, {}, true}});
        } else {
          present.push_back(element);
        }
      }
      if (!present.empty()) more.push_back({{inner, present, false}});
    }
    multiply(more);
  }
  return ways;
}

bool Consistent(const Membership& a, const Membership& b) {
  return std::all_of(a.begin(), a.end(), [&](const auto& one) {
    const auto other = b.find(one.first);
    return other == b.end() || other->second == one.second;
  });
}

bool Satisfies(const FilterValue& value, const json& any_of) {
  return std::any_of(any_of.begin(), any_of.end(), [&](const json& element) {
    return Matches(*CompileFilterMatcher(*ParseFilterValue(element.dump())), value);
  });
}

bool Search(const std::vector<Wanted>& way, size_t at, const std::vector<Field>& fields,
            const Membership& chosen) {
  if (at == way.size()) return true;
  const Wanted& wanted = way[at];
  if (wanted.absent) {
    const bool there = std::any_of(fields.begin(), fields.end(), [&](const Field& field) {
      return field.place == wanted.place && Consistent(field.membership, chosen);
    });
    return !there && Search(way, at + 1, fields, chosen);
  }
  return std::any_of(fields.begin(), fields.end(), [&](const Field& field) {
    if (field.place != wanted.place || !Consistent(field.membership, chosen) ||
        !Satisfies(field.value, wanted.any_of))
      return false;
    Membership both = chosen;
    both.insert(field.membership.begin(), field.membership.end());
    return Search(way, at + 1, fields, both);
  });
}

bool Oracle(const json& pattern, const FilterValue& event) {
  std::vector<Field> fields;
  Place place;
  Membership membership;
  Flatten(event, place, membership, fields);
  for (auto& way : Expand(pattern, {})) {
    std::stable_sort(way.begin(), way.end(),
                     [](const Wanted& a, const Wanted& b) { return a.place < b.place; });
    if (Search(way, 0, fields, {})) return true;
  }
  return false;
}

class Maker final {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}
  size_t Below(size_t n) { return static_cast<size_t>(random_.Next64() % n); }

  json Scalar() {
    static const json kScalars[] = {"", "a", "ab", "b", 0, 1, 1.5, true, false, nullptr};
    return kScalars[Below(std::size(kScalars))];
  }
  json Event(int depth) {
    const size_t what = Below(depth > 0 ? 4 : 1);
    if (what == 1) {
      json list = json::array();
      for (size_t n = Below(4); n > 0; --n) list.push_back(Event(depth - 1));
      return list;
    }
    return what == 0 ? Scalar() : Object(depth);
  }
  json Object(int depth) {
    json object = json::object();
    for (size_t n = Below(4); n > 0; --n) object[Key()] = Event(depth - 1);
    return object;
  }
  json Pattern(int depth) {
    json pattern = json::object();
    for (size_t n = 1 + Below(2); n > 0; --n) {
      if (Below(5) == 0) {
        pattern["$or"] = {Pattern(depth - 1), Pattern(depth - 1)};
      } else if (depth > 0 && Below(2) == 0) {
        pattern[Key()] = Pattern(depth - 1);
      } else {
        pattern[Key()] = List();
      }
    }
    return pattern;
  }
  std::string Mutate(std::string text) {
    for (size_t n = Below(3); n > 0; --n) {
      static constexpr std::string_view kBytes = "[]{}\",:0-e\\*$ ";
      const size_t at = Below(text.size());
      if (Below(3) == 0) {
        text.erase(at, 1 + Below(3));
      } else {
        text[at] = Below(4) == 0 ? static_cast<char>(Below(256)) : kBytes[Below(kBytes.size())];
      }
      if (text.empty()) return "{";
    }
    return text;
  }

 private:
  std::string Key() { return std::string(1, static_cast<char>('a' + Below(3))); }
  json List() {
    static const json kElements[] = {{{"exists", true}},         {{"exists", false}},
                                     {{"exists", false}},        {{"prefix", "a"}},
                                     {{"suffix", "b"}},          {{"anything-but", "a"}},
                                     {{"anything-but", {0, 1}}}, {{"numeric", {">", 0}}},
                                     {{"wildcard", "*b"}},       {{"equals-ignore-case", "AB"}}};
    json list = json::array();
    for (size_t n = 1 + Below(2); n > 0; --n)
      list.push_back(Below(2) == 0 ? Scalar() : kElements[Below(std::size(kElements))]);
    return list;
  }
  SeededRandom random_;
};

uint64_t Rounds(uint64_t normal) { return std::getenv("HEARTH_LONG") ? normal * 100 : normal; }

// Goal: the tree that patterns compile to decides as trying everything does.
TEST_CASE("random patterns on random events, against a search", "[queue][filter]") {
  constexpr uint64_t kSeed = 20'261'125;
  uint64_t matched = 0;
  for (uint64_t round = 0; round < Rounds(3'000); ++round) {
    Maker make(kSeed + round);
    const json pattern = make.Pattern(3);
    const std::string event = make.Object(4).dump();
    const FilterValue value = Parse(event);
    const auto compiled = FilterPattern::Compile(Parse(pattern.dump()));
    INFO("seed " << kSeed + round << ": " << pattern.dump() << " on " << event);
    if (!compiled.ok()) {
      REQUIRE_THAT(compiled.error().message, Catch::Contains("combinations"));
      continue;
    }
    const bool expected = Oracle(pattern, value);
    matched += expected;
    if (compiled->Matches(value) != expected) FAIL("expected " << expected);
  }
  CHECK(matched > Rounds(3'000) / 20);  // else it shows nothing
}

// Goal: whatever bytes come as a pattern or a body, the answer is an answer.
TEST_CASE("mutated patterns and events end in an error or an answer", "[queue][filter]") {
  constexpr uint64_t kSeed = 77;
  uint64_t compiled_at_all = 0;
  for (uint64_t round = 0; round < Rounds(5'000); ++round) {
    Maker make(kSeed + round);
    const auto pattern = ParseFilterValue(make.Mutate(make.Pattern(3).dump()));
    const auto event = ParseFilterValue(make.Mutate(make.Object(4).dump()));
    if (!pattern) continue;
    const auto compiled = FilterPattern::Compile(*pattern);
    if (!compiled.ok() || !event) continue;
    ++compiled_at_all;
    static_cast<void>(compiled->Matches(*event));
  }
  CHECK(compiled_at_all > 0);
}

}  // namespace
}  // namespace hearth
