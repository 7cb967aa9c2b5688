#include "shared/io/http_client.h"

#include <algorithm>
#include <cstdlib>

#include "controller/inventory/http_errors.h"
#include "controller/inventory/inventory.h"
#include "shared/base/text.h"
#include "shared/codec/codec.h"
#include "shared/codec/domain.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"

/// The one file of this folder that needs libcurl (target escape_inventory_client), so that programs without HTTP stay
/// light.
namespace escape::inventory {
namespace {

using release::ApplicationId;
using release::ReleaseQuery;

std::string without_final_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

class HttpInventory : public Client {
 public:
  explicit HttpInventory(HttpOptions options) : options_(std::move(options)) {
    options_.url = without_final_slash(std::move(options_.url));
  }

  Result<std::vector<std::string>> projects() override {
    TRY(const io::HttpResponse response, get("", {"Couldn't list projects", Missing::other}));
    return keys_of(response, "Couldn't list projects");
  }

  Result<std::vector<std::string>> applications(std::string_view project) override {
    const std::string what = "Couldn't list applications for project '" + std::string(project) + "'";
    TRY(const io::HttpResponse response,
        get(in_project(project) + "units/", {what, Missing::project, {std::string(project), ""}}));
    return keys_of(response, what);
  }

  Result<std::vector<release::Version>> versions(const ApplicationId& application) override {
    const std::string what =
        "Couldn't list versions for application '" + application.name + "' in project '" + application.project + "'";
    TRY(const io::HttpResponse response, get(in_application(application), {what, Missing::application, application}));
    TRY(const Value value, parse(response, what));
    const Value* list = value.as_object() ? value.as_object()->find("versions") : nullptr;
    if (!list || !list->as_list()) return fail(not_understood(what));
    std::vector<release::Version> found;
    for (const Value& one : *list->as_list()) {
      if (!one.as_string()) return fail(not_understood(what));
      // The original lets versions in that nobody can ask for (numbers beyond 64 bits).
      if (auto version = release::Version::parse(*one.as_string())) found.push_back(std::move(version).value());
    }
    std::ranges::stable_sort(found, [](const auto& a, const auto& b) { return a < b; });
    return found;
  }

  Result<release::ReleaseRecord> resolve(const ReleaseQuery& query) override {
    const std::string what = "Couldn't get release metadata for '" + shown(query) + "'";
    TRY(const io::HttpResponse response,
        get(in_application(query.application) + "versions/" + percent_encoded(to_string(query.version)) + "/",
            {what, Missing::release, query.application, shown(query)}));
    Result<release::Metadata> metadata = codec::parse_release_json(response.body);
    if (!metadata) return fail(std::move(metadata).error().in(what));
    TRY(release::Version version, release::Version::parse(metadata.value().version));
    release::ReleaseRecord record{{query.application, std::move(version)},
                                  std::string(response.header("x-escape-sha256")),
                                  0,
                                  std::move(metadata).value()};
    const std::string size(response.header("x-escape-size"));
    if (!size.empty()) record.size = std::strtoull(size.c_str(), nullptr, 10);
    return record;
  }

  Result<std::string> next_version(const ApplicationId& application, std::string_view prefix) override {
    TRY(const io::HttpResponse response,
        get(in_application(application) + "next-version?prefix=" + percent_encoded(prefix),
            next_version_of(application)));
    return std::string(trimmed(response.body));
  }

  Result<std::string> reserve(const ApplicationId& application, std::string_view prefix,
                              std::string_view holder) override {
    const Asked asked = next_version_of(application);
    io::HttpRequest request = make("POST", in_application(application) + "reserve?prefix=" + percent_encoded(prefix));
    request.body = codec::to_json(Value::Object{{"holder", holder}});
    TRY(const io::HttpResponse response, send(request, asked));
    if (response.status == 404) return next_version(application, prefix);  // the original cannot reserve
    if (response.status != 200) return fail(error_of(asked, response.status, response.body));
    return std::string(trimmed(response.body));
  }

  Result<> publish(const release::Metadata& metadata, const std::string& package_file) override {
    TRY(const release::ReleaseId id, release_id_of(metadata));
    Result<> registered = register_release(id, metadata);
    if (!registered) {
      const bool is_there = registered.error().kind == ErrorKind::conflict;
      if (is_there && holds_the_same(id, package_file)) return ok();
      // A try of ours that was cut off between register and upload: the original knows the release but has no package.
      return registered;
    }
    return upload(id, package_file);
  }

