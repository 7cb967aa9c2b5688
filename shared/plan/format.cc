#include "shared/plan/format.h"

#include <algorithm>

#include "shared/base/text.h"
#include "shared/plan/comments.h"
#include "shared/plan/plan_fields.h"
#include "shared/plan/remarks.h"
#include "shared/plan/scalar_text.h"
#include "shared/plan/yaml.h"

namespace escape::plan {
namespace {

using yaml::Comments;
using yaml::Node;
using yaml::Notes;

constexpr int indent_width = 2;  // of maps in maps; lists stand below their key

class Writer {
 public:
  explicit Writer(const Comments& comments) : comments_(comments) {}
  std::string take() { return std::move(out_); }

  void blank_line() { out_ += '\n'; }
  void lines(const std::vector<std::string>& lines, int indent) {
    for (const std::string& line : lines) {
      if (!line.empty()) begin_line(indent) += line;
      out_ += '\n';
    }
  }

  void member(const Node& key, const Node& value, int indent) {
    const Notes& notes = comments_.of(key);
    lines(notes.head, indent);
    member_without_head(key, value, indent);
  }

  void field(const PlanField& field, const Node* key, const Node* value) {
    if (value && !says_nothing(*value)) return member(*key, *value, 0);
    static const Notes none;
    const Notes& notes = key ? comments_.of(*key) : none;
    lines(notes.head, 0);
    out_ += std::string(field.name) + ": " + std::string(field.empty);
    end_line(notes.trailing);
    lines(notes.foot, 0);
  }

 private:
  /// Behind a dash the line has begun already.
  std::string& begin_line(int indent) {
    if (out_.empty() || out_.ends_with('\n')) out_.append(static_cast<std::size_t>(indent), ' ');
    return out_;
  }

  void end_line(const std::string& comment) {
    if (!comment.empty()) out_ += " " + comment;
    out_ += '\n';
  }

  void member_without_head(const Node& key, const Node& value, int indent) {
    const Notes& notes = comments_.of(key);
    begin_line(indent) += yaml::scalar_on_line(key) + ":";
    if (value.items.empty()) {
      leaf(value, indent, notes.trailing);
    } else {
      end_line(notes.trailing);
      if (value.kind == Node::Kind::list) {
        elements(value, indent);
      } else {
        for (std::size_t i = 0; i < value.keys.size(); ++i) {
          member(value.keys[i], value.items[i], indent + indent_width);
        }
      }
    }
    lines(notes.foot, indent);
  }

  void elements(const Node& list, int indent) {
    for (const Node& element : list.items) {
      heads(element, indent);
      element_without_head(element, indent);
    }
  }

  /// All that stands before an element: its own, and that of whatever shares its line.
  void heads(const Node& element, int indent) {
    lines(comments_.of(element).head, indent);
    if (element.items.empty()) return;
    if (element.kind == Node::Kind::list) return heads(element.items.front(), indent);
    lines(comments_.of(element.keys.front()).head, indent);
  }

  void element_without_head(const Node& element, int indent) {
    const Notes& notes = comments_.of(element);
    begin_line(indent) += '-';
    if (element.items.empty()) {
      leaf(element, indent, notes.trailing);
    } else {
      out_ += ' ';
      inside(element, indent + indent_width);
    }
    lines(notes.foot, indent);
  }

  /// A list or map whose first part stands behind a dash.
  void inside(const Node& node, int indent) {
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      if (node.kind == Node::Kind::map) {
        if (i > 0) lines(comments_.of(node.keys[i]).head, indent);
        member_without_head(node.keys[i], node.items[i], indent);
      } else {
        if (i > 0) heads(node.items[i], indent);
        element_without_head(node.items[i], indent);
      }
    }
  }

  /// The rest of the line behind a key or dash at `indent`, and of a block the lines below.
  void leaf(const Node& value, int indent, const std::string& comment) {
    out_ += ' ';
    if (value.kind == Node::Kind::list) {
      out_ += "[]";
    } else if (value.kind == Node::Kind::map) {
      out_ += "{}";
    } else if (value.kind == Node::Kind::null) {
      out_ += "null";
    } else if (yaml::fits_block(value.text)) {
      out_ += yaml::block_head(value.text);
      end_line(comment);
      return block(value.text, indent + indent_width);
    } else {
      out_ += yaml::scalar_on_line(value);
    }
    end_line(comment);
  }

  void block(std::string_view text, int indent) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    for (const std::string& line : split(text, '\n')) {
      if (!line.empty()) begin_line(indent) += line;
      out_ += '\n';
    }
  }

