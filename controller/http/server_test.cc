#include <regex>
#include <set>

#include "controller/http/running_server_for_tests.h"

namespace escape::http {
namespace server_test {

using namespace http::testing;
using inventory::testing::make_package;
using inventory::testing::metadata;
using inventory::testing::query;

const std::string api = "/api/v1/inventory";

std::string without_dates(std::string text) {
  return std::regex_replace(text, std::regex("\"uploaded_at\":\"[^\"]*\""), "\"uploaded_at\":\"T\"");
}

TEST(Bodies, OfAllRequestsTogetherAreBounded) {
  RunningServer server([](ServerOptions& options) { options.max_bodies = 100'000; });
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(server.send("POST", api + "/_/register", std::string(200'000, ' ')).status, 503);
    EXPECT_EQ(server.send("POST", api + "/_/register", std::string(40'000, ' ')).status, 400) << "given back each time";
  }
  const int slow = server.connect();
  const std::string begun =
      "POST " + api + "/_/register HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n" + std::string(80'000, ' ');
  ASSERT_EQ(::send(slow, begun.data(), begun.size(), MSG_NOSIGNAL), static_cast<ssize_t>(begun.size()));
  const auto is_held = [&] { return server.send("POST", api + "/_/register", std::string(60'000, ' ')).status == 503; };
  const Instant deadline = read_clocks().steady + Micros{20'000'000};
  bool was_held = false;
  while (!was_held && read_clocks().steady < deadline) was_held = is_held();
  EXPECT_TRUE(was_held) << "what a slow sender has sent so far counts";
  ::close(slow);
  bool is_free = false;
  while (!is_free && read_clocks().steady < deadline) is_free = !is_held();
  EXPECT_TRUE(is_free);
}

/// What the original's client sends and gets (captures 01 to 04).
TEST(Captures, ReleaseQueryTagAndDuplicate) {
  RunningServer server;
  const io::HttpResponse login = server.get("/api/v1/auth/login-methods");
  EXPECT_EQ(login.status, 404);
  EXPECT_EQ(login.body, "404 page not found\n");
  EXPECT_EQ(login.header("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(login.header("x-content-type-options"), "nosniff");
  EXPECT_EQ(server.get("/").body, "Escape Release Inventory v" ESCAPE_VERSION);
  EXPECT_EQ(server.get(api + "/").body, "{}\n");
  EXPECT_EQ(server.get(api + "/_/units/my-app/next-version?prefix=0.0.").body, "0.0.0");

  server.publish("_/my-app-v0.0.0");
  const io::HttpResponse next = server.get(api + "/_/units/my-app/next-version?prefix=0.0.");
  EXPECT_EQ(next.body, "0.0.1");
  EXPECT_EQ(next.header("content-type"), "text/plain; charset=utf-8");

  const std::string sent =
      R"({"api_version":15,"built_with_core_version":"0.15.7","built_with_escape_version":"0.28.1","description":"An app","files":{"README.md":"764efa883dda1e11db47671c4a3bbd9e","sub/build.sh":"2fff17a635544d0411316710987a2f5f"},"license":"","logo":"UE5HREFUQQ==","name":"my-app","repository":"","branch":"","git_revision":"","revision_message":"","revision_author":"","metadata":{},"version":"0.0.1","generates":[],"consumes":[],"downloads":null,"depends":[],"errands":{},"extends":[],"inputs":[{"id":"greeting","type":"string","default":"hello","visible":true,"items":null,"eval_before_dependencies":true,"scopes":["build","deploy"]},{"id":"count","type":"integer","default":3,"visible":true,"items":null,"eval_before_dependencies":true,"scopes":["build","deploy"]}],"outputs":[],"project":"_","provides":[{"name":"my-iface"}],"stages":{"build":{"script":"sub/build.sh"}},"templates":[],"variable_context":{}})";
  const io::HttpResponse registered = server.send("POST", api + "/_/register", sent);
  EXPECT_EQ(registered.status, 200);
  EXPECT_EQ(registered.body, "");
  EXPECT_EQ(server.get(api + "/_/units/my-app/versions/v0.0.1/").status, 404) << "visible only with its package";
  const std::string package = make_package(server.scratch(), codec::parse_release_json(sent).value());
  EXPECT_EQ(server.upload(api + "/_/units/my-app/versions/v0.0.1/upload", package).status, 200);

  const io::HttpResponse projects = server.get(api + "/");
  EXPECT_EQ(projects.header("content-type"), "application/json");
  EXPECT_EQ(projects.body,
            "{\"_\":{\"name\":\"_\",\"description\":\"\",\"org_url\":\"\",\"logo\":\"\",\"permission\":\"admin\",\"is_"
            "public\":false}}\n");
  const std::string unit =
      R"({"name":"my-app","project":"_","description":"An app","latest_version":"0.0.1","logo":"UE5HREFUQQ==","uploaded_by":"","uploaded_at":"T","hooks":null)";
  EXPECT_EQ(without_dates(server.get(api + "/_/units/").body), "{\"my-app\":" + unit + "}}\n");
  EXPECT_EQ(without_dates(server.get(api + "/_/units/my-app/").body), unit + ",\"versions\":[\"0.0.0\",\"0.0.1\"]}\n");
  const io::HttpResponse latest = server.get(api + "/_/units/my-app/versions/latest/");
  EXPECT_EQ(latest.body, sent + "\n");
  EXPECT_EQ(latest.header("x-escape-sha256"), io::sha256_of_file(package).value());
  EXPECT_EQ(latest.header("x-escape-size"), std::to_string(io::file_size(package).value()));
  for (const char* missing : {"/nope/units/", "/_/units/my-app/versions/v9.9/", "/_/units/nope/", "/nope/"}) {
    const io::HttpResponse response = server.get(api + missing);
    EXPECT_EQ(response.status, 404) << missing;
    EXPECT_EQ(response.body, "") << missing;
    EXPECT_EQ(response.header("content-length"), "0") << missing;
  }

  const auto tag = [&](const char* body) { return server.send("POST", api + "/_/units/my-app/tags/", body); };
  EXPECT_EQ(tag(R"({"release_id":"_/my-app-latest","tag":"stable"})").status, 200);
  EXPECT_EQ(tag(R"({"release_id":"_/my-app-v0.0.0","tag":"old"})").status, 200);
  EXPECT_EQ(tag(R"({"release_id":"_/my-app-v9","tag":"x"})").status, 404);
  EXPECT_EQ(tag("nope").body, "Invalid JSON");
  EXPECT_EQ(tag("{}").body, "Invalid release format: ''.");
  EXPECT_EQ(tag(R"({"release_id":"my-app-latest","tag":"latest"})").body, "The tag 'latest' is invalid/not supported.");
  EXPECT_EQ(tag(R"({"release_id":"ns/my-app-latest","tag":"x"})").body,
            "Mismatch between namespace from URL and namespace from release_id.");
  EXPECT_EQ(tag(R"({"release_id":"other-latest","tag":"x"})").body,
            "Mismatch between application from URL and application from release_id.");
  EXPECT_NE(server.get(api + "/_/units/my-app/versions/old/").body.find("\"version\":\"0.0.0\""), std::string::npos);

  // Ours: what a tag pointed to before, the list, removal.
  const io::HttpResponse moved = tag(R"({"release_id":"_/my-app:stable","tag":"old"})");
  EXPECT_EQ(moved.status, 200);
  EXPECT_EQ(moved.body, "");
  EXPECT_EQ(moved.header("x-escape-tag-from"), "0.0.0");
  EXPECT_EQ(moved.header("x-escape-tag-to"), "0.0.1");
  EXPECT_EQ(server.get(api + "/_/units/my-app/tags/").body, "{\"old\":\"0.0.1\",\"stable\":\"0.0.1\"}\n");
  EXPECT_EQ(server.get(api + "/_/units/nope/tags/").status, 404);
  EXPECT_EQ(server.send("DELETE", api + "/_/units/my-app/tags/").body, "Missing tag");
  EXPECT_EQ(server.send("DELETE", api + "/_/units/my-app/tags/?tag=old").status, 200);
  EXPECT_EQ(server.send("DELETE", api + "/_/units/my-app/tags/?tag=old").status, 404);
  EXPECT_EQ(server.get(api + "/_/units/my-app/tags/").body, "{\"stable\":\"0.0.1\"}\n");

  const io::HttpResponse download = server.get(api + "/_/units/my-app/versions/v0.0.1/download");
  EXPECT_EQ(download.status, 200);
  EXPECT_EQ(download.body, io::read_file(package).value());
  EXPECT_EQ(download.header("content-disposition"), "attachment; filename=\"my-app-v0.0.1.tgz\"");
  EXPECT_EQ(download.header("content-type"), "application/gzip");

  const io::HttpResponse again = server.send("POST", api + "/_/register", sent);
  EXPECT_EQ(again.status, 400);
  EXPECT_EQ(again.body, "Release my-app-v0.0.1 already exists");
  ASSERT_EQ(server.published().size(), 2U);
  EXPECT_EQ(to_string(server.published()[1].record.id), "_/my-app-v0.0.1");
}

/// Capture 07, with lists lowest first and the project that the release is sent to.
TEST(Captures, VersionResolution) {
  RunningServer server;
  for (const char* text : {"0.1", "0.2", "0.10", "0.9", "1.0", "0.5"}) {
    server.publish("ns-one/app-a-v" + std::string(text), "d " + std::string(text));
  }
  const auto at = [&](std::string_view rest) { return server.get(api + "/ns-one/units/app-a/" + std::string(rest)); };
  EXPECT_EQ(at("versions/").body, "[\"0.1\",\"0.2\",\"0.5\",\"0.9\",\"0.10\",\"1.0\"]\n");
  EXPECT_NE(at("versions/v0.@/").body.find("\"description\":\"d 0.10\""), std::string::npos);
  EXPECT_NE(at("versions/%40/").body.find("\"description\":\"d 1.0\""), std::string::npos);
  const std::string full = without_dates(at("versions/v0.9/?full=true").body);
  EXPECT_TRUE(full.starts_with("{\"release\":{\"api_version\":15,")) << full;
  EXPECT_TRUE(
      full.ends_with("},\"versions\":[\"0.1\",\"0.2\",\"0.5\",\"0.9\",\"0.10\",\"1.0\"],\"is_latest\":false,"
                     "\"downloads\":0,\"uploaded_by\":\"\",\"uploaded_at\":\"T\"}\n"))
      << full;
  const std::pair<const char*, const char*> next[] = {{"", "2"}, {"0.", "0.11"}, {"2.", "2.0"}};
  for (const auto& [prefix, expected] : next) {
    EXPECT_EQ(at("next-version?prefix=" + std::string(prefix)).body, expected) << prefix;
  }
  EXPECT_EQ(server.get(api + "/ns-one/units/newapp/next-version?prefix=0.0.").body, "0.0.0");
  EXPECT_NE(at("versions/v0.9/previous/").body.find("\"description\":\"d 0.5\""), std::string::npos);
  EXPECT_EQ(at("versions/v0.1/previous/").status, 404);
}

/// Capture 10.
TEST(Captures, Errors) {
  RunningServer server;
  for (const char* path : {"/nope", "/api/v1/inventory", "/api/v1/inventory/_/units/a/versions/v1/downstream"}) {
    EXPECT_EQ(server.get(path).body, "404 page not found\n") << path;
  }
  EXPECT_EQ(server.send("DELETE", api + "/_/hard-delete").status, 404);
  EXPECT_EQ(server.get("/health").status, 200);
  const auto complaint = [&](std::string body) {
    const io::HttpResponse response = server.send("POST", api + "/val/register", std::move(body));
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.header("content-type"), "text/plain; charset=utf-8");
    return response.body;
  };
  EXPECT_EQ(complaint("hello"),
            "Couldn't unmarshal JSON release metadata: invalid character 'h' looking for beginning of value");
  EXPECT_EQ(complaint(""), "Couldn't unmarshal JSON release metadata: unexpected end of JSON input");
  EXPECT_EQ(complaint("null"), "Missing release metadata");
  EXPECT_EQ(complaint(R"({"name":"app-a","version":"1.@"})"), "Can't add release with unresolved version");
  EXPECT_EQ(complaint(R"({"name":"app-a","version":"1","extends":[{"release_id":"bad"}]})"),
            "Invalid release format: bad.");
  EXPECT_NE(complaint(R"({"name":"app-a","version":"1","inputs":[null]})"), "");
  EXPECT_NE(complaint(R"({"name":"app-a","version":"1","project":"other"})").find("'other'"), std::string::npos);

  const int raw = server.connect();
  const std::string request = "GET /api//v1/inventory/?a=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  ASSERT_EQ(::write(raw, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string answer(4096, '\0');
  std::size_t got = 0;
  for (ssize_t n; (n = ::read(raw, answer.data() + got, answer.size() - got)) > 0;) got += static_cast<std::size_t>(n);
  ::close(raw);
  answer.resize(got);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 301 ")) << answer;
  EXPECT_NE(answer.find("Location: /api/v1/inventory/?a=1\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("<a href=\"/api/v1/inventory/\">Moved Permanently</a>.\n\n")) << answer;
}

/// The part of capture 06 that is served.
TEST(Captures, Namespaces) {
  RunningServer server;
  const auto add = [&](const char* body) { return server.send("POST", api + "/whatever/add-namespace", body); };
  const auto put = [&](const char* body) { return server.send("PUT", api + "/ns-one/", body); };
  EXPECT_EQ(put(R"({"name":"ns-one"})").status, 404);
  EXPECT_EQ(
      add(R"({"name":"ns-one","description":"First <ns> & co","org_url":"http://x/","logo":"TE9HTw==","is_public":true})")
          .status,
      200);
  EXPECT_EQ(add(R"({"name":"ns-one"})").status, 409);
  EXPECT_EQ(add(R"({"name":"ns-one"})").body, "Resource already exists");
  EXPECT_EQ(add("{}").body, "Missing name");
  EXPECT_EQ(add(R"({"name":"B!"})").body, "Invalid name 'B!'");
  EXPECT_EQ(
      server.get(api + "/ns-one/").body,
      R"({"name":"ns-one","description":"First \u003cns\u003e \u0026 co","org_url":"http://x/","logo":"TE9HTw==","permission":"admin","is_public":true,"units":{}})"
      "\n");
  EXPECT_EQ(put(R"({"name":"ns-one","description":"changed"})").status, 201);
  EXPECT_EQ(put(R"({"name":"other"})").body, "Namespace 'name' field doesn't correspond with URL");
  EXPECT_EQ(server.get(api + "/ns-one/units/").body, "{}\n");
}

/// Capture 05, and tokens.
TEST(Authentication, BasicForEverythingTokensForWrites) {
  const Authorize known = [](std::string_view token, std::string_view user,
                             std::string_view password) -> Result<std::string> {
    if (token == "t0ken" || (user == "escape" && password == "s3cret")) return std::string("ann");
    return fail(ErrorKind::no_permission, "unknown");
  };
  RunningServer basic([&](ServerOptions& options) {
    options.authorize = known;
    options.demands_basic = true;
  });
  for (const char* path : {"/", "/api/v1/auth/login-methods", "/api/v1/inventory/", "/nope"}) {
    const io::HttpResponse response = basic.get(path);
    EXPECT_EQ(response.status, 401) << path;
    EXPECT_EQ(response.body, "Not Authorized\n");
    EXPECT_EQ(response.header("www-authenticate"), "Basic realm=\"escape\"");
  }
  EXPECT_EQ(basic.get("/health").status, 200);
  EXPECT_EQ(basic.send("GET", "/", "", {{"Authorization", "Basic ZXNjYXBlOnMzY3JldA=="}}).status, 200);
  EXPECT_EQ(basic.send("GET", "/", "", {{"Authorization", "Basic ZXNjYXBlOndyb25n"}}).status, 401);

  RunningServer tokens([&](ServerOptions& options) { options.authorize = known; });
  EXPECT_EQ(tokens.get(api + "/").status, 200);
  EXPECT_EQ(tokens.get("/api/v1/auth/login-methods").status, 404);
  EXPECT_EQ(tokens.send("POST", api + "/x/add-namespace", R"({"name":"ns-one"})").status, 401);
  EXPECT_EQ(tokens.send("POST", api + "/x/add-namespace", R"({"name":"ns-one"})", {{"X-Escape-Token", "t0ken"}}).status,
            200);
}

TEST(Reservations, EightPublishersAtOnceGetEightVersions) {
  RunningServer server;
  std::mutex mutex;
  std::set<std::string> numbers;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const auto client = inventory::connect_http({.url = server.url() + "/"});
      for (int j = 0; j < 10; ++j) {
        const auto version = client->reserve({"_", "app"}, "0.", std::to_string(i) + "-" + std::to_string(j));
        ASSERT_TRUE(version) << version.error().message;
        std::lock_guard hold(mutex);
        numbers.insert(version.value());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(numbers.size(), 80U);
}

TEST(Client, PublishesAndResolvesOverHttp) {
  RunningServer server;
  const auto client = inventory::connect_http({.url = server.url()});
  const release::Metadata made = metadata("prj/app-v1.0", "with <angle> & more");
  const std::string package = make_package(server.scratch(), made);
  ASSERT_TRUE(client->publish(made, package));
  ASSERT_TRUE(client->publish(made, package)) << "a try whose answer was lost may be repeated";
  EXPECT_EQ(server.published().size(), 1U);
  const auto record = client->resolve(query("prj/app", "latest")).value();
  EXPECT_EQ(record.metadata, made);
  EXPECT_EQ(record.sha256, io::sha256_of_file(package).value());
  EXPECT_EQ(client->projects().value(), std::vector<std::string>{"prj"});
  EXPECT_EQ(client->applications("prj").value(), std::vector<std::string>{"app"});
  EXPECT_EQ(client->versions({"prj", "app"}).value().size(), 1U);
  ASSERT_TRUE(client->tag(query("prj/app", "latest"), "prod"));
  EXPECT_EQ(client->resolve(query("prj/app", "prod")).value().id, record.id);
  EXPECT_EQ(client->tag(query("prj/app", "prod"), "a b/c").value().from, "");
  EXPECT_EQ(client->tag(query("prj/app", "v1.0"), "a b/c").value().from, "1.0");
  EXPECT_EQ(client->tags({"prj", "app"}).value(),
            (std::vector<inventory::TaggedVersion>{{"a b/c", "1.0"}, {"prod", "1.0"}}));
  ASSERT_TRUE(client->remove_tag({"prj", "app"}, "a b/c"));
  EXPECT_EQ(client->remove_tag({"prj", "app"}, "a b/c").error().kind, ErrorKind::not_found);
  EXPECT_EQ(client->tags({"prj", "nope"}).error().kind, ErrorKind::not_found);
  EXPECT_EQ(client->next_version({"prj", "app"}, "1.").value(), "1.1");

  const Error taken = client->publish(made, make_package(server.scratch(), made, "other bytes")).error();
  EXPECT_EQ(taken.message, "Couldn't register release 'prj/app-v1.0', because the Inventory at '" + server.url() +
                               "/' says there's a problem with the request: Release app-v1.0 already exists");
  EXPECT_EQ(taken.kind, ErrorKind::conflict);
  EXPECT_EQ(client->resolve(query("prj/app", "v2")).error().message,
            "Couldn't get release metadata for 'prj/app-v2', because the release metadata could not be found in the "
            "Inventory "
            "at '" +
                server.url() + "/'. You probably need to release the 'prj/app-v2' package first.");
  EXPECT_EQ(server.get(client->package_path(record)).body, io::read_file(package).value());
}

TEST(Client, DownloadsAPackageOnceAndChecksIt) {
  RunningServer server;
  const auto client = inventory::connect_http({.url = server.url()});
  const release::Metadata made = metadata("prj/app-v1.0");
  const std::string package = make_package(server.scratch(), made);
  ASSERT_TRUE(client->publish(made, package));
  const auto record = client->resolve(query("prj/app", "latest")).value();
  const std::string cache = server.scratch().in("cache");
  const std::string file = client->package_file(record, cache).value();
  EXPECT_EQ(io::read_file(file).value(), io::read_file(package).value());
  // What the disk made of it is not believed.
  ASSERT_TRUE(io::write_file(file, "other bytes"));
  EXPECT_EQ(client->package_file(record, cache).value(), file);
  EXPECT_EQ(io::read_file(file).value(), io::read_file(package).value());

  auto other = record;
  other.sha256 = io::sha256_of("other");
  const Error wrong = client->package_file(other, cache).error();
  EXPECT_EQ(wrong.kind, ErrorKind::bad_data);
  EXPECT_NE(wrong.message.find("has the digest " + record.sha256 + ", expected " + other.sha256), std::string::npos)
      << wrong.message;
  EXPECT_EQ(io::list_folder(cache).value(), std::vector<std::string>{record.sha256 + ".tgz"});
  // The original gives no digest: then the server's word is asked each time.
  other.sha256.clear();
  other.size = 0;
  EXPECT_EQ(io::read_file(client->package_file(other, cache).value()).value(), io::read_file(package).value());
}

TEST(Server, RefusesAnAddressThatIsInUse) {
  RunningServer server;
  ServerOptions options{
      .port = server.port(), .snapshot = {}, .packages = inventory::PackageFolder("unused"), .commit = {}};
  const auto second = HttpServer::start(std::move(options));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::conflict);
}

}  // namespace server_test
}  // namespace escape::http
