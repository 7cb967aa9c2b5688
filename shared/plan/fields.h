#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/plan/plan.h"
#include "shared/plan/yaml.h"
#include "shared/release/metadata.h"

/// Reads the parts of a plan out of its YAML. Errors: bad_data "line 3, column 5: …, expected …" or refused; parse_plan
/// names the file.
namespace escape::plan::fields {

/// "line 3, column 5: <field> is a list, expected text".
Error wrong_kind(const yaml::Node& node, std::string_view field, std::string_view expected);
/// "…: unknown <what> 'inptus', expected 'inputs'"; all known names when none is near.
Error unknown_key(const yaml::Node& key, std::string_view what, const std::vector<std::string>& known);

/// A scalar as written; nothing is "".
Result<std::string> read_text(const yaml::Node& node, std::string_view field);
/// Scalars as written; nothing is the empty list.
Result<std::vector<std::string>> read_texts(const yaml::Node& node, std::string_view field);
/// A boolean of YAML 1.2 or 1.1, without quotes.
Result<bool> read_bool(const yaml::Node& node, std::string_view field);
/// `metadata`: scalars as text. Expressions are refused.
Result<std::map<std::string, std::string>> read_metadata(const yaml::Node& node);

/// A step: text, or a map of cmd, args, inline, script.
Result<StageText> read_stage(const yaml::Node& node, const std::string& name);

/// Adds one list of variables (`inputs`, `build_outputs` …) to what the lists before it declared. `scope`: the one that
/// the list forces, or empty. An id that is there already gets both scopes and the newer default (spec/variables.md §6,
/// but nothing is lost); types that disagree are an error.
Result<> add_variables(const yaml::Node& list, std::string_view field, std::string_view scope,
                       std::vector<release::Variable>& variables);

}  // namespace escape::plan::fields
