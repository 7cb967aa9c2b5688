// What one evaluation of an expression costs, beside the same done by hand on a std::map and std::string.

#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "shared/script/script.h"

namespace {

using escape::Value;
namespace script = escape::script;
using Clock = std::chrono::steady_clock;

/// Nanoseconds of one run: the best of several rounds, as the machine has other things to do.
double nanoseconds(const std::function<std::size_t()>& run) {
  constexpr int rounds = 20;
  constexpr int runs = 20'000;
  double best = 1e9;
  std::size_t sum = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = Clock::now();
    for (int i = 0; i < runs; ++i) sum += run();
    best = std::min(best, std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / runs);
  }
  if (sum == 0) std::puts("nothing was computed");
  return best;
}

/// What a stage sees: `this` with its inputs, and some dependencies.
Value::Object stage_globals() {
  Value::Object me;
  for (const char* key : {"branch", "description", "id", "license", "logo", "name", "release", "repository", "revision",
                          "version", "versionless_release", "project", "environment", "deployment"}) {
    me.set(key, std::string("value of ") + key);
  }
  me.set("version", "1.2.3");
  me.set("inputs", Value::Object{{"other", "x"}, {"who", "world"}, {"hosts", Value::List{"one", "two", "three"}}});
  Value::Object all{{"this", me}};
  for (int i = 0; i < 10; ++i) all.set("dependency-" + std::to_string(i), me);
  return all;
}

struct ByHand {
  std::map<std::string, std::map<std::string, std::string>> maps;
  std::string upper(const std::string& text) const {
    std::string result = text;
    for (char& c : result) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    return result;
  }
};

std::size_t size_of(const escape::Result<Value>& value) {
  if (!value) return 0;
  const auto* text = value.value().as_string();
  return text ? text->size() : 1;
}

}  // namespace

int main() {
  const Value::Object globals = stage_globals();
  const script::Context context{.globals = &globals};
  ByHand hand;
  hand.maps["this"] = {{"version", "1.2.3"}, {"name", "value of name"}};
  hand.maps["this.inputs"] = {{"other", "x"}, {"who", "world"}};

  struct Row {
    const char* expression;
    std::function<std::size_t()> by_hand;
  };
  const auto at = [&hand](const char* map, const char* key) -> const std::string& {
    return hand.maps.find(map)->second.find(key)->second;
  };
  const Row rows[] = {
      {"$this.version", [&] { return std::string(at("this", "version")).size(); }},
      {"$this.inputs.who.upper()", [&] { return hand.upper(at("this.inputs", "who")).size(); }},
      {"$this.name.concat(\"-\", $this.version)",
       [&] { return (at("this", "name") + "-" + at("this", "version")).size(); }},
      {"$\"{{ $this.name }}-{{ $this.version }}\"",
       [&] { return (at("this", "name") + "-" + at("this", "version")).size(); }},
      {"$func(a) { $a.lower() }($this.inputs.who)", [&] { return hand.upper(at("this.inputs", "who")).size(); }},
      {"$this.inputs.nope.default(\"x\")",
       [&] { return hand.maps.at("this.inputs").contains("nope") ? std::size_t{0} : std::string("x").size(); }},
      {"$this.inputs.hosts[1:].join(\",\")", [] { return (std::string("two") + "," + "three").size(); }},
  };
  std::printf("%-48s %12s %16s %12s\n", "", "evaluated", "parsed, evaluated", "by hand");
  for (const Row& row : rows) {
    const script::Expression parsed = script::parse(row.expression).value();
    const double ours = nanoseconds([&] { return size_of(script::evaluate(parsed, context)); });
    const double both = nanoseconds([&] { return size_of(script::evaluate_text(row.expression, context)); });
    std::printf("%-48s %9.0f ns %14.0f ns %9.0f ns\n", row.expression, ours, both, nanoseconds(row.by_hand));
  }
  return 0;
}
