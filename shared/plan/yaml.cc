#include "shared/plan/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <sstream>

#include "shared/base/text.h"

namespace escape::plan::yaml {
namespace {

std::string place(int line, int column) {
  return "line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
}

std::size_t count(const Node& node) {
  std::size_t sum = 1;
  for (const Node& key : node.keys) sum += count(key);
  for (const Node& item : node.items) sum += count(item);
  return sum;
}

/// Turns the events of the parser into a Node. Throws YAML::ParserException, caught in `read`.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(Aliases aliases) : aliases_(aliases) {}
  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    finish(make(Node::Kind::null, mark), anchor, mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (aliases_ == Aliases::refused) stop(mark, "an alias, expected the value itself");
    const auto known = anchored_.find(anchor);
    if (known == anchored_.end()) stop(mark, "an alias within what it stands for, expected a finished anchor");
    count_nodes(count(known->second), mark);
    Node copy = known->second;
    copy.line = mark.line + 1;
    copy.column = mark.column + 1;
    copy.is_alias = true;
    finish(std::move(copy), 0, mark);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = make(Node::Kind::scalar, mark);
    const bool is_text = tag == "!" || tag == "tag:yaml.org,2002:str";
    static constexpr std::string_view core = "tag:yaml.org,2002:";
    const std::string_view name =
        std::string_view(tag).starts_with(core) ? std::string_view(tag).substr(core.size()) : "";
    const bool is_core = name == "int" || name == "float" || name == "bool" || name == "null";
    if (!is_text && !is_core && !tag.empty() && tag != "?")
      stop(mark, "unknown tag '" + tag + "', expected a plain value");
    node.text = value;
    node.is_plain = !is_text;
    finish(std::move(node), anchor, mark);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(Node::Kind::list, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(Node::Kind::map, mark, tag, anchor, style);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    std::map<std::string, int> lines_of_keys;
    bool is_merging = false;     // the next value is that of `<<`
    std::vector<Node> merged{};  // the maps whose keys become this one's, the first ones first
  };

  [[noreturn]] static void stop(const YAML::Mark& mark, const std::string& message) {
    throw YAML::ParserException(mark, message);
  }

  Node make(Node::Kind kind, const YAML::Mark& mark) {
    count_nodes(1, mark);
    Node node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  void count_nodes(std::size_t more, const YAML::Mark& mark) {
    nodes_ += more;
    if (nodes_ > max_nodes) stop(mark, "too many values, expected at most " + std::to_string(max_nodes));
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style) {
    static constexpr std::string_view core = "tag:yaml.org,2002:";
    if (!tag.empty() && tag != "?" && tag != "!" && !tag.starts_with(core)) {
      stop(mark, "unknown tag '" + tag + "', expected a plain value");
    }
    if (open_.size() >= max_depth)
      stop(mark, "nested too deeply, expected at most " + std::to_string(max_depth) + " levels");
    open_.push_back({make(kind, mark), anchor, mark, {}, false, {}});
    open_.back().node.is_flow = style == YAML::EmitterStyle::Flow;
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    for (Node& map : done.merged) merge(std::move(map), done);
    finish(std::move(done.node), done.anchor, done.mark);
  }

  void finish(Node node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (anchor != 0) {
      count_nodes(count(node), mark);
      anchored_[anchor] = node;
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.is_merging) return take_merged(parent, std::move(node), mark);
    const bool is_key = parent.node.kind == Node::Kind::map && parent.node.keys.size() == parent.node.items.size();
    if (is_key) check_key(parent, node, mark);
    if (is_key && is_merge_key(node)) {
      if (aliases_ == Aliases::refused) stop(mark, "a merge key, expected the keys themselves");
      parent.is_merging = true;
      return;
    }
    (is_key ? parent.node.keys : parent.node.items).push_back(std::move(node));
  }

  static void check_key(Open& parent, const Node& key, const YAML::Mark& mark) {
    if (key.kind != Node::Kind::scalar) {
      stop(mark, "a key that is " + std::string(kind_name(key)) + ", expected a name");
    }
    const auto [first, is_new] = parent.lines_of_keys.emplace(key.text, mark.line + 1);
    if (is_new) return;
    stop(mark, "the key '" + key.text + "' is there already in line " + std::to_string(first->second) +
                   ", expected each key once");
  }

  static bool is_merge_key(const Node& key) { return key.text == "<<" && key.is_plain; }

  static void take_merged(Open& parent, Node value, const YAML::Mark& mark) {
    parent.is_merging = false;
    std::vector<Node> maps;
    if (value.kind == Node::Kind::list) {
      maps = std::move(value.items);
    } else {
      maps.push_back(std::move(value));
    }
    for (Node& map : maps) {
      if (map.kind != Node::Kind::map) {
        stop(mark, "a merge key whose value is " + std::string(kind_name(map)) + ", expected maps");
      }
      parent.merged.push_back(std::move(map));
    }
  }

  /// What the map says itself counts, wherever in it the merge key stands.
  static void merge(Node from, Open& to) {
    for (std::size_t i = 0; i < from.keys.size(); ++i) {
      if (!to.lines_of_keys.emplace(from.keys[i].text, from.keys[i].line).second) continue;
      from.keys[i].is_alias = from.items[i].is_alias = true;
      to.node.keys.push_back(std::move(from.keys[i]));
      to.node.items.push_back(std::move(from.items[i]));
    }
  }

  Aliases aliases_;
  Node root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchored_;
  std::size_t nodes_ = 0;
};

/// Finds the first byte that is not UTF-8.
Error bad_utf8(std::string_view text) {
  int line = 1;
  for (const std::string& one : split(text, '\n')) {
    if (!is_valid_utf8(one)) {
      return {
          ErrorKind::bad_data, "line " + std::to_string(line) + ": not UTF-8, expected a text file in UTF-8", {}, {}};
    }
    ++line;
  }
  return {ErrorKind::bad_data, "not UTF-8, expected a text file in UTF-8", {}, {}};
}

/// YAML knows no control characters but tab and line breaks. They must not come to yaml-cpp: it takes NUL bytes for a
/// sign of UTF-16 or UTF-32, and would read another text than the one that is there.
const char* find_control(std::string_view text) {
  for (const char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n' && c != '\r') return &c;
  }
  return nullptr;
}

Error control_character(std::string_view text, const char* found) {
  const std::string_view before = text.substr(0, static_cast<std::size_t>(found - text.data()));
  const auto line = static_cast<int>(std::ranges::count(before, '\n')) + 1;
  const auto column = static_cast<int>(before.size() - (before.rfind('\n') + 1)) + 1;
  return {ErrorKind::bad_data,
          place(line, column) + "the control character 0x" + to_hex({found, 1}) + ", expected text",
          "Write it as an escape in double quotes, such as \"\\x1b\".",
          {}};
}

template <class Number>
std::optional<Number> whole(std::string_view text, int base) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text.starts_with("0x")) return text.starts_with("0x-") ? std::nullopt : whole<std::int64_t>(text.substr(2), 16);
  if (text.starts_with("0o")) return text.starts_with("0o-") ? std::nullopt : whole<std::int64_t>(text.substr(2), 8);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  return whole<std::int64_t>(text, 10);
}

std::optional<double> parse_number(std::string_view text) {
  // Digits only, so that `inf`, `nan` and words stay text.
  if (text.find_first_not_of("+-0123456789.eE") != std::string_view::npos) return std::nullopt;
  if (text.find_first_of("0123456789") == std::string_view::npos) return std::nullopt;
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Result<Node> read(std::string_view text, Aliases aliases) {
  if (text.size() > max_bytes) {
    return fail(ErrorKind::bad_data, "the file has " + std::to_string(text.size()) + " bytes, expected at most " +
                                         std::to_string(max_bytes));
  }
  if (!is_valid_utf8(text)) return fail(bad_utf8(text));
  if (const char* found = find_control(text)) return fail(control_character(text, found));
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder(aliases);
    parser.HandleNextDocument(builder);
    Node root = builder.take();
    Builder more(aliases);
    if (parser.HandleNextDocument(more)) {
      const Node second = more.take();
      return fail(error_at(second, "a second document begins, expected one document"));
    }
    return root;
  } catch (const YAML::Exception& error) {
    std::string message = error.msg;
    if (message.find("expected") == std::string::npos) message += ", expected YAML of the form 'field: value'";
    return fail(ErrorKind::bad_data, place(error.mark.line + 1, error.mark.column + 1) + message);
  }
}

std::string_view kind_name(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return "text";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      break;
  }
  return "a map";
}