  Result<TagMove> tag(const ReleaseQuery& target, std::string_view tag) override {
    const Asked asked{"Couldn't tag '" + to_string(target) + "' with '" + std::string(tag) + "'", Missing::other};
    io::HttpRequest request = make("POST", in_application(target.application) + "tags/");
    request.body = codec::to_json(Value::Object{{"release_id", to_string(target)}, {"tag", tag}});
    TRY(const io::HttpResponse response, send(request, asked));
    if (response.status != 200) return fail(error_of(asked, response.status, response.body));
    return TagMove{std::string(response.header("x-escape-tag-from")), std::string(response.header("x-escape-tag-to"))};
  }

  Result<std::vector<TaggedVersion>> tags(const ApplicationId& application) override {
    const std::string what = "Couldn't list the tags of '" + to_string(application) + "'";
    TRY(const io::HttpResponse response,
        send(make("GET", in_application(application) + "tags/"), {what, Missing::application, application}));
    if (is_no_route(response)) return fail(cannot_do(what));
    if (response.status != 200) {
      return fail(error_of({what, Missing::application, application}, response.status, response.body));
    }
    TRY(const Value value, parse(response, what));
    if (!value.as_object()) return fail(not_understood(what));
    std::vector<TaggedVersion> tags;
    for (const auto& [tag, version] : *value.as_object()) {
      if (!version.as_string()) return fail(not_understood(what));
      tags.push_back({tag, *version.as_string()});
    }
    return tags;
  }

  Result<> remove_tag(const ApplicationId& application, std::string_view tag) override {
    const std::string what = "Couldn't remove the tag '" + std::string(tag) + "' of '" + to_string(application) + "'";
    const Asked asked{what, Missing::other};
    TRY(const io::HttpResponse response,
        send(make("DELETE", in_application(application) + "tags/?tag=" + percent_encoded(tag)), asked));
    if (is_no_route(response)) return fail(cannot_do(what));
    if (response.status == 404) {
      return fail(ErrorKind::not_found,
                  what + ", because there is no such tag in the Inventory at '" + options_.url + "/'.",
                  "`escape inventory query -p " + application.project + " -a " + application.name +
                      " --tags` lists the tags that there are.");
    }
    if (response.status != 200) return fail(error_of(asked, response.status, response.body));
    return ok();
  }

  std::string package_path(const release::ReleaseRecord& record) override {
    return std::string(api) + in_application(record.id.application) + "versions/v" + record.id.version.text() +
           "/download";
  }
  Result<std::string> package_file(const release::ReleaseRecord& record, const std::string& cache) override {
    const std::string id = to_string(record.id);
    // Without a digest only the server can say what the package is today.
    std::string name = record.sha256.empty() ? io::sha256_of(options_.url + " " + id) : record.sha256;
    std::string file = io::join_path(cache, name + ".tgz");
    if (!record.sha256.empty() && io::exists(file) && check_digest(file, record)) return file;
    TRYV(io::make_folders(cache, 0700));
    const std::string part = io::temporary_sibling(file);
    const auto fetch = [&]() -> Result<> {
      TRYV(io::download({.url = options_.url + package_path(record),
                         .file = part,
                         .token = options_.token,
                         .user = options_.user,
                         .password = options_.password,
                         .insecure_skip_verify = options_.insecure_skip_verify,
                         .expected_size = record.size}));
      TRYV(check_digest(part, record));
      return io::rename(part, file);
    };
    if (Result<> fetched = fetch(); !fetched) {
      (void)io::remove_all(part);
      return fail(std::move(fetched).error().in("Couldn't download the package of '" + id + "'"));
    }
    return file;
  }
  std::string base_url() override { return options_.url; }

 private:
  static constexpr std::string_view api = "/api/v1/inventory/";

