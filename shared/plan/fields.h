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
/// One scalar or a list of scalars; nothing is the empty list.
Result<std::vector<std::string>> read_text_or_texts(const yaml::Node& node, std::string_view field);
/// "build", "deploy" or both, as one text or a list; nothing is both.
Result<std::vector<std::string>> read_scopes(const yaml::Node& node, std::string_view suffix);
/// Text that is an expression must be one that can be parsed. `where`: "default field of variable 'x'".
Result<> check_expression(const yaml::Node& node, std::string_view text, std::string_view where);
/// The same for a value and, when it is a list, its elements.
Result<> check_expressions(const yaml::Node& node, const Value& value, std::string_view where);
/// The error at that place, with its kind and hint.
Error placed(const yaml::Node& node, std::string_view before, const Error& error);

/// `metadata`: scalars as text.
Result<std::map<std::string, std::string>> read_metadata(const yaml::Node& node);

/// A step: text, or a map of cmd, args, inline, script.
Result<StageText> read_stage(const yaml::Node& node, const std::string& name);

/// Adds one list of variables (`inputs`, `build_outputs` …) to what the lists before it declared. `scope`: the one that
/// the list forces, or empty. An id that is there already gets both scopes and the newer default (spec/variables.md §6,
/// but nothing is lost); types that disagree are an error. `place`: " in errand 'a' input variables".
Result<> add_variables(const yaml::Node& list, std::string_view field, std::string_view scope, Declarations& variables,
                       std::string_view place = {});
/// `to` has the scopes of both: the longer list as it was written; of two that differ, "build" before "deploy".
void add_scopes(const std::vector<std::string>& from, std::vector<std::string>& to);

/// relation_fields.cc: other releases and interfaces (spec/escape-plan.md §5 to §7).
Result<> add_consumers(const yaml::Node& list, std::string_view field, std::string_view scope,
                       std::vector<release::Consumer>& consumers);
/// The same (interface, variable) again gets the scopes of both.
void add_consumer(release::Consumer consumer, std::vector<release::Consumer>& consumers);
Result<std::vector<release::Reference>> read_extends(const yaml::Node& list);
Result<std::vector<PlannedDependency>> read_depends(const yaml::Node& list);

/// file_fields.cc: templates, downloads, errands (§4, §9, §10).
Result<> add_templates(const yaml::Node& list, std::string_view field, std::string_view scope,
                       std::vector<release::Template>& templates);
Result<std::vector<release::Download>> read_downloads(const yaml::Node& list);
Result<std::map<std::string, PlannedErrand>> read_errands(const yaml::Node& map);

}  // namespace escape::plan::fields