  const Comments& comments_;
  std::string out_;
};

const Node* find(const Node& root, std::string_view field, const Node** value) {
  const auto key = std::ranges::find(root.keys, field, &Node::text);
  if (key == root.keys.end()) return nullptr;
  *value = &root.items[static_cast<std::size_t>(key - root.keys.begin())];
  return &*key;
}

/// What stands at the head of the file stays there, also when the field below it moves down.
void keep_head(const Node& root, Comments& comments) {
  const Node* first_written = nullptr;
  for (const PlanField& field : plan_fields()) {
    const Node* value = nullptr;
    first_written = find(root, field.name, &value);
    if (first_written || !field.is_optional) break;
  }
  if (root.keys.empty() || first_written == &root.keys.front()) return;
  std::vector<std::string>& of_first = comments.notes[&root.keys.front()].head;
  const auto end = of_first.begin() + static_cast<std::ptrdiff_t>(comments.at_the_top);
  comments.head.insert(comments.head.end(), of_first.begin(), end);
  of_first.erase(of_first.begin(), end);
}

std::string write_full(const Node& root, Comments comments) {
  keep_head(root, comments);
  Writer writer(comments);
  writer.lines(comments.head, 0);
  bool is_first = comments.head.empty();
  for (const PlanField& field : plan_fields()) {
    const Node* value = nullptr;
    const Node* key = find(root, field.name, &value);
    if (!key && field.is_optional) continue;
    if (!is_first) writer.blank_line();
    is_first = false;
    writer.field(field, key, value);
  }
  if (!comments.foot.empty()) writer.blank_line();
  writer.lines(comments.foot, 0);
  return writer.take();
}

std::string write_minified(const Node& root) {
  const Comments none;
  Writer writer(none);
  for (const PlanField& field : plan_fields()) {
    const Node* value = nullptr;
    const Node* key = find(root, field.name, &value);
    if (key && !says_nothing(*value)) writer.member(*key, *value, 0);
  }
  return writer.take();
}

bool is_same(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.text != b.text || a.keys.size() != b.keys.size() || a.items.size() != b.items.size()) {
    return false;
  }
  if (a.kind == Node::Kind::scalar && !(yaml::resolve(a) == yaml::resolve(b))) return false;
  for (std::size_t i = 0; i < a.keys.size(); ++i) {
    if (a.keys[i].text != b.keys[i].text) return false;
  }
  return std::ranges::equal(a.items, b.items, is_same);
}

bool is_same_plan(const Node& before, const Node& after) {
  for (const PlanField& field : plan_fields()) {
    const Node* a = nullptr;
    const Node* b = nullptr;
    find(before, field.name, &a);
    find(after, field.name, &b);
    const bool says_a = a && !says_nothing(*a);
    const bool says_b = b && !says_nothing(*b) && !(field.is_optional && b->text == field.empty && !says_a);
    if (says_a != says_b || (says_a && !is_same(*a, *b))) return false;
  }
  return true;
}

std::vector<std::string> comments_in(std::string_view text) {
  std::vector<std::string> comments;
  for (yaml::Remark& remark : yaml::find_remarks(text).remarks) {
    if (!remark.text.empty()) comments.push_back(std::move(remark.text));
  }
  std::ranges::sort(comments);
  return comments;
}

/// A mistake here would cost somebody their plan, so what was written is read back before it counts.
Result<> check(const Node& before, std::string_view text, const std::string& formatted, FormatStyle style) {
  const Result<Node> after = yaml::read(formatted);
  const bool keeps_comments = style == FormatStyle::minified || comments_in(text) == comments_in(formatted);
  if (after && is_same_plan(before, after.value()) && keeps_comments) return ok();
  return fail(ErrorKind::internal,
              after ? std::string("formatted, it would not say the same")
                    : "formatted, it could not be read: " + after.error().message,
              "The plan was left as it is. This is a mistake in Escape: please report it with the plan.");
}

}  // namespace

Result<std::string> format(std::string_view text, std::string_view file_name, FormatStyle style) {
  TRY(const Node root, read_fields(text, file_name));
  std::string formatted =
      style == FormatStyle::full ? write_full(root, yaml::find_comments(text, root)) : write_minified(root);
  if (Result<> checked = check(root, text, formatted, style); !checked) {
    return fail(std::move(checked).error().in("Escape plan '" + std::string(file_name) + "'"));
  }
  return formatted;
}

}  // namespace escape::plan
