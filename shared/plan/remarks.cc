#include "shared/plan/remarks.h"

#include <algorithm>

#include "shared/base/text.h"

namespace escape::plan::yaml {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_flow_indicator(char c) { return std::string_view(",[]{}").find(c) != std::string_view::npos; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {
    if (text_.starts_with(byte_order_mark)) line_start_ = at_ = byte_order_mark.size();
  }

  Remarks scan() {
    while (!is_end()) {
      if (is_blank(peek())) {
        ++at_;
      } else if (is_break()) {
        if (!has_token_ && !has_comment_) add_blank();
        end_line();
      } else if (peek() == '#') {
        take_comment();
      } else {
        has_token_ = true;
        take_token();
      }
    }
    return std::move(found_);
  }

 private:
  /// What the token before was, as far as it decides what the next one is.
  enum class Last { other, plain, quoted, closed };

  bool is_end() const { return at_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\n'; }
  /// A carriage return alone is text.
  bool is_break(std::size_t ahead = 0) const {
    return peek(ahead) == '\n' || (peek(ahead) == '\r' && peek(ahead + 1) == '\n' && at_ + ahead + 1 < text_.size());
  }
  bool is_blank_or_break(std::size_t ahead) const { return is_blank(peek(ahead)) || is_break(ahead); }
  int column() const { return static_cast<int>(at_ - line_start_) + 1; }
  Place here() const { return {line_, column()}; }

  void end_line() {
    at_ = std::min(text_.find('\n', at_), text_.size());
    if (!is_end()) ++at_;
    ++line_;
    line_start_ = at_;
    has_token_ = has_value_ = has_comment_ = is_behind_property_ = false;
  }

  void add_blank() { found_.remarks.push_back({{line_, 1}, {}, false, false}); }

  void take_comment() {
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    found_.remarks.push_back(
        {here(), std::string(trimmed(text_.substr(at_, end - at_))), has_value_, has_token_ && !has_value_});
    at_ = end;
    has_comment_ = true;
    last_ = Last::other;
  }

  void take_token() {
    const char c = peek();
    if (is_document_marker()) {
      at_ += 3;
      last_ = Last::other;
    } else if (depth_ > 0 && is_flow_indicator(c)) {
      take_flow_indicator(c);
    } else if (c == ':' && is_value_indicator()) {
      take_value_indicator();
    } else if (continues_plain()) {
      // Blank lines so far stand within the text.
      while (!found_.remarks.empty() && found_.remarks.back().text.empty()) found_.remarks.pop_back();
      take_plain();
    } else if ((c == '-' || c == '?') && is_blank_or_break(1)) {
      parent_column_ = column();
      if (c == '-') found_.dashes.push_back(here());
      ++at_;
      last_ = Last::other;
    } else {
      take_node(c);
    }
  }

  bool is_document_marker() const {
    if (column() != 1 || !is_blank_or_break(3)) return false;
    const std::string_view three = text_.substr(at_, 3);
    return three == "---" || three == "...";
  }

  bool is_value_indicator() const {
    if (is_blank_or_break(1)) return true;
    return depth_ > 0 && (is_flow_indicator(peek(1)) || last_ == Last::quoted || last_ == Last::closed);
  }

  /// A plain text goes on over lines that are indented deeper than what it belongs to.
  bool continues_plain() const { return last_ == Last::plain && (depth_ > 0 || column() > parent_column_); }

  void take_flow_indicator(char c) {
    if (c == '[' || c == '{') return open_flow();
    if (c != ',') {
      --depth_;
      found_.flows.push_back({open_.back(), here()});
      open_.pop_back();
      has_value_ = true;
    }
    last_ = c == ',' ? Last::other : Last::closed;
    ++at_;
  }

  void open_flow() {
    ++depth_;
    open_.push_back(here());
    ++at_;
    last_ = Last::other;
  }

  void take_value_indicator() {
    if (depth_ == 0) parent_column_ = last_ == Last::other || node_line_ != line_ ? column() : node_column_;
    has_value_ = true;
    last_ = Last::other;
    ++at_;
  }

  void take_node(char c) {
    if (!is_behind_property_) {
      node_column_ = column();
      node_line_ = line_;
    }
    is_behind_property_ = c == '&' || c == '!';
    if (c == '[' || c == '{') return open_flow();
    has_value_ = true;
    if (c == '"' || c == '\'') {
      take_quoted(c);
    } else if ((c == '|' || c == '>') && depth_ == 0) {
      take_block();
    } else if (is_behind_property_ || c == '*') {
      while (!is_blank_or_break(0) && !(depth_ > 0 && is_flow_indicator(peek()))) ++at_;
      last_ = c == '*' ? Last::quoted : Last::other;
    } else {
      take_plain();
    }
  }

  void take_plain() {
    has_value_ = true;
    last_ = Last::plain;
    for (; !is_break(); ++at_) {
      const char c = peek();
      if (c == '#' && at_ > line_start_ && is_blank(text_[at_ - 1])) return;
      if (depth_ > 0 && is_flow_indicator(c)) return;
      if (c == ':' && (is_blank_or_break(1) || (depth_ > 0 && is_flow_indicator(peek(1))))) return;
    }
  }

  void take_quoted(char quote) {
    for (++at_; !is_end(); ++at_) {
      if (peek() == '\n') {
        ++line_;
        line_start_ = at_ + 1;
      } else if (quote == '"' && peek() == '\\' && peek(1) != '\n') {
        ++at_;
      } else if (quote == '\'' && peek() == '\'' && peek(1) == '\'') {
        ++at_;
      } else if (peek() == quote) {
        break;
      }
    }
    if (!is_end()) ++at_;
    last_ = Last::quoted;
  }

  /// A `|` or `>`: its head, then every line that is blank or indented deeper than what it belongs to.
  void take_block() {
    int indent = parent_column_;
    bool is_detecting = true;
    for (++at_; peek() == '+' || peek() == '-' || (peek() >= '1' && peek() <= '9'); ++at_) {
      if (peek() == '+' || peek() == '-') continue;
      indent = parent_column_ - 1 + (peek() - '0');
      is_detecting = false;
    }
    while (is_blank(peek())) ++at_;
    if (peek() == '#') take_comment();
    end_line();
    take_block_lines(indent, is_detecting);
    last_ = Last::other;
  }

  void take_block_lines(int indent, bool is_detecting) {
    bool is_after_blank = false;
    while (!is_end()) {
      while (peek() == ' ' && (column() <= indent || is_detecting)) ++at_;
      if (is_detecting) indent = std::max(indent, column() - 1);
      if (is_break()) {
        is_after_blank = true;
      } else if (column() <= indent) {
        at_ = line_start_;
        break;
      } else {
        is_after_blank = is_detecting = false;
      }
      end_line();
    }
    // One behind the text parts what follows from it, whether or not it belongs to the text.
    if (is_after_blank) found_.remarks.push_back({{line_ - 1, 1}, {}, false, false});
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  int line_ = 1;
  bool has_token_ = false;           // on this line
  bool has_comment_ = false;         // on this line
  bool has_value_ = false;           // on this line, more than `-`, `?` and opening brackets
  bool is_behind_property_ = false;  // `&anchor` or `!tag`, on this line
  Last last_ = Last::other;
  int depth_ = 0;  // brackets
  std::vector<Place> open_;
  int node_column_ = 1;  // of the last node, from its anchor or tag on
  int node_line_ = 0;
  int parent_column_ = 0;  // of the last `-`, `?` or key: whose value comes next
  Remarks found_;
};

}  // namespace

Remarks find_remarks(std::string_view text) { return Scanner(text).scan(); }

}  // namespace escape::plan::yaml