  static std::string in_project(std::string_view project) { return percent_encoded(project) + "/"; }
  static std::string in_application(const ApplicationId& application) {
    return in_project(application.project) + "units/" + percent_encoded(application.name) + "/";
  }
  /// Messages leave the default project out.
  static std::string shown(const ReleaseQuery& query) {
    const std::string text = to_string(query);
    return text.starts_with("_/") ? text.substr(2) : text;
  }
  static Asked next_version_of(const ApplicationId& application) {
    const std::string name = application.project == "_" ? application.name : to_string(application);
    return {"Couldn't resolve next version for '" + name + "'", Missing::other, application, name};
  }

  Result<> register_release(const release::ReleaseId& id, const release::Metadata& metadata) {
    const Asked asked{"Couldn't register release '" + to_string(id) + "'", Missing::project, id.application};
    io::HttpRequest request = make("POST", in_project(id.application.project) + "register");
    request.body = codec::to_json(codec::metadata_to_value(metadata));
    return send_for_success(request, asked);
  }

  Result<> upload(const release::ReleaseId& id, const std::string& package_file) {
    const Asked asked{"Couldn't upload release '" + to_string(id) + "'", Missing::project, id.application};
    io::HttpRequest request =
        make("POST", in_application(id.application) + "versions/v" + id.version.text() + "/upload");
    std::erase_if(request.headers, [](const auto& header) { return header.first == "Content-Type"; });
    request.upload_file = package_file;
    return send_for_success(request, asked);
  }

  /// Whether an earlier try of ours got through although its answer was lost.
  bool holds_the_same(const release::ReleaseId& id, const std::string& package_file) {
    const auto there = resolve({id.application, release::Exact{id.version}});
    const auto digest = io::sha256_of_file(package_file);
    return there && digest && there.value().sha256 == digest.value();
  }

  io::HttpRequest make(std::string method, const std::string& path) const {
    io::HttpRequest request;
    request.method = std::move(method);
    request.url = options_.url + std::string(api) + path;
    request.headers = {{"X-Escape-Token", options_.token}, {"Content-Type", "application/json"}};
    request.user = options_.user;
    request.password = options_.password;
    request.insecure_skip_verify = options_.insecure_skip_verify;
    return request;
  }

  Result<io::HttpResponse> send(const io::HttpRequest& request, const Asked& asked) const {
    Result<io::HttpResponse> response = io::http(request);
    if (response) return response;
    return fail(unreachable(asked, options_.url, std::move(response).error()));
  }
  Result<> send_for_success(const io::HttpRequest& request, const Asked& asked) const {
    TRY(const io::HttpResponse response, send(request, asked));
    if (response.status != 200) return fail(error_of(asked, response.status, response.body));
    return ok();
  }
  Result<io::HttpResponse> get(const std::string& path, const Asked& asked) const {
    TRY(io::HttpResponse response, send(make("GET", path), asked));
    if (response.status != 200) return fail(error_of(asked, response.status, response.body));
    return response;
  }
  Error error_of(const Asked& asked, int status, std::string_view body) const {
    return http_error(asked, options_.url, status, body);
  }

  /// The router's answer, which is not that of a route that found nothing.
  static bool is_no_route(const io::HttpResponse& response) {
    return response.status == 404 && trimmed(response.body) == "404 page not found";
  }
  Error cannot_do(const std::string& what) const {
    return {ErrorKind::refused, what + ", because the Inventory at '" + options_.url + "/' can't do that.",
            "It is the original's, or an older one of ours."};
  }
  Error not_understood(const std::string& what) const {
    return {ErrorKind::bad_data, what + ", because the answer of '" + options_.url + "' is not that of an inventory",
            "Check the address of the inventory: `escape config profile`."};
  }
  Result<Value> parse(const io::HttpResponse& response, const std::string& what) const {
    Result<Value> value = codec::from_json(response.body);
    if (!value) return fail(not_understood(what));
    return value;
  }
  Result<std::vector<std::string>> keys_of(const io::HttpResponse& response, const std::string& what) const {
    TRY(const Value value, parse(response, what));
    if (!value.as_object()) return fail(not_understood(what));
    std::vector<std::string> names;
    for (const auto& [key, one] : *value.as_object()) names.push_back(key);
    return names;
  }

  HttpOptions options_;
};

}  // namespace

std::unique_ptr<Client> connect_http(HttpOptions options) {
  return std::make_unique<HttpInventory>(std::move(options));
}

}  // namespace escape::inventory
