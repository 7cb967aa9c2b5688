#include "shared/plan/template_parts.h"

#include <fmt/core.h>

#include <algorithm>

#include "shared/base/text.h"

namespace escape::plan {
namespace {

using Kind = TemplatePart::Kind;

auto error(int line, std::string_view what) {
  return fail(ErrorKind::bad_data, fmt::format("line {}: {}", line, what));
}

/// One pass from left to right; `at_` is where it stands.
class Parser {
 public:
  Parser(std::string_view text, std::size_t most_parts, int most_nested)
      : text_(text), most_parts_(most_parts), most_nested_(most_nested) {}

  Result<std::vector<TemplatePart>> parse() {
    while (at_ < text_.size()) {
      const std::size_t tag = std::min(text_.find(open_, at_), text_.size());
      TRYV(add_text(tag));
      if (tag == text_.size()) break;
      TRYV(read_tag());
    }
    if (!sections_.empty()) {
      const TemplatePart& section = parts_[sections_.back()];
      return error(section.line, fmt::format("Section {} has no closing tag", section.text));
    }
    return std::move(parts_);
  }

 private:
  Result<> add(Kind kind, std::string_view text, bool raw, int line) {
    if (parts_.size() >= most_parts_) return error(line, fmt::format("more than {} tags and texts", most_parts_));
    parts_.push_back({kind, std::string(text), raw, !sections_.empty(), line});
    return ok();
  }

  Result<> add_text(std::size_t until) {
    if (until == at_) return ok();
    TRYV(add(Kind::text, text_.substr(at_, until - at_), false, line_));
    move_to(until);
    return ok();
  }

  void move_to(std::size_t to) {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         text_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
    at_ = to;
  }

  /// `at_` stands on the opening delimiter.
  Result<> read_tag() {
    const int line = line_;
    const std::size_t begin = at_ + open_.size();
    const bool triple = open_ == "{{" && close_ == "}}" && text_.substr(begin, 1) == "{";
    const std::string_view closer = triple ? std::string_view("}}}") : std::string_view(close_);
    const std::size_t inside = triple ? begin + 1 : begin;
    const std::size_t end = text_.find(closer, inside);
    if (end == std::string_view::npos) return error(line, "unmatched open tag");
    const std::string_view words = trimmed(text_.substr(inside, end - inside));
    move_to(end + closer.size());
    if (words.empty()) return error(line, "empty tag");
    if (triple) return add(Kind::variable, words, true, line);
    if (words[0] == '!') return ok();
    if (words[0] == '=') return set_delimiters(words, line);
    if (std::string_view("#^/>&").find(words[0]) == std::string_view::npos) {
      return add(Kind::variable, words, false, line);
    }
    const std::string_view name = trimmed(words.substr(1));
    if (name.empty()) return error(line, "empty tag");
    switch (words[0]) {
      case '&':
        return add(Kind::variable, name, true, line);
      case '>':
        return add(Kind::partial, name, false, line);
      case '/':
        return close_section(name, line);
      default:
        return open_section(words[0] == '#' ? Kind::section : Kind::inverted, name, line);
    }
  }

  Result<> open_section(Kind kind, std::string_view name, int line) {
    if (sections_.size() >= static_cast<std::size_t>(most_nested_)) {
      return error(line, fmt::format("sections nest more than {} deep", most_nested_));
    }
    TRYV(add(kind, name, false, line));
    sections_.push_back(parts_.size() - 1);
    for (const std::string_view newline : {"\r\n", "\n"}) {
      if (text_.substr(at_).starts_with(newline)) {
        move_to(at_ + newline.size());
        break;
      }
    }
    return ok();
  }

  Result<> close_section(std::string_view name, int line) {
    if (sections_.empty()) return error(line, "unmatched close tag");
    if (parts_[sections_.back()].text != name) return error(line, fmt::format("interleaved closing tag: {}", name));
    sections_.pop_back();
    return add(Kind::end, name, false, line);
  }

  /// `words` is "=<% %>=".
  Result<> set_delimiters(std::string_view words, int line) {
    const bool ends = words.size() >= 2 && words.back() == '=';
    const std::string_view both = ends ? trimmed(words.substr(1, words.size() - 2)) : std::string_view();
    const std::size_t blank = std::min(both.find_first_of(" \t\r\n"), both.size());
    const std::string_view open = both.substr(0, blank);
    const std::string_view close = trimmed(both.substr(blank));
    if (open.empty() || close.empty() || open.find('=') != std::string_view::npos ||
        close.find_first_of(" \t\r\n=") != std::string_view::npos) {
      return error(line, "invalid delimiters, expected such as {{=<% %>=}}");
    }
    open_ = open;
    close_ = close;
    return ok();
  }

  std::string_view text_;
  std::size_t most_parts_;
  int most_nested_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::string open_ = "{{";
  std::string close_ = "}}";
  std::vector<TemplatePart> parts_;
  std::vector<std::size_t> sections_;  // the parts that opened those that are open
};

}  // namespace

Result<std::vector<TemplatePart>> parse_template(std::string_view text, std::size_t most_parts, int most_nested) {
  return Parser(text, most_parts, most_nested).parse();
}

}  // namespace escape::plan
