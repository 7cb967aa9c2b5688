#include "shared/plan/fields.h"

#include <algorithm>
#include <array>

#include "shared/base/text.h"
#include "shared/script/script.h"

namespace escape::plan::fields {
namespace {

using yaml::Node;

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

Error more_than_one(const Node& node, const std::string& stage) {
  return yaml::error_at(node,
                        "Found a problem in the " + in_quotes(stage) +
                            " field: More than one field is set. Please specify only one of script, cmd or inline.");
}

Result<release::ExecStage> read_stage_map(const Node& node, const std::string& name) {
  static const std::vector<std::string> known{"cmd", "args", "inline", "script"};
  release::ExecStage stage;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const std::string& key = node.keys[i].text;
    const std::string field = "In field " + name + ": " + key;
    if (key == "args") {
      TRY(stage.args, read_texts(node.items[i], field));
    } else if (key == "cmd") {
      TRY(stage.cmd, read_text(node.items[i], field));
    } else if (key == "inline") {
      TRY(stage.inline_script, read_text(node.items[i], field));
    } else if (key == "script") {
      TRY(stage.script, read_text(node.items[i], field));
    } else {
      return fail(unknown_key(node.keys[i], "field of the step " + in_quotes(name), known));
    }
  }
  const std::string where = "the " + in_quotes(name) + " field";
  TRYV(check_expression(node, stage.cmd, where));
  TRYV(check_expression(node, stage.script, where));
  for (const std::string& arg : stage.args) {
    TRYV(check_expression(node, arg, where));
  }
  const int set = !stage.cmd.empty() + !stage.inline_script.empty() + !stage.script.empty();
  if (set > 1) return fail(more_than_one(node, name));
  if (stage.cmd.empty() && !stage.args.empty()) {
    return fail(
        yaml::error_at(node, "Found a problem in the " + in_quotes(name) + " field: args without cmd, expected cmd"));
  }
  return stage;
}

}  // namespace

Error wrong_kind(const Node& node, std::string_view field, std::string_view expected) {
  return yaml::error_at(
      node, std::string(field) + " is " + std::string(yaml::kind_name(node)) + ", expected " + std::string(expected));
}

Error unknown_key(const Node& key, std::string_view what, const std::vector<std::string>& known) {
  const std::string near = nearest(key.text, known);
  const std::string expected = near.empty() ? "one of " + join(known, ", ") : in_quotes(near);
  return yaml::error_at(key, "unknown " + std::string(what) + " " + in_quotes(key.text) + ", expected " + expected);
}

Result<std::string> read_text(const Node& node, std::string_view field) {
  if (node.kind == Node::Kind::null) return std::string();
  if (node.kind != Node::Kind::scalar) return fail(wrong_kind(node, field, "text"));
  return node.text;
}

Result<std::vector<std::string>> read_texts(const Node& node, std::string_view field) {
  std::vector<std::string> texts;
  if (node.kind == Node::Kind::null) return texts;
  if (node.kind != Node::Kind::list) return fail(wrong_kind(node, field, "a list of texts"));
  for (const Node& item : node.items) {
    if (item.kind != Node::Kind::scalar) return fail(wrong_kind(item, "an element of " + std::string(field), "text"));
    texts.push_back(item.text);
  }
  return texts;
}

Result<std::vector<std::string>> read_text_or_texts(const Node& node, std::string_view field) {
  if (node.kind == Node::Kind::scalar) return std::vector<std::string>{node.text};
  return read_texts(node, field);
}

Result<std::vector<std::string>> read_scopes(const Node& node, std::string_view suffix) {
  TRY(const auto written, read_text_or_texts(node, "scopes" + std::string(suffix)));
  for (const std::string& scope : written) {
    if (scope == "build" || scope == "deploy") continue;
    return fail(yaml::error_at(
        node, "Unknown scope " + in_quotes(scope) + ". Expecting 'build' or 'deploy'" + std::string(suffix)));
  }
  return written.empty() ? std::vector<std::string>{"build", "deploy"} : written;
}

Error placed(const Node& node, std::string_view before, const Error& error) {
  Error here = yaml::error_at(node, std::string(before) + error.message);
  here.kind = error.kind;
  here.hint = error.hint;
  return here;
}

Result<> check_expression(const Node& node, std::string_view text, std::string_view where) {
  if (!script::is_expression(text)) return ok();
  const Result<script::Expression> expression = script::parse(text);
  if (expression) return ok();
  return fail(placed(node, "In " + std::string(where) + ": ", expression.error()));
}

Result<> check_expressions(const Node& node, const Value& value, std::string_view where) {
  if (const std::string* text = value.as_string()) return check_expression(node, *text, where);
  if (const Value::List* list = value.as_list()) {
    for (const Value& item : *list) {
      const std::string* text = item.as_string();
      if (!text) continue;
      TRYV(check_expression(node, *text, where));
    }
  }
  return ok();
}

Result<bool> read_bool(const Node& node, std::string_view field) {
  static constexpr std::array<std::string_view, 9> yes{"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
  static constexpr std::array<std::string_view, 9> no{"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};
  if (node.kind == Node::Kind::scalar && node.is_plain) {
    if (std::ranges::find(yes, node.text) != yes.end()) return true;
    if (std::ranges::find(no, node.text) != no.end()) return false;
  }
  if (node.kind != Node::Kind::scalar) return fail(wrong_kind(node, field, "true or false"));
  return fail(yaml::error_at(node, std::string(field) + " is " + in_quotes(node.text) + ", expected true or false"));
}

Result<std::map<std::string, std::string>> read_metadata(const Node& node) {
  std::map<std::string, std::string> metadata;
  if (node.kind == Node::Kind::null) return metadata;
  if (node.kind != Node::Kind::map) return fail(wrong_kind(node, "metadata", "a map of names to texts"));
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const std::string& key = node.keys[i].text;
    TRY(auto text, read_text(node.items[i], "metadata field " + in_quotes(key)));
    TRYV(check_expression(node.items[i], text, "metadata field " + in_quotes(key)));
    metadata.emplace(key, std::move(text));
  }
  return metadata;
}

Result<StageText> read_stage(const Node& node, const std::string& name) {
  StageText stage;
  if (node.kind == Node::Kind::scalar) {
    const Value value = yaml::resolve(node);
    if (!value.as_string() && !value.as_bool()) {
      return fail(yaml::error_at(node, "In field " + name + ": Expecting dict or string type. Got " +
                                           in_quotes(value.type_name()) + ", expected a script or command"));
    }
    stage.text = std::string(trimmed(node.text));
  } else if (node.kind == Node::Kind::map) {
    TRY(stage.stage, read_stage_map(node, name));
  } else if (node.kind != Node::Kind::null) {
    return fail(wrong_kind(node, "In field " + name + ": Expecting dict or string type. It", "text or a map"));
  }
  return stage;
}

}  // namespace escape::plan::fields
