#include "controller/cli/apply_file.h"

#include "shared/base/text.h"
#include "shared/plan/document.h"
#include "shared/release/release_id.h"

namespace escape::cli {
namespace {

using protocol::request::ApplyEnvironment;

Error at(const plan::Document& place, std::string what, std::string hint = {}) {
  return {ErrorKind::bad_data, "line " + std::to_string(place.line) + ": " + std::move(what), std::move(hint), {}};
}

std::string kind_of(const plan::Document& document) {
  switch (document.kind) {
    case plan::Document::Kind::list:
      return "a list";
    case plan::Document::Kind::map:
      return "a map";
    case plan::Document::Kind::scalar:
      break;
  }
  return document.value.is_null() ? "nothing" : "'" + document.text + "'";
}

Error unknown_key(const plan::Document& place, const std::string& key, const std::vector<std::string>& known) {
  const std::string near = nearest(key, known);
  return at(place, "unknown key '" + key + "'",
            near.empty() ? "The keys here are: " + join(known, ", ") + "." : "Did you mean '" + near + "'?");
}

Result<std::string> text_of(const plan::Document& document, std::string_view key) {
  if (document.kind != plan::Document::Kind::scalar || document.value.is_null()) {
    return fail(at(document, "expected text for '" + std::string(key) + "', got " + kind_of(document)));
  }
  return document.text;
}

Result<Value::Object> inputs_of(const plan::Document& document) {
  if (document.kind == plan::Document::Kind::scalar && document.value.is_null()) return Value::Object{};
  if (document.kind != plan::Document::Kind::map) {
    return fail(at(document, "expected a map of values for 'inputs', got " + kind_of(document)));
  }
  const Value value = document.to_written_value();
  return *value.as_object();
}

Result<ApplyEnvironment::Item> deployment_of(const std::string& name, const plan::Document& document) {
  ApplyEnvironment::Item item{.deployment = name, .release = {}, .inputs = {}};
  if (Result<> checked = release::check_deployment_name(name); !checked)
    return fail(at(document, checked.error().message));
  if (document.kind != plan::Document::Kind::map) {
    return fail(
        at(document, "expected a map with 'release' for the deployment '" + name + "', got " + kind_of(document)));
  }
  for (const auto& [key, value] : document.members) {
    if (key == "release") {
      TRY(item.release, text_of(value, key));
      if (Result<release::ReleaseQuery> query = release::parse_release_query(item.release); !query) {
        return fail(at(value, query.error().message, query.error().hint));
      }
    } else if (key == "inputs") {
      TRY(item.inputs, inputs_of(value));
    } else {
      return fail(unknown_key(value, key, {"release", "inputs"}));
    }
  }
  if (item.release.empty()) {
    return fail(at(document, "the deployment '" + name + "' has no 'release'",
                   "Add for example: release: " + name + "-latest"));
  }
  return item;
}

/// `automatic`, `manual`, or a map with `policy` and `every`.
Result<state::ConvergePolicy> policy_of(const plan::Document& document) {
  state::ConvergePolicy policy;
  std::string word;
  if (document.kind == plan::Document::Kind::map) {
    for (const auto& [key, value] : document.members) {
      if (key == "policy") {
        TRY(word, text_of(value, key));
      } else if (key == "every") {
        TRY(const std::string every, text_of(value, key));
        Result<Millis> duration = parse_duration(every);
        if (!duration) return fail(at(value, duration.error().message, duration.error().hint));
        policy.every = duration.value();
      } else {
        return fail(unknown_key(value, key, {"policy", "every"}));
      }
    }
  } else {
    TRY(word, text_of(document, "converge"));
  }
  if (word != "automatic" && word != "manual") {
    return fail(at(document, "expected 'automatic' or 'manual' as the policy of 'converge', got '" + word + "'",
                   "For example: converge: {policy: automatic, every: 5m}"));
  }
  policy.is_automatic = word == "automatic";
  return policy;
}

Result<> read_deployments(const plan::Document& document, ApplyEnvironment& to) {
  if (document.kind == plan::Document::Kind::scalar && document.value.is_null()) return ok();
  if (document.kind != plan::Document::Kind::map) {
    return fail(at(document, "expected a map of deployments, got " + kind_of(document)));
  }
  for (const auto& [name, value] : document.members) {
    TRY(ApplyEnvironment::Item item, deployment_of(name, value));
    to.deployments.push_back(std::move(item));
  }
  return ok();
}

Result<ApplyEnvironment> read_environment(const plan::Document& document, const std::string& environment) {
  if (document.kind != plan::Document::Kind::map)
    return fail(at(document, "expected a map with 'deployments', got " + kind_of(document)));
  ApplyEnvironment apply{.environment = environment, .inputs = {}, .is_protected = {}, .deployments = {}};
  for (const auto& [key, value] : document.members) {
    if (key == "environment") {
      TRY(const std::string name, text_of(value, key));
      if (!environment.empty() && environment != name) {
        return fail(at(value, "the file is for the environment '" + name + "', but -e says '" + environment + "'"));
      }
      if (Result<> checked = release::check_environment_name(name); !checked)
        return fail(at(value, checked.error().message));
      apply.environment = name;
    } else if (key == "protected") {
      const bool* is_protected = value.value.as_bool();
      if (!is_protected) return fail(at(value, "expected true or false for 'protected', got " + kind_of(value)));
      apply.is_protected = *is_protected;
    } else if (key == "inputs") {
      TRY(Value::Object inputs, inputs_of(value));
      apply.inputs = std::move(inputs);
    } else if (key == "converge") {
      TRY(apply.converge, policy_of(value));
    } else if (key == "deployments") {
      TRYV(read_deployments(value, apply));
    } else {
      return fail(unknown_key(value, key, {"environment", "protected", "inputs", "converge", "deployments"}));
    }
  }
  return apply;
}

}  // namespace

Result<ApplyEnvironment> parse_apply_file(std::string_view text, const std::string& file,
                                          const std::string& environment) {
  Result<plan::Document> document = plan::parse_document(text);
  if (!document) return fail(std::move(document).error().in(file));
  Result<ApplyEnvironment> apply = read_environment(document.value(), environment);
  if (!apply) return fail(std::move(apply).error().in(file));
  if (apply.value().environment.empty()) {
    return fail(ErrorKind::usage, "The file '" + file + "' doesn't say for which environment it is.",
                "Add a line `environment: NAME` or give -e NAME.");
  }
  TRYV(release::check_environment_name(apply.value().environment));
  return apply;
}

}  // namespace escape::cli
