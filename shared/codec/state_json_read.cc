#include <algorithm>

#include "shared/codec/domain.h"
#include "shared/codec/members.h"

namespace escape::codec {
namespace {

using Deployments = std::map<std::string, state::Deployment>;

/// Beyond these nobody reads on.
constexpr std::size_t max_remarks = 100;
constexpr std::size_t max_named = 80;

std::string in_quotes(std::string_view name) {
  const bool is_long = name.size() > max_named;
  return "'" + std::string(name.substr(0, max_named)) + (is_long ? "…'" : "'");
}

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

Result<> check_state_project(std::string_view name) {
  const bool is_allowed = name.size() >= 2 && is_letter_or_digit(name.front()) && std::ranges::all_of(name, [](char c) {
                            return is_letter_or_digit(c) || c == '-' || c == '_';
                          });
  if (is_allowed) return ok();
  return fail(ErrorKind::bad_data, "The project name " + in_quotes(name) +
                                       " is not allowed. Expected a string matching /^[a-zA-Z0-9]+[a-zA-Z0-9-_]+$/");
}

/// "project/name"; without project, as the original takes a deployment's name for it, that is "_".
Result<std::string> application_from(std::string_view text) {
  const std::size_t slash = text.find('/');
  const bool has_project = slash != std::string_view::npos;
  release::ApplicationId id{has_project ? std::string(text.substr(0, slash)) : "_",
                            std::string(has_project ? text.substr(slash + 1) : text)};
  TRYV(release::check_project_name(id.project));
  TRYV(release::check_package_name(id.name));
  return to_string(id);
}

/// The last moment that is written with four digits of year.
constexpr Timestamp last_moment{253'402'300'799'999'999};

/// Moments before 1970 are the original's zero time.
Result<Timestamp> time_from(const std::string& text) {
  if (text.empty()) return Timestamp{};
  TRY(const Timestamp when, parse_rfc3339(text));
  if (when > last_moment) return fail(ErrorKind::bad_data, "a moment is after the year 9999");
  return when.micros > 0 ? when : Timestamp{};
}

Result<Value::Object> object_from(const Value& value) {
  if (const Value::Object* object = value.as_object()) return *object;
  return fail(detail::wrong_type("object", value));
}

/// A stage without status has run when it has a version.
Result<state::Status> status_from(const Value* value, bool has_version) {
  state::Status status;
  status.code = has_version ? state::StatusCode::ok : state::StatusCode::empty;
  if (!value) return status;
  TRY(const Value::Object object, object_from(*value));
  std::string code, updated_at, try_again_at;
  Members members(object);
  members.take("status", code);
  members.take("updated_at", updated_at);
  members.take("updated_by", status.updated_by);
  members.take("data", status.data);
  members.take("try_again_at", try_again_at);
  members.take("tried", status.tried);
  TRYV(members.finish());
  if (!code.empty()) {
    const Result<state::StatusCode> known = state::parse_status_code(code);
    if (!known) return fail(ErrorKind::bad_data, in_quotes(code) + " is not a status code");
    status.code = known.value();
  }
  TRY(status.updated_at, time_from(updated_at));
  TRY(status.try_again_at, time_from(try_again_at));
  if (status.tried < 0) return fail(ErrorKind::bad_data, "'tried' is below zero");
  return status;
}

void drop_bookkeeping(Value::Object& values) {
  Value::Object kept;
  for (auto& [id, value] : values) {
    if (!id.starts_with("METADATA_") && !id.starts_with("PREVIOUS_")) kept.append(std::move(id), std::move(value));
  }
  values = std::move(kept);
}

Result<state::StageRecord> stage_from(const Value::Object& object) {
  state::StageRecord stage;
  Members members(object);
  members.take("inputs", stage.inputs);
  members.take("calculated_inputs", stage.calculated_inputs);
  members.take("calculated_outputs", stage.calculated_outputs);
  members.take("providers", stage.providers);
  members.take("provides", stage.provides);
  members.take("version", stage.release.version);
  const Value* status = members.find("status");
  TRYV(members.finish());
  if (!stage.release.version.empty()) {
    TRYV(release::Version::parse(stage.release.version));
  }
  Result<state::Status> read = status_from(status, !stage.release.version.empty());
  if (!read) return fail(std::move(read).error().in("status"));
  stage.status = std::move(read).value();
  drop_bookkeeping(stage.calculated_inputs);
  return stage;
}

class Reader {
 public:
  Result<ProjectState> project(const Value& value) {
    TRY(const Value::Object object, object_from(value));
    const Value* environments = nullptr;
    {
      Members members(object);
      members.take("name", read_.name);
      environments = members.find("environments");
      TRYV(members.finish());
    }
    TRYV(check_state_project(read_.name));
    if (environments) {
      TRYV(each(environments, "environments", [&](const std::string& name, const Value::Object& environment) {
        return take_environment(name, environment);
      }));
    }
    std::ranges::sort(read_.environments, {}, [](const auto& one) { return one.environment.name; });
    if (left_unsaid_ != 0) read_.remarks.push_back("… and " + std::to_string(left_unsaid_) + " more such remarks.");
    return std::move(read_);
  }

 private:
  void remark(std::string text) {
    if (read_.remarks.size() < max_remarks) return read_.remarks.push_back(std::move(text));
    ++left_unsaid_;
  }

  /// Each member of a map of objects. Errors say which; `null` is no object, where the original would crash.
  template <class Take>
  Result<> each(const Value* map, const char* key, Take take) {
    const Value::Object* object = map->as_object();
    if (!object) return fail(detail::wrong_type("object", *map).in(key));
    for (const auto& [name, value] : *object) {
      if (!value.as_object()) return fail(detail::wrong_type("object", value).in(in_quotes(name)).in(key));
      if (Result<> taken = take(name, *value.as_object()); !taken) {
        return fail(std::move(taken).error().in(in_quotes(name)).in(key));
      }
    }
    return ok();
  }

  Result<> take_environment(const std::string& name, const Value::Object& object) {
    TRYV(release::check_environment_name(name));
    state::EnvironmentState whole{{.name = name}, {}};
    Members members(object);
    members.take("inputs", whole.environment.inputs);
    const Value* deployments = members.find("deployments");
    TRYV(members.finish());
    if (deployments) {
      TRYV(each(deployments, "deployments", [&](const std::string& deployment, const Value::Object& from) {
        return take_root(whole, deployment, from);
      }));
    }
    read_.environments.push_back(std::move(whole));
    return ok();
  }

  /// What a deployment's object says besides its stages, and these.
  struct Opened {
    state::Deployment row;
    const Value* stages = nullptr;
  };
  Result<Opened> open(const std::string& environment, const std::string& path, const std::string& name,
                      const Value::Object& object) {
    TRYV(release::check_deployment_name(name));
    if (++deployments_ > max_state_deployments) {
      return fail(ErrorKind::bad_data,
                  "the state holds more than " + std::to_string(max_state_deployments) + " deployments");
    }
    Opened opened{{.environment = environment, .name = path, .release = name}, nullptr};
    Members members(object);
    members.take("release", opened.row.release);
    members.take("inputs", opened.row.inputs);
    opened.stages = members.find("stages");
    TRYV(members.finish());
    if (opened.row.release.empty()) opened.row.release = name;
    Result<std::string> application = application_from(opened.row.release);
    if (!application) return fail(std::move(application).error().in("release"));
    opened.row.release = std::move(application).value();
    return opened;
  }

  Result<> take_root(state::EnvironmentState& whole, const std::string& name, const Value::Object& object) {
    TRY(Opened opened, open(whole.environment.name, name, name, object));
    whole.deployments[name] = std::move(opened.row);
    if (!opened.stages) return ok();
    const Value::Object* stages = opened.stages->as_object();
    if (!stages) return fail(detail::wrong_type("object", *opened.stages).in("stages"));
    for (const auto& [stage, value] : stages->sorted()) {  // build before deploy
      if (stage != "build" && stage != "deploy") {
        remark("The stage " + in_quotes(stage) + " of " + name + " in " + whole.environment.name +
               " is neither 'build' nor 'deploy' and is left out.");
        continue;
      }
      if (value.is_null()) continue;
      if (Result<> taken = take_stage(whole, name, stage, value, 1); !taken) {
        return fail(std::move(taken).error().in(stage).in("stages"));
      }
    }
    return ok();
  }

  /// `stage`: which of its stages the deployment at the root means.
  Result<> take_stage(state::EnvironmentState& whole, const std::string& path, const std::string& stage,
                      const Value& value, std::size_t depth) {
    const Value::Object* object = value.as_object();
    if (!object) return fail(detail::wrong_type("object", value));
    TRY(whole.deployments.at(path).stages[stage], stage_from(*object));
    const Value* below = object->find("deployments");
    if (!below || below->is_null()) return ok();
    if (depth >= max_state_depth) {
      return fail(ErrorKind::bad_data,
                  "deployments stand below each other in more than " + std::to_string(max_state_depth) + " levels");
    }
    return each(below, "deployments", [&](const std::string& name, const Value::Object& from) {
      return take_below(whole, path, name, stage, from, depth);
    });
  }

  Result<> take_below(state::EnvironmentState& whole, const std::string& parent, const std::string& name,
                      const std::string& stage, const Value::Object& object, std::size_t depth) {
    TRY(Opened opened, open(whole.environment.name, parent + ":" + name, name, object));
    const Value::Object* stages = opened.stages ? opened.stages->as_object() : nullptr;
    if (opened.stages && !stages) return fail(detail::wrong_type("object", *opened.stages).in("stages"));
    const Value* deploy = stages ? stages->find("deploy") : nullptr;
    if (!deploy || deploy->is_null()) return ok();  // nothing was ever brought up there
    const std::string path = opened.row.name;
    auto known = whole.deployments.find(path);
    if (known != whole.deployments.end() && known->second.release != opened.row.release) {
      remark(path + " in " + whole.environment.name + " was built with " + known->second.release +
             " and deployed with " + opened.row.release + ": what was built is left out.");
      remove_from(whole.deployments, path);
      known = whole.deployments.end();
    }
    if (known == whole.deployments.end()) {
      whole.deployments[path] = std::move(opened.row);
    } else if (!opened.row.inputs.empty()) {
      known->second.inputs = std::move(opened.row.inputs);
    }
    if (Result<> taken = take_stage(whole, path, stage, *deploy, depth + 1); !taken) {
      return fail(std::move(taken).error().in("deploy").in("stages"));
    }
    return ok();
  }

  static void remove_from(Deployments& deployments, const std::string& path) {
    std::erase_if(deployments, [&](const auto& row) { return row.first == path || row.first.starts_with(path + ":"); });
  }

  ProjectState read_;
  std::size_t deployments_ = 0;
  std::size_t left_unsaid_ = 0;
};

}  // namespace

Result<ProjectState> project_from_state_json(const Value& value) { return Reader().project(value); }

}  // namespace escape::codec
