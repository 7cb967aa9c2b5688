#include "controller/http/writes.h"

#include <algorithm>
#include <memory>

#include "controller/inventory/catalogue.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"

namespace escape::http {
namespace {

using inventory::Catalogue;
using inventory::Index;
using Writes = std::vector<store::Write>;

PlannedWrite planned(std::function<Result<Writes>(const store::Reader&)> decide, int status) {
  PlannedWrite write;
  write.job.decide = std::move(decide);
  write.answer = [status](const Result<>& done) {
    return done ? empty_response(status) : error_response(done.error());
  };
  return write;
}

Result<Value::Object> parse_object(std::string_view body) {
  Result<Value> value = codec::from_json(body);
  if (!value || !value.value().as_object()) return fail(ErrorKind::bad_data, "Invalid JSON");
  return std::move(*value.value().as_object());
}

Result<std::string> text_of(const Value::Object& object, std::string_view key) {
  const Value* value = object.find(key);
  if (!value || value->is_null()) return std::string();
  if (!value->as_string()) return fail(ErrorKind::bad_data, "Invalid JSON");
  return *value->as_string();
}

Result<inventory::Namespace> parse_namespace(std::string_view body) {
  TRY(const Value::Object object, parse_object(body));
  inventory::Namespace value;
  TRY(value.name, text_of(object, "name"));
  TRY(value.description, text_of(object, "description"));
  TRY(value.org_url, text_of(object, "org_url"));
  TRY(value.logo, text_of(object, "logo"));
  const Value* is_public = object.find("is_public");
  value.is_public = is_public && is_public->as_bool() && *is_public->as_bool();
  return value;
}

Result<PlannedWrite> add_namespace(std::string_view body) {
  TRY(auto value, parse_namespace(body));
  if (value.name.empty()) return fail(ErrorKind::bad_data, "Missing name");
  TRYV(release::check_project_name(value.name));
  return planned(
      [value = std::move(value)](const store::Reader& reader) { return Catalogue(reader).add_namespace(value); }, 200);
}

Result<PlannedWrite> put_namespace(const Route& route, std::string_view body) {
  TRY(auto value, parse_namespace(body));
  if (value.name != route.project) {
    return fail(ErrorKind::bad_data, "Namespace 'name' field doesn't correspond with URL");
  }
  return planned(
      [value = std::move(value)](const store::Reader& reader) { return Catalogue(reader).replace_namespace(value); },
      201);
}

/// The original's decoder spoke like this of what clients really send by mistake; the rest is our parser's.
std::string json_problem(std::string_view body, const Error& error) {
  const std::string_view text = trimmed(body);
  if (text.empty()) return "unexpected end of JSON input";
  if (std::string_view("{[\"-0123456789tfn").find(text.front()) == std::string_view::npos) {
    return "invalid character '" + std::string(1, text.front()) + "' looking for beginning of value";
  }
  return error.message;
}

Result<release::Metadata> parse_registration(const Route& route, std::string_view body) {
  Result<Value> value = codec::from_json(body);
  const std::string prefix = "Couldn't unmarshal JSON release metadata: ";
  if (!value) return fail(ErrorKind::bad_data, prefix + json_problem(body, value.error()));
  if (value.value().is_null()) return fail(ErrorKind::bad_data, "Missing release metadata");
  // Whoever leaves the project out means the one that the release is sent to.
  if (Value::Object* object = value.value().as_object()) {
    const Value* project = object->find("project");
    if (!project || project->is_null() || (project->as_string() && project->as_string()->empty())) {
      object->set("project", route.project);
    }
  }
  Result<release::Metadata> metadata = codec::metadata_from_value(value.value());
  if (!metadata) return fail(ErrorKind::bad_data, prefix + describe(metadata.error()));
  return metadata;
}

Result<PlannedWrite> register_release(const Route& route, std::string_view body, const std::string& principal,
                                      Timestamp now) {
  TRY(auto metadata, parse_registration(route, body));
  PlannedWrite write =
      planned([metadata = std::move(metadata), project = route.project, principal,
               now](const store::Reader& reader) { return Index(reader).add(metadata, project, principal, now); },
              200);
  write.answer = [](const Result<>& done) {
    if (done) return empty_response(200);
    // The client shows the text of a 400 only.
    if (done.error().kind == ErrorKind::conflict) return text_response(400, done.error().message);
    return error_response(done.error());
  };
  return write;
}

Result<PlannedWrite> reserve(const Route& route, const Target& target, std::string_view body, Timestamp now) {
  TRY(const Value::Object object, parse_object(body));
  TRY(auto holder, text_of(object, "holder"));
  const auto found = target.query.find("prefix");
  auto version = std::make_shared<std::string>();
  PlannedWrite write;
  write.job.decide = [application = release::ApplicationId{route.project, route.application},
                      prefix = found == target.query.end() ? "" : found->second, holder = std::move(holder), now,
                      version](const store::Reader& reader) -> Result<Writes> {
    TRY(auto reserved, Index(reader).reserve(application, prefix, holder, now));
    *version = std::move(reserved.first);
    return std::move(reserved.second);
  };
  write.answer = [version](const Result<>& done) {
    return done ? text_response(200, *version) : error_response(done.error());
  };
  return write;
}

Result<PlannedWrite> tag(const Route& route, std::string_view body, const std::string& principal) {
  TRY(const Value::Object object, parse_object(body));
  TRY(const std::string id, text_of(object, "release_id"));
  TRY(const std::string name, text_of(object, "tag"));
  if (id.empty()) return fail(ErrorKind::bad_data, "Invalid release format: ''.");
  TRY(const release::ReleaseQuery target, release::parse_release_query(id));
  const auto as_query = release::parse_version_query(name);
  if (!as_query || !std::holds_alternative<release::Tag>(as_query.value())) {
    return fail(ErrorKind::bad_data, "The tag '" + name + "' is invalid/not supported.");
  }
  if (target.application.project != route.project) {
    return fail(ErrorKind::bad_data, "Mismatch between namespace from URL and namespace from release_id.");
  }
  if (target.application.name != route.application) {
    return fail(ErrorKind::bad_data, "Mismatch between application from URL and application from release_id.");
  }
  auto change = std::make_shared<TagChange>(TagChange{target.application, name, {}, {}, principal});
  PlannedWrite write;
  write.job.tagged = change;
  write.job.decide = [target, name, change](const store::Reader& reader) -> Result<Writes> {
    TRY(Writes writes, Index(reader).tag(target, name));
    TRY(inventory::TagMove move, Index(reader).move_of(target, name));
    change->from = std::move(move.from);
    change->to = std::move(move.to);
    return writes;
  };
  write.answer = [change](const Result<>& done) {
    if (!done) return error_response(done.error());
    Response response = empty_response(200).with("X-Escape-Tag-To", change->to);
    return change->from.empty() ? std::move(response) : std::move(response).with("X-Escape-Tag-From", change->from);
  };
  return write;
}

Result<PlannedWrite> remove_tag(const Route& route, const Target& target, const std::string& principal) {
  const auto tag = target.query.find("tag");
  if (tag == target.query.end()) return fail(ErrorKind::bad_data, "Missing tag");
  const release::ApplicationId application{route.project, route.application};
  auto change = std::make_shared<TagChange>(TagChange{application, tag->second, {}, {}, principal});
  PlannedWrite write = planned(
      [application, change](const store::Reader& reader) -> Result<Writes> {
        TRY(Writes writes, Index(reader).remove_tag(application, change->tag));
        TRY(const std::vector<inventory::TaggedVersion> tags, Index(reader).tags(application));
        const auto there = std::ranges::find(tags, change->tag, &inventory::TaggedVersion::tag);
        if (there != tags.end()) change->from = there->version;
        return writes;
      },
      200);
  write.job.tagged = change;
  return write;
}

}  // namespace

Result<PlannedWrite> plan_write(const Route& route, const Target& target, std::string_view body,
                                const std::string& principal, Timestamp now) {
  switch (route.name) {
    case RouteName::add_namespace:
      return add_namespace(body);
    case RouteName::put_namespace:
      return put_namespace(route, body);
    case RouteName::register_release:
      return register_release(route, body, principal, now);
    case RouteName::reserve:
      return reserve(route, target, body, now);
    case RouteName::tags:
      return tag(route, body, principal);
    case RouteName::remove_tag:
      return remove_tag(route, target, principal);
    default:
      return fail(ErrorKind::internal, "not a writing route");
  }
}

Result<release::ReleaseId> release_of_upload(const Route& route) {
  TRY(auto query, release::parse_release_query(route.project + "/" + route.application + "-" + route.version));
  auto* exact = std::get_if<release::Exact>(&query.version);
  if (!exact) {
    return fail(ErrorKind::bad_data, "Can't upload package against unresolved version '" + to_string(query) + "'");
  }
  return release::ReleaseId{std::move(query.application), std::move(exact->version)};
}

PlannedWrite plan_completion(const inventory::Entry& entry, const release::ReleaseId& id,
                             const inventory::PackageFolder::Upload::Stored& stored, const std::string& principal) {
  PlannedWrite write = planned(
      [id, stored](const store::Reader& reader) { return Index(reader).complete(id, stored.sha256, stored.size); },
      200);
  write.job.published = Published{{id, stored.sha256, stored.size, entry.metadata}, principal};
  return write;
}

}  // namespace escape::http