Value resolve(const Node& scalar) {
  const std::string& text = scalar.text;
  if (scalar.kind == Node::Kind::null) return {};
  if (!scalar.is_plain) return text;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (const std::optional<std::int64_t> number = parse_integer(text)) return *number;
  if (const std::optional<double> number = parse_number(text)) return *number;
  return text;
}

Value to_value(const Node& node) {
  if (node.kind == Node::Kind::list) {
    Value::List list;
    for (const Node& item : node.items) list.push_back(to_value(item));
    return list;
  }
  if (node.kind != Node::Kind::map) return resolve(node);
  Value::Object object;
  for (std::size_t i = 0; i < node.keys.size(); ++i) object.append(node.keys[i].text, to_value(node.items[i]));
  return object;
}

Value unless_it_looks_otherwise(Value resolved, std::string_view text) {
  const std::int64_t* number = resolved.as_int();
  const bool looks_otherwise = resolved.as_double() || (number && std::to_string(*number) != text);
  return looks_otherwise ? Value(text) : resolved;
}

Value to_written_value(const Node& node) {
  if (node.kind == Node::Kind::list) {
    Value::List list;
    for (const Node& item : node.items) list.push_back(to_written_value(item));
    return list;
  }
  if (node.kind != Node::Kind::map) return unless_it_looks_otherwise(resolve(node), node.text);
  Value::Object object;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    object.append(node.keys[i].text, to_written_value(node.items[i]));
  }
  return object;
}

const Node* find(const Node& map, std::string_view key) {
  for (std::size_t i = 0; i < map.keys.size(); ++i) {
    if (map.keys[i].text == key) return &map.items[i];
  }
  return nullptr;
}

Error error_at(const Node& node, std::string_view message) {
  return {ErrorKind::bad_data, place(node.line, node.column) + std::string(message), {}, {}};
}

Error with_prefix(Error error, std::string_view words) {
  constexpr std::string_view end_of_place = ": ";
  const std::size_t place = error.message.find(end_of_place);
  if (place != std::string::npos) error.message.insert(place + end_of_place.size(), words);
  return error;
}

}  // namespace escape::plan::yaml
