#include "controller/http/reads.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "controller/http/views.h"
#include "controller/inventory/catalogue.h"
#include "shared/codec/domain.h"

namespace escape::http {
namespace {

using inventory::Catalogue;
using inventory::Index;
using release::ReleaseRecord;

release::ApplicationId application_of(const Route& route) { return {route.project, route.application}; }

Result<ReleaseRecord> resolve(const Route& route, const store::Reader& reader) {
  TRY(auto query, release::parse_version_query(route.version));
  return Index(reader).resolve({application_of(route), std::move(query)});
}

Result<Response> namespaces(const store::Reader& reader) {
  TRY(const auto all, Catalogue(reader).namespaces());
  Value::Object object;
  for (const inventory::Namespace& one : all) object.append(one.name, namespace_view(one));
  return json_response(object);
}

Result<Response> one_namespace(const Route& route, const store::Reader& reader) {
  TRY(const auto found, Catalogue(reader).find_namespace(route.project));
  if (!found) return fail(ErrorKind::not_found, "no such thing");
  TRY(const auto units, Catalogue(reader).units(route.project));
  Value::Object object = namespace_view(*found);
  object.set("units", units_view(units));
  return json_response(object);
}

Result<Response> units(const Route& route, const store::Reader& reader) {
  TRY(const auto found, Catalogue(reader).find_namespace(route.project));
  if (!found) return fail(ErrorKind::not_found, "no such thing");
  TRY(const auto units, Catalogue(reader).units(route.project));
  return json_response(units_view(units));
}

Result<Response> unit(const Route& route, const store::Reader& reader) {
  TRY(const auto found, Catalogue(reader).find_unit(application_of(route)));
  if (!found) return fail(ErrorKind::not_found, "no such thing");
  TRY(const auto versions, Index(reader).versions(application_of(route)));
  Value::Object object = unit_view(*found);
  object.set("versions", versions_view(versions));
  return json_response(object);
}

Result<Response> versions(const Route& route, const store::Reader& reader) {
  TRY(const auto found, Index(reader).versions(application_of(route)));
  if (found.empty()) return fail(ErrorKind::not_found, "no such thing");
  return json_response(versions_view(found));
}

Result<Response> tags(const Route& route, const store::Reader& reader) {
  TRY(const auto found, Index(reader).tags(application_of(route)));
  Value::Object object;
  for (const inventory::TaggedVersion& each : found) object.append(each.tag, each.version);
  return json_response(object);
}

Result<Response> next_version(const ReadRequest& request, const store::Reader& reader) {
  const auto prefix = request.target.query.find("prefix");
  TRY(std::string next, Index(reader).next_version(application_of(request.route),
                                                   prefix == request.target.query.end() ? "" : prefix->second));
  return text_response(200, std::move(next));
}

Response metadata_response(const ReleaseRecord& record, const Value& body) {
  return json_response(body).with("X-Escape-Sha256", record.sha256).with("X-Escape-Size", std::to_string(record.size));
}

Result<Response> version(const ReadRequest& request, const ReadContext& context) {
  TRY(const ReleaseRecord record, resolve(request.route, context.reader));
  const Value metadata = codec::metadata_to_value(record.metadata);
  const auto full = request.target.query.find("full");
  if (full == request.target.query.end() || full->second.empty()) return metadata_response(record, metadata);

  const Index index(context.reader);
  TRY(const auto entry, index.find(record.id));
  TRY(const auto all, index.versions(record.id.application));
  return metadata_response(
      record, Value::Object{{"release", metadata},
                            {"versions", versions_view(all)},
                            {"is_latest", !all.empty() && same_text(all.back(), record.id.version)},
                            {"downloads", (entry ? entry->downloads : 0) + context.downloads.waiting(record.id)},
                            {"uploaded_by", entry ? entry->uploaded_by : ""},
                            {"uploaded_at", time_view(entry ? entry->registered_at : Timestamp{})}});
}

Result<Response> previous(const Route& route, const store::Reader& reader) {
  TRY(const ReleaseRecord record, resolve(route, reader));
  const Index index(reader);
  TRY(auto before, index.previous(record.id));
  if (!before) return fail(ErrorKind::not_found, "no such thing");
  TRY(const ReleaseRecord found, index.resolve({record.id.application, release::Exact{std::move(*before)}}));
  return metadata_response(found, codec::metadata_to_value(found.metadata));
}

/// The version as it was asked for, without what would end the quoted file name.
std::string file_name(const Route& route) {
  std::string name = route.application + "-" + route.version + ".tgz";
  for (char& c : name) {
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ' || c == 0x7F) c = '_';
  }
  return name;
}

Result<Response> download(const ReadRequest& request, const ReadContext& context) {
  TRY(const ReleaseRecord record, resolve(request.route, context.reader));
  const std::string path = context.packages.path_of(record.sha256);
  Response response;
  response.file = io::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!response.file || ::fstat(response.file.get(), &status) != 0) {
    return fail(ErrorKind::internal,
                "the package '" + path + "' of " + to_string(record.id) + " cannot be read: " + std::strerror(errno));
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const std::string etag = '"' + record.sha256 + '"';
  response.headers = {{"Content-Disposition", "attachment; filename=\"" + file_name(request.route) + "\""},
                      {"Content-Type", "application/gzip"},
                      {"Accept-Ranges", "bytes"},
                      {"ETag", etag},
                      {"X-Escape-Sha256", record.sha256}};
  if (request.if_none_match == etag) {
    response.status = 304;
    response.file.reset();
    return response;
  }
  const bool is_other = !request.if_range.empty() && request.if_range != etag;
  const ByteRange range = parse_range(is_other ? "" : request.range, size);
  response.offset = range.offset;
  response.length = range.length;
  if (range.kind == ByteRange::Kind::unsatisfiable) {
    return empty_response(416).with("Content-Range", "bytes */" + std::to_string(size));
  }
  if (range.kind == ByteRange::Kind::part) {
    response.status = 206;
    response.headers.emplace_back("Content-Range", "bytes " + std::to_string(range.offset) + "-" +
                                                       std::to_string(range.offset + range.length - 1) + "/" +
                                                       std::to_string(size));
  }
  // A resumed download is the same download.
  if (request.method == "GET" && range.offset == 0) context.downloads.add(record.id);
  return response;
}

/// Whoever watches looks at the status; people read the sentence.
Response health(const ReadContext& context) {
  if (!context.trouble) return empty_response(200);
  return text_response(503, describe(*context.trouble) + "\n" + context.trouble->hint + "\n");
}

Result<Response> answer(const ReadRequest& request, const ReadContext& context) {
  const store::Reader& reader = context.reader;
  switch (request.route.name) {
    case RouteName::root:
      return text_response(200, "Escape Release Inventory v" ESCAPE_VERSION);
    case RouteName::health:
      return health(context);
    case RouteName::namespaces:
      return namespaces(reader);
    case RouteName::namespace_:
      return one_namespace(request.route, reader);
    case RouteName::units:
      return units(request.route, reader);
    case RouteName::unit:
      return unit(request.route, reader);
    case RouteName::versions:
      return versions(request.route, reader);
    case RouteName::list_tags:
      return tags(request.route, reader);
    case RouteName::next_version:
      return next_version(request, reader);
    case RouteName::version:
      return version(request, context);
    case RouteName::previous:
      return previous(request.route, reader);
    case RouteName::download:
      return download(request, context);
    default:
      return no_route();
  }
}

}  // namespace

Response answer_read(const ReadRequest& request, const ReadContext& context) {
  Result<Response> response = answer(request, context);
  return response ? std::move(response).value() : error_response(response.error());
}

}  // namespace escape::http
