#include <algorithm>

#include "shared/base/text.h"
#include "shared/plan/fields.h"
#include "shared/plan/package_files.h"

namespace escape::plan::fields {
namespace {

using release::Download;
using release::Template;
using yaml::Node;

const std::vector<std::string> template_fields{"file", "target", "scopes", "mapping", "escape"};
const std::vector<std::string> download_fields{"url",      "dest", "overwrite", "if_not_exists", "unpack",
                                               "platform", "arch", "sha256",    "scopes"};
const std::vector<std::string> errand_fields{"description", "run", "script", "inputs"};

bool is_control(char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }

/// `a.txt.tpl` → `a.txt`; a name without ending renders onto itself.
std::string default_target(const std::string& file) {
  const std::size_t dot = file.rfind('.');
  const std::size_t slash = file.rfind('/');
  const bool has_ending = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  return has_ending ? file.substr(0, dot) : file;
}

Result<Value::Object> read_mapping(const Node& node) {
  Value::Object mapping;
  if (node.kind == Node::Kind::null) return mapping;
  if (node.kind != Node::Kind::map) return fail(wrong_kind(node, "field 'mapping' of template dict", "a map"));
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    Value value = yaml::to_written_value(node.items[i]);
    TRYV(check_expressions(node.items[i], value, "template mapping '" + node.keys[i].text + "'"));
    mapping.append(node.keys[i].text, std::move(value));
  }
  return mapping;
}

Result<Template> read_template_map(const Node& map) {
  Template item;
  for (std::size_t i = 0; i < map.keys.size(); ++i) {
    const std::string& key = map.keys[i].text;
    const Node& value = map.items[i];
    const std::string field = "field '" + key + "' of template dict";
    if (key == "file") {
      TRY(item.file, read_text(value, field));
    } else if (key == "target") {
      TRY(item.target, read_text(value, field));
    } else if (key == "scopes") {
      TRY(item.scopes, read_scopes(value, " in field 'scopes' of template dict."));
    } else if (key == "mapping") {
      TRY(item.mapping, read_mapping(value));
    } else if (key == "escape") {
      TRY(item.escape, read_text(value, field));
      if (item.escape == "none") item.escape.clear();
      if (!item.escape.empty() && item.escape != "html") {
        return fail(
            yaml::error_at(value, "Unknown escape '" + item.escape + "' in template dict, expected html or none"));
      }
    } else {
      return fail(unknown_key(map.keys[i], "field of a template", template_fields));
    }
  }
  return item;
}

Result<Template> read_template(const Node& node) {
  Template item;
  if (node.kind == Node::Kind::scalar && yaml::resolve(node).as_string()) {
    item.file = node.text;
  } else if (node.kind == Node::Kind::map) {
    TRY(item, read_template_map(node));
  } else {
    return fail(yaml::error_at(
        node, "Unexpected type '" + std::string(yaml::to_value(node).type_name()) + "' for template, expected a file"));
  }
  if (item.file.empty()) return fail(yaml::error_at(node, "Missing 'file' field in template"));
  if (item.target.empty()) item.target = default_target(item.file);
  if (const Result<std::string> inside = clean_path(item.target); !inside)
    return fail(placed(node, "", inside.error()));
  return item;
}

Result<Download> read_download(const Node& node) {
  if (node.kind != Node::Kind::map) return fail(wrong_kind(node, "a download", "a map such as {url: …, dest: …}"));
  Download download;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const std::string& key = node.keys[i].text;
    const Node& value = node.items[i];
    const std::string field = "download field " + key;
    if (key == "url") {
      TRY(download.url, read_text(value, field));
    } else if (key == "dest") {
      TRY(download.dest, read_text(value, field));
    } else if (key == "overwrite") {
      TRY(download.overwrite, read_bool(value, field));
    } else if (key == "if_not_exists") {
      TRY(download.if_not_exists, read_text_or_texts(value, field));
    } else if (key == "unpack") {
      TRY(download.unpack, read_bool(value, field));
    } else if (key == "platform") {
      TRY(download.platform, read_text(value, field));
    } else if (key == "arch") {
      TRY(download.arch, read_text(value, field));
    } else if (key == "sha256") {
      TRY(download.sha256, read_text(value, field));
    } else if (key == "scopes") {
      TRY(download.scopes, read_scopes(value, " in download config."));
    } else {
      return fail(unknown_key(node.keys[i], "field of a download", download_fields));
    }
  }
  if (Result<> valid = release::check_download(download); !valid) return fail(placed(node, "", valid.error()));
  if (!download.url.starts_with("http://") && !download.url.starts_with("https://")) {
    return fail(yaml::error_at(node, "Invalid URL '" + download.url + "' in download config: expected http or https"));
  }
  if (const Result<std::string> dest = clean_path(download.dest); !dest) return fail(placed(node, "", dest.error()));
  return download;
}

