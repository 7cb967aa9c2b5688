#include "shared/codec/difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "shared/codec/codec.h"

namespace escape::codec {
namespace {

using Object = Value::Object;

/// The members of release.json in its order (spec/escape-plan.md §11.1).
constexpr std::array<std::string_view, 28> top_level{"api_version",
                                                     "built_with_core_version",
                                                     "built_with_escape_version",
                                                     "description",
                                                     "files",
                                                     "license",
                                                     "logo",
                                                     "name",
                                                     "repository",
                                                     "branch",
                                                     "git_revision",
                                                     "revision_message",
                                                     "revision_author",
                                                     "metadata",
                                                     "version",
                                                     "generates",
                                                     "consumes",
                                                     "downloads",
                                                     "depends",
                                                     "errands",
                                                     "extends",
                                                     "inputs",
                                                     "outputs",
                                                     "project",
                                                     "provides",
                                                     "stages",
                                                     "templates",
                                                     "variable_context"};

/// How the keys of an object are shown.
enum class Keys {
  members,  ///< of a fixed structure: `.Id`
  names,    ///< chosen by people: `["k"]`; below them structures again
  free,     ///< the same, and everything below is of no known structure
};

Keys keys_of_member(std::string_view name) {
  static constexpr std::array<std::string_view, 2> names{"stages", "errands"};
  static constexpr std::array<std::string_view, 9> free{"files",   "metadata",      "variable_context",
                                                        "mapping", "build_mapping", "deploy_mapping",
                                                        "options", "default",       "items"};
  if (std::ranges::find(names, name) != names.end()) return Keys::names;
  return std::ranges::find(free, name) == free.end() ? Keys::members : Keys::free;
}

/// "api_version" → "ApiVersion".
std::string camel_case(std::string_view name) {
  if (name == "url") return "URL";
  std::string text;
  bool is_start = true;
  for (const char c : name) {
    if (c == '_') {
      is_start = true;
      continue;
    }
    text += is_start && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    is_start = false;
  }
  return text;
}

std::string on_one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      line += c;
    }
  }
  return line;
}

std::string shown(const Value& value) {
  if (const std::string* text = value.as_string()) return on_one_line(*text);
  if (const Object* object = value.as_object()) {
    for (const std::string_view name : {"id", "release_id", "name", "file", "url"}) {
      const Value* member = object->find(name);
      if (member && member->as_string()) return on_one_line(*member->as_string());
    }
  }
  return on_one_line(to_json(value));
}

/// `null` and nothing inside say the same.
bool says_nothing(const Value& value) {
  if (value.as_list()) return value.as_list()->empty();
  return value.is_null() || (value.as_object() && value.as_object()->empty());
}

/// What a member of a structure that was left out stands for.
Value left_out(const Value& other) {
  if (other.as_list()) return Value::List{};
  if (other.as_object()) return Object{};
  if (other.as_string()) return "";
  return other.as_bool() ? Value(false) : Value();
}

class Comparison {
 public:
  std::vector<std::string> take() { return std::move(lines_); }

  void compare_top(const Object& before, const Object& after) {
    std::vector<std::string> keys(top_level.begin(), top_level.end());
    for (const std::string& key : all_keys(before, after, Keys::free)) {
      if (std::ranges::find(top_level, key) == top_level.end()) keys.push_back(key);
    }
    compare_members(keys, before, after, "", Keys::members);
  }

 private:
  /// Of structures in the order in which they are written, of maps sorted.
  static std::vector<std::string> all_keys(const Object& before, const Object& after, Keys keys) {
    std::vector<std::string> all;
    std::set<std::string_view> known;
    for (const Object* object : {&after, &before}) {
      for (const auto& [key, value] : *object) {
        if (known.insert(key).second) all.push_back(key);
      }
    }
    if (keys != Keys::members) std::ranges::sort(all);
    return all;
  }

  void compare(const Value& before, const Value& after, const std::string& path, Keys keys) {
    if (before == after || (says_nothing(before) && says_nothing(after))) return;
    const Value from = before.is_null() ? left_out(after) : before;
    const Value to = after.is_null() ? left_out(before) : after;
    if (from.as_list() && to.as_list()) return compare_lists(*from.as_list(), *to.as_list(), path, keys);
    if (from.as_object() && to.as_object()) {
      const std::vector<std::string> all = all_keys(*from.as_object(), *to.as_object(), keys);
      return compare_members(all, *from.as_object(), *to.as_object(), path, keys);
    }
    const bool looks_same = shown(before) == shown(after);  // the number 1 and the text "1"
    lines_.push_back("Change " + path + " from '" + (looks_same ? on_one_line(to_json(before)) : shown(before)) +
                     "' to '" + (looks_same ? on_one_line(to_json(after)) : shown(after)) + "'");
  }

  void compare_lists(const Value::List& before, const Value::List& after, const std::string& path, Keys keys) {
    const std::size_t common = std::min(before.size(), after.size());
    for (std::size_t i = 0; i < common; ++i) {
      compare(before[i], after[i], path + "[" + std::to_string(i) + "]", keys);
    }
    for (std::size_t i = common; i < after.size(); ++i) add(after[i], path);
    for (std::size_t i = common; i < before.size(); ++i) remove(before[i], path);
  }

  void compare_members(const std::vector<std::string>& names, const Object& before, const Object& after,
                       const std::string& path, Keys keys) {
    for (const std::string& name : names) {
      const Value* from = before.find(name);
      const Value* to = after.find(name);
      const std::string member = path_of(path, name, keys);
      if (!from && !to) continue;
      // Without a default a value must be given, which is something else than any default.
      const bool is_structure = keys == Keys::members && name != "default";
      if (!to && !is_structure) {
        remove(*from, member);
      } else if (!from && !is_structure) {
        add(*to, member);
      } else {
        const Value before_value = from ? *from : left_out(*to);
        const Value after_value = to ? *to : left_out(*from);
        compare(before_value, after_value, member, keys_below(name, to ? after_value : before_value, keys));
      }
    }
  }

  static std::string path_of(const std::string& path, const std::string& name, Keys keys) {
    if (keys != Keys::members) return path + "[" + on_one_line(to_json(Value(name))) + "]";
    const std::string member = on_one_line(camel_case(name));
    return path.empty() ? member : path + "." + member;
  }

  static Keys keys_below(std::string_view name, const Value& value, Keys keys) {
    if (keys == Keys::free) return Keys::free;
    if (keys == Keys::names) return Keys::members;
    if (name == "consumes" && value.as_object()) return Keys::free;  // of a dependency; elsewhere it is a list
    return keys_of_member(name);
  }

  void add(const Value& value, const std::string& path) { lines_.push_back("Add '" + shown(value) + "' to " + path); }
  void remove(const Value& value, const std::string& path) {
    lines_.push_back("Remove '" + shown(value) + "' from " + path);
  }

  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> metadata_differences(const Value& before, const Value& after) {
  static const Object nothing;
  Comparison comparison;
  comparison.compare_top(before.as_object() ? *before.as_object() : nothing,
                         after.as_object() ? *after.as_object() : nothing);
  return comparison.take();
}

}  // namespace escape::codec
