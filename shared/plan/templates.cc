#include "shared/plan/templates.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <kainjow/mustache.hpp>
#include <map>
#include <memory>
#include <sstream>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "shared/base/text.h"
#include "shared/plan/go_text.h"
#include "shared/plan/template_parts.h"

namespace escape::plan {
namespace {

namespace mustache = kainjow::mustache;
using Kind = TemplatePart::Kind;

/// What one rendering may cost, so that a hostile template ends in an error. People write far below all of these.
namespace limits {
/// Of a template or partial: files of configuration.
constexpr std::size_t text_bytes = 1 << 20;
/// Tags and texts of one file; the library makes some 300 bytes of each.
constexpr std::size_t parts = 20'000;
/// Sections within sections of one file, and partials within partials: the library recurses once for each, and keeps
/// the text of each section for itself.
constexpr int sections = 32;
constexpr int partials = 10;
/// Everything that is written.
constexpr std::size_t output_bytes = 16 << 20;
/// About half a second: every tag, text and repetition counts one, each 16 members that are looked through another.
constexpr std::int64_t steps = 1'000'000;
constexpr std::size_t members_per_step = 16;
/// Lists within lists that are printed.
constexpr int value_depth = 100;
}  // namespace limits

/// Thrown through the library, which has no other way to stop in the middle; caught in `render_template`.
struct Stopped {
  Error error;
};

[[noreturn]] void stop(std::string message, std::string hint = {}) {
  throw Stopped{Error{ErrorKind::bad_data, std::move(message), std::move(hint), {}}};
}

std::string html_escaped(std::string_view text) {
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
        escaped += "&#34;";
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

/// Whether a section of this value is skipped.
bool is_nothing(const Value& value) {
  if (value.is_null()) return true;
  if (const bool* flag = value.as_bool()) return !*flag;
  if (const Value::List* list = value.as_list()) return list->empty();
  if (const std::string* text = value.as_string()) return trimmed(*text).empty();
  return false;
}

/// What the library renders is not the template but its parts: every text and tag is a tag whose name is the number of
/// the part. So the library nests, repeats and includes, and all that it asks for comes by here: which text a value
/// is, what a missing one means, what it costs. Its own treatment of lines and of escaping never happens.
///
/// Data that it is given for a section are numbers of values; `push` gives them back.
class Parts : public mustache::basic_context<std::string> {
 public:
  Parts(const Value::Object& values, bool escape_html, const LoadPartial& load_partial)
      : values_(values), escape_html_(escape_html), load_partial_(load_partial) {}

  /// The library's template. `where` is put before errors.
  std::string place(const std::string& where, std::string_view text, int depth, bool in_section) {
    if (text.size() > limits::text_bytes) stop(fmt::format("{}longer than {} bytes", where, limits::text_bytes));
    Result<std::vector<TemplatePart>> parts = parse_template(text, limits::parts, limits::sections);
    if (!parts) stop(where + parts.error().message);
    pay(static_cast<std::int64_t>(parts.value().size()));
    std::string tags;
    std::vector<std::size_t> open;
    for (TemplatePart& part : parts.value()) {
      part.in_section = part.in_section || in_section;
      std::size_t id = parts_.size();
      if (part.kind == Kind::end) {
        id = open.back();
        open.pop_back();
      } else if (part.kind == Kind::section || part.kind == Kind::inverted) {
        open.push_back(id);
      }
      tags += fmt::format(fmt::runtime(tag_of(part.kind)), id);
      if (part.kind != Kind::end) parts_.push_back({std::move(part), depth});
    }
    return tags;
  }

  void push(const mustache::data* item) override {
    pay(1);
    stack_.push_back(sections_values_[number(item->string_value())]);
  }
  void pop() override { stack_.pop_back(); }

  const mustache::data* get(const std::string& id) const override { return self().look_up(parts_[number(id)].part); }

  const mustache::data* get_partial(const std::string& id) const override {
    const Placed& placed = parts_[number(id)];
    return self().partial(placed.part, placed.depth + 1);
  }

 private:
  struct Placed {
    TemplatePart part;
    int depth;  // of partials
  };

  // The library asks through const functions; what it costs is ours to count all the same.
  Parts& self() const { return const_cast<Parts&>(*this); }

  static std::string_view tag_of(Kind kind) {
    switch (kind) {
      case Kind::text:
      case Kind::variable:
        return "{{{{{{{}}}}}}}";
      case Kind::section:
        return "{{{{#{}}}}}";
      case Kind::inverted:
        return "{{{{^{}}}}}";
      case Kind::end:
        return "{{{{/{}}}}}";
      case Kind::partial:
        return "{{{{>{}}}}}";
    }
    return "";
  }

  static std::size_t number(const std::string& id) { return std::stoul(id); }

  void pay(std::int64_t steps) {
    steps_ -= steps;
    if (steps_ < 0) stop("takes too long: sections and partials repeat too much");
  }

  const mustache::data* print(const std::string& text) {
    if (text.size() > bytes_) stop(fmt::format("makes more than {} bytes", limits::output_bytes));
    bytes_ -= text.size();
    printed_ = mustache::data(text);
    return &printed_;
  }

  const mustache::data* look_up(const TemplatePart& part) {
    pay(1);
    if (part.kind == Kind::text) return print(part.text);
    const Value* value = find(part.text);
    if (part.kind == Kind::inverted) return !value || is_nothing(*value) ? nullptr : &true_;
    if (part.kind == Kind::section) return !value || is_nothing(*value) ? nullptr : section(*value);
    if (!value && !part.in_section) {
      stop(fmt::format("Missing variable \"{}\"", part.text), missing_hint(part));
    }
    if (!value) return print("");
    const std::string text = go_text(*value, limits::value_depth);
    return print(escape_html_ && !part.raw ? html_escaped(text) : text);
  }

  std::string missing_hint(const TemplatePart& part) const {
    std::vector<std::string> known;
    for (const auto& [key, value] : values_) known.push_back(key);
    const std::string near = nearest(part.text, known);
    return fmt::format("It stands in line {}. {}", part.line,
                       near.empty() ? "The template's 'mapping' in the Escape plan gives it a value."
                                    : fmt::format("Did you mean '{}'?", near));
  }

  /// The innermost value that has the first word of "a.b.c" says what the others are.
  const Value* find(std::string_view name) {
    if (name == ".") return stack_.empty() ? nullptr : stack_.back();
    std::size_t dot = std::min(name.find('.'), name.size());
    const Value* value = nullptr;
    for (auto level = stack_.rbegin(); level != stack_.rend() && !value; ++level) {
      value = member(**level, name.substr(0, dot));
    }
    if (!value) value = member(values_, name.substr(0, dot));
    while (value && dot < name.size()) {
      name.remove_prefix(dot + 1);
      dot = std::min(name.find('.'), name.size());
      value = member(*value, name.substr(0, dot));
    }
    return value;
  }

  const Value* member(const Value& value, std::string_view key) {
    const Value::Object* object = value.as_object();
    return object ? member(*object, key) : nullptr;
  }
  const Value* member(const Value::Object& object, std::string_view key) {
    pay(static_cast<std::int64_t>(object.size() / limits::members_per_step));
    return object.find(key);
  }

  const mustache::data* section(const Value& value) {
    std::unique_ptr<mustache::data>& data = sections_[&value];
    if (data) return data.get();
    const Value::List* list = value.as_list();
    if (!list) {
      data = std::make_unique<mustache::data>(number_of(value));
      return data.get();
    }
    pay(static_cast<std::int64_t>(list->size()));
    mustache::list elements;
    for (const Value& element : *list) elements.emplace_back(number_of(element));
    data = std::make_unique<mustache::data>(elements);
    return data.get();
  }

  std::string number_of(const Value& value) {
    sections_values_.push_back(&value);
    return std::to_string(sections_values_.size() - 1);
  }

  const mustache::data* partial(const TemplatePart& part, int depth) {
    if (depth > limits::partials)
      stop(fmt::format("partials nest more than {} deep: '{}'", limits::partials, part.text));
    const Partial key{part.text, depth, part.in_section};
    auto found = placed_partials_.find(key);
    if (found == placed_partials_.end()) {
      const std::optional<std::string>& text = load(part.text);
      std::string tags;
      if (text) tags = place(fmt::format("partial '{}': ", part.text), *text, depth, part.in_section);
      found = placed_partials_.emplace(key, mustache::data(tags)).first;
    }
    // The library reads it anew each time: the shortest tag has five bytes.
    pay(1 + static_cast<std::int64_t>(found->second.string_value().size() / 5));
    return &found->second;
  }

  const std::optional<std::string>& load(const std::string& name) {
    const auto known = loaded_.find(name);
    if (known != loaded_.end()) return known->second;
    std::optional<std::string> text;
    for (const char* ending : {"", ".mustache", ".stache"}) {
      Result<std::optional<std::string>> answer = load_partial_(name + ending);
      if (!answer) throw Stopped{std::move(answer).error()};
      text = std::move(answer).value();
      if (text) break;
    }
    return loaded_.emplace(name, std::move(text)).first->second;
  }

  const Value::Object& values_;
  bool escape_html_;
  const LoadPartial& load_partial_;
  std::int64_t steps_ = limits::steps;
  std::size_t bytes_ = limits::output_bytes;

  std::deque<Placed> parts_;         // grows while a part of it is rendered
  std::vector<const Value*> stack_;  // of the sections that are being rendered, the innermost last
  std::vector<const Value*> sections_values_;
  std::unordered_map<const Value*, std::unique_ptr<mustache::data>> sections_;
  mustache::data printed_{std::string()};  // only until the library asks for the next
  mustache::data true_{true};

  using Partial = std::tuple<std::string, int, bool>;  // name, depth, in a section
  std::map<std::string, std::optional<std::string>> loaded_;
  std::map<Partial, mustache::data> placed_partials_;
};

}  // namespace

Result<std::string> render_template(std::string_view file_name, std::string_view text, const Value::Object& values,
                                    bool escape_html, const LoadPartial& load_partial) {
  try {
    Parts parts(values, escape_html, load_partial);
    // The library leaves out a last line that holds nothing but blanks and sections; a first sign keeps it.
    mustache::mustache library("." + parts.place("", text, 0, false));
    std::ostringstream out;
    library.render(parts, out);
    if (!library.is_valid()) {
      return fail(ErrorKind::internal,
                  fmt::format("Failed to compile template {}: {}", file_name, library.error_message()));
    }
    return std::move(out).str().substr(1);
  } catch (Stopped& stopped) {
    stopped.error.message = fmt::format("Failed to compile template {}: {}", file_name, stopped.error.message);
    return fail(std::move(stopped.error));
  }
}

}  // namespace escape::plan