Result<PlannedErrand> read_errand(const Node& node, const std::string& name) {
  if (node.kind != Node::Kind::map)
    return fail(wrong_kind(node, "Expecting a dictionary for errand " + name + ". It", "a map"));
  PlannedErrand errand;
  bool has_run = false;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const std::string& key = node.keys[i].text;
    const Node& value = node.items[i];
    if (key == "description") {
      TRY(errand.description,
          read_text(value, "Expecting string value for description field in errand " + name + ". It"));
    } else if (key == "run") {
      Result<StageText> run = read_stage(value, "run");
      if (!run) {
        Error error = std::move(run).error();
        error.message += " (Failed to parse 'run' field in errand '" + name + "')";
        return fail(std::move(error));
      }
      errand.run = std::move(run).value();
      has_run = true;
      const bool is_empty = errand.run.text ? errand.run.text->empty() : errand.run.stage.empty();
      if (is_empty)
        return fail(yaml::error_at(value, "Missing value for 'run' field in errand. It is errand '" + name + "'"));
    } else if (key == "inputs") {
      Declarations inputs;
      TRYV(add_variables(value, key, "", inputs, " in errand '" + name + "' input variables"));
      errand.inputs = std::move(inputs.variables);
    } else if (key != "script") {
      return fail(unknown_key(node.keys[i], "field of an errand", errand_fields));
    }
  }
  if (has_run) return errand;
  const Node* script = yaml::find(node, "script");
  if (!script) return fail(yaml::error_at(node, "Missing 'run' in errand '" + name + "'"));
  TRY(errand.run.stage.script,
      read_text(*script, "Expecting string value for script field in errand " + name + ". It"));
  if (errand.run.stage.script.empty()) return fail(yaml::error_at(*script, "Missing 'run' in errand '" + name + "'"));
  errand.must_exist = true;
  return errand;
}

}  // namespace

Result<> add_templates(const Node& list, std::string_view field, std::string_view scope,
                       std::vector<Template>& templates) {
  if (list.kind == Node::Kind::null) return ok();
  if (list.kind != Node::Kind::list) return fail(wrong_kind(list, field, "a list of templates"));
  for (const Node& item : list.items) {
    TRY(auto read, read_template(item));
    if (!scope.empty()) read.scopes = {std::string(scope)};
    templates.push_back(std::move(read));
  }
  return ok();
}

Result<std::vector<Download>> read_downloads(const Node& list) {
  std::vector<Download> downloads;
  if (list.kind == Node::Kind::null) return downloads;
  if (list.kind != Node::Kind::list) return fail(wrong_kind(list, "downloads", "a list of downloads"));
  for (const Node& item : list.items) {
    TRY(auto download, read_download(item));
    downloads.push_back(std::move(download));
  }
  return downloads;
}

Result<std::map<std::string, PlannedErrand>> read_errands(const Node& map) {
  std::map<std::string, PlannedErrand> errands;
  if (map.kind == Node::Kind::null) return errands;
  if (map.kind != Node::Kind::map) return fail(wrong_kind(map, "errands", "a map of names to errands"));
  for (std::size_t i = 0; i < map.keys.size(); ++i) {
    const std::string& name = map.keys[i].text;
    if (trimmed(name).empty() || std::ranges::any_of(name, is_control)) {
      return fail(yaml::error_at(map.keys[i], "Invalid errand name, expected one line of text"));
    }
    TRY(auto errand, read_errand(map.items[i], name));
    errands.emplace(name, std::move(errand));
  }
  return errands;
}

}  // namespace escape::plan::fields
