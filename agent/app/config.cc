#include "agent/app/config.h"

#include <cstdint>
#include <vector>

#include "shared/base/text.h"
#include "shared/io/files.h"
#include "shared/plan/yaml.h"

namespace escape::agent {
namespace {

using plan::yaml::Node;

constexpr std::uint64_t max_config_bytes = 1 << 20;

const std::vector<std::string> known_settings = {"data", "controller", "labels", "log_level"};

Result<std::string> text_of(const Node& node, const std::string& expected) {
  if (node.kind == Node::Kind::scalar && !node.text.empty()) return node.text;
  return fail(plan::yaml::error_at(node, "expected " + expected + ", got " + std::string(plan::yaml::kind_name(node))));
}

Result<> read_labels(const Node& node, Config& config) {
  if (node.kind != Node::Kind::map) {
    return fail(plan::yaml::error_at(node, "expected names and values for 'labels', such as {role: web}"));
  }
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    TRY(config.labels[node.keys[i].text], text_of(node.items[i], "a text for the label '" + node.keys[i].text + "'"));
  }
  return ok();
}

Result<> read_log_level(const Node& node, Config& config) {
  TRY(const std::string word, text_of(node, "debug, info, warn or error for 'log_level'"));
  Result<LogLevel> level = parse_log_level(word);
  if (!level) return fail(plan::yaml::error_at(node, level.error().message));
  config.log_level = level.value();
  return ok();
}

Error unknown_setting(const Node& key) {
  Error error = plan::yaml::error_at(key, "'" + key.text + "' is not a setting of the agent");
  const std::string near = nearest(key.text, known_settings);
  error.hint = (near.empty() ? "" : "Did you mean '" + near + "'? ") + "Known are " + join(known_settings, ", ") + ".";
  return error;
}

Result<> read_setting(const Node& key, const Node& value, Config& config) {
  if (key.text == "labels") return read_labels(value, config);
  if (key.text == "log_level") return read_log_level(value, config);
  if (key.text == "data") {
    TRY(config.data_folder, text_of(value, "a folder for 'data'"));
  } else if (key.text == "controller") {
    TRY(config.controller, text_of(value, "HOST:PORT for 'controller'"));
  } else {
    return fail(unknown_setting(key));
  }
  return ok();
}

Result<Config> read_config(const std::string& text) {
  Config config;
  TRY(const Node root, plan::yaml::read(text));
  if (root.kind == Node::Kind::null) return config;
  if (root.kind != Node::Kind::map) {
    return fail(plan::yaml::error_at(root, "expected settings such as 'data: /var/lib/escape-agent'"));
  }
  for (std::size_t i = 0; i < root.keys.size(); ++i) {
    TRYV(read_setting(root.keys[i], root.items[i], config));
  }
  return config;
}

}  // namespace

Result<Config> load_config(const std::string& path) {
  TRY(const std::string text, io::read_file(path, max_config_bytes));
  return parse_config(text, path);
}

Result<Config> parse_config(const std::string& text, const std::string& name) {
  Result<Config> config = read_config(text);
  if (config) return config;
  Error error = std::move(config).error();
  error.kind = ErrorKind::bad_configuration;
  error.message = name + ", " + error.message;
  return fail(std::move(error));
}

}  // namespace escape::agent
