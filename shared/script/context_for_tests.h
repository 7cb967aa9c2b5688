#pragma once

#include <map>
#include <string>

#include "shared/script/script.h"

namespace escape::script::testing {

/// Files in memory.
class MemoryHost final : public Host {
 public:
  std::map<std::string, std::string> files{{"notes.txt", "some notes"}, {"dir/inside", "x"}};
  std::string temporary;  ///< what was written last

  Result<std::string> read_file(const std::string& path) override {
    const auto file = files.find(path);
    if (file == files.end()) return fail(ErrorKind::not_found, "open " + path + ": no such file or directory");
    return file->second;
  }
  Result<PathKind> look_at(const std::string& path) override {
    if (files.contains(path)) return PathKind::file;
    const auto below = files.lower_bound(path + "/");
    return below != files.end() && below->first.starts_with(path + "/") ? PathKind::folder : PathKind::absent;
  }
  Result<std::string> write_temporary(const std::string& text) override {
    temporary = text;
    return std::string("/tmp/escape_input_1");
  }
};

inline Value::List letters() { return {"a", "b", "c"}; }

/// The test data of the language's description.
inline Value::Object globals() {
  Value::Object d{{"key", "value"},
                  {"nested", Value::Object{{"x", 3}}},
                  {"l", Value::List{"q", "r"}},
                  {"nothing", nullptr},
                  {"half", 12.9}};
  return {{"str", "Hello World"},
          {"lst", letters()},
          {"ints", Value::List{1, 2}},
          {"n", 12},
          {"t", true},
          {"f", false},
          {"v", "1.2.3"},
          {"d", d},
          {"empty", Value::Object{}},
          {"lists", Value::List{letters(), Value::List{}}},
          {"_/my-dep", Value::Object{{"version", "0.0.1"}}}};
}

/// An error's message, or what the value looks like: so that a table holds both.
inline std::string outcome_of(const std::string& text) {
  static MemoryHost host;
  static const Value::Object all = globals();
  const Result<Expression> parsed = parse(text);
  if (!parsed) return parsed.error().message;
  const Result<Value> value = evaluate(parsed.value(), {.globals = &all, .host = &host, .now_seconds = 1'795'400'000});
  if (!value) return (value.error().kind == ErrorKind::bad_data ? "" : "wrong kind: ") + value.error().message;
  const auto shown = [](const auto& self, const Value& one) -> std::string {
    if (const auto* string = one.as_string()) return '"' + *string + '"';
    if (const auto* number = one.as_int()) return std::to_string(*number);
    if (const auto* truth = one.as_bool()) return *truth ? "true" : "false";
    std::string inside;
    if (const auto* list = one.as_list()) {
      for (const Value& element : *list) inside += (inside.empty() ? "" : ",") + self(self, element);
      return "[" + inside + "]";
    }
    if (const auto* object = one.as_object()) {
      for (const auto& [key, member] : *object) {
        inside += (inside.empty() ? "" : ",") + key + ":" + self(self, member);
      }
      return "{" + inside + "}";
    }
    return std::string(one.type_name());
  };
  return shown(shown, value.value());
}

struct Row {
  const char* expression;
  const char* outcome;
};

}  // namespace escape::script::testing
