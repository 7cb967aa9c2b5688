#include <sys/mount.h>

#include <filesystem>
#include <fstream>

#include "controller/http/running_server_for_tests.h"

namespace escape::http {
namespace uploads_test {

using namespace http::testing;
using inventory::testing::make_package;
using inventory::testing::metadata;

const std::string unit = "/api/v1/inventory/ns-one/units/app-a/versions/";
const std::string upload_path = unit + "v0.1/upload";

void register_release(RunningServer& server) {
  EXPECT_EQ(server.send("POST", "/api/v1/inventory/ns-one/register", R"({"name":"app-a","version":"0.1"})").status,
            200);
}

/// Files under packages/, however deep.
std::vector<std::string> stored_files(const RunningServer& server) {
  std::vector<std::string> files;
  const auto folders = io::list_folder(server.data("packages"));
  if (!folders) return files;
  for (const std::string& folder : folders.value()) {
    const auto names = io::list_folder(server.data("packages/" + folder));
    if (names) files.insert(files.end(), names.value().begin(), names.value().end());
  }
  return files;
}

/// Waits until the server has noticed something, for at most ten seconds.
template <class Condition>
bool eventually(Condition condition) {
  const Instant deadline = read_clocks().steady + Millis(10'000);
  while (!condition()) {
    if (read_clocks().steady > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Capture 09, but for what was a bug: other bytes never replace the first ones, and garbage is refused.
TEST(Upload, AnswersAsTheOriginal) {
  RunningServer server;
  register_release(server);
  EXPECT_EQ(server.get(unit + "v0.1/download").status, 404);
  const auto complaint = [&](const io::HttpResponse& response, int status) {
    EXPECT_EQ(response.status, status);
    return response.body;
  };
  EXPECT_EQ(complaint(server.upload_bytes(upload_path, "PKG", "pkg"), 400), "http: no such file");
  EXPECT_EQ(complaint(server.send("POST", upload_path, "rawdata", {{"Content-Type", "application/gzip"}}), 400),
            "request Content-Type isn't multipart/form-data");
  EXPECT_EQ(complaint(server.send("POST", upload_path, "rawdata", {{"Content-Type", "multipart/form-data"}}), 400),
            "no multipart boundary param in Content-Type");
  EXPECT_EQ(complaint(server.upload_bytes(unit + "v55/upload", "PKG"), 404), "");
  EXPECT_EQ(complaint(server.upload_bytes(unit + "latest/upload", "PKG"), 400),
            "Can't upload package against unresolved version 'ns-one/app-a-latest'");
  EXPECT_EQ(complaint(server.upload_bytes(unit + "0.2/upload", "PKG"), 400),
            "Invalid version string in release ID 'app-a-0.2': '0.2' is not a valid version.");
  EXPECT_EQ(complaint(server.upload_bytes(upload_path, "PKG-ONE"), 400),
            "The package is not a gzip'd tar that can be read");
  EXPECT_EQ(complaint(server.upload_bytes(upload_path, ""), 400).empty(), false);
  EXPECT_TRUE(stored_files(server).empty()) << stored_files(server).front();

  const release::Metadata made = metadata("ns-one/app-a-v0.1");
  const std::string package = make_package(server.scratch(), made);
  EXPECT_EQ(server.upload(upload_path, package).status, 200);
  EXPECT_EQ(server.upload(upload_path, package).status, 200) << "the same bytes again";
  EXPECT_EQ(server.published().size(), 1U);
  const std::string other = make_package(server.scratch(), made, "other");
  EXPECT_EQ(complaint(server.upload(upload_path, other), 409), "Resource already exists");
  EXPECT_EQ(complaint(server.upload_bytes(upload_path, "PKG-TWO"), 409), "Resource already exists");
  EXPECT_EQ(server.get(unit + "v0.1/download").body, io::read_file(package).value());
  EXPECT_EQ(stored_files(server).size(), 1U);
  EXPECT_EQ(server.get(unit + "latest/download").header("content-disposition"),
            "attachment; filename=\"app-a-latest.tgz\"");
}

TEST(Upload, OfAnotherReleaseIsRefused) {
  RunningServer server;
  register_release(server);
  const io::HttpResponse response =
      server.upload(upload_path, make_package(server.scratch(), metadata("ns-two/app-a-v0.1")));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "The release.json inside the package has the project 'ns-two', but 'ns-one' was registered");
  EXPECT_TRUE(stored_files(server).empty());
}

TEST(Upload, HalfOfOneLeavesNothing) {
  RunningServer server;
  register_release(server);
  const int raw = server.connect();
  const std::string half =
      "POST " + upload_path +
      " HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=XBOUND\r\nContent-Length: 1000000\r\n\r\n"
      "--XBOUND\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n" +
      std::string(1000, 'x');
  ASSERT_EQ(::write(raw, half.data(), half.size()), static_cast<ssize_t>(half.size()));
  EXPECT_TRUE(eventually([&] { return stored_files(server).size() == 1; })) << "it begins to arrive";
  ::close(raw);
  EXPECT_TRUE(eventually([&] { return stored_files(server).empty(); }));
  EXPECT_EQ(server.get(unit + "v0.1/").status, 404);
}

TEST(Upload, ThatEndsInTheMiddleOfAPartIsRefused) {
  RunningServer server;
  register_release(server);
  const std::string package = io::read_file(make_package(server.scratch(), metadata("ns-one/app-a-v0.1"))).value();
  const io::HttpResponse response =
      server.send("POST", upload_path,
                  "--XBOUND\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n" + package,
                  {{"Content-Type", "multipart/form-data; boundary=XBOUND"}});
  EXPECT_EQ(response.status, 400);
  EXPECT_TRUE(stored_files(server).empty());
}

TEST(Upload, LargerThanAllowedIsRefused) {
  RunningServer server([](ServerOptions& options) { options.max_package = 1000; });
  register_release(server);
  EXPECT_EQ(server.upload_bytes(upload_path, std::string(100'000, 'x')).status, 413);
  EXPECT_EQ(server.send("POST", "/api/v1/inventory/_/register", std::string(17 << 20, ' ')).status, 413);
  EXPECT_TRUE(stored_files(server).empty());
}

TEST(Upload, ToAFullDiskSaysSo) {
  const Folder disk;
  if (::mount("none", disk.path().c_str(), "tmpfs", 0, "size=256k") != 0)
    GTEST_SKIP() << "needs the right to mount a tmpfs";
  {
    RunningServer server(
        [&](ServerOptions& options) { options.packages = inventory::PackageFolder(disk.in("packages")); });
    register_release(server);
    const io::HttpResponse response = server.upload_bytes(upload_path, std::string(4 << 20, 'x'));
    EXPECT_EQ(response.status, 507);
    EXPECT_NE(response.body.find("the disk of the inventory is full"), std::string::npos) << response.body;
    EXPECT_TRUE(io::list_folder(disk.in("packages/incoming")).value().empty());
    const std::string package = make_package(server.scratch(), metadata("ns-one/app-a-v0.1"));
    EXPECT_EQ(server.upload(upload_path, package).status, 200) << "a package that fits is taken afterwards";
  }
  ASSERT_EQ(::umount(disk.path().c_str()), 0);
}

TEST(Upload, OfManyMegabytesComesBackByteForByte) {
  RunningServer server;
  register_release(server);
  std::string large(24 << 20, '\0');
  std::uint32_t state = 7;
  for (char& byte : large) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  const std::string package = make_package(server.scratch(), metadata("ns-one/app-a-v0.1"), std::move(large));
  EXPECT_EQ(server.upload(upload_path, package).status, 200);
  const std::string back = server.scratch().in("back");
  ASSERT_TRUE(io::download({.url = server.url(unit + "v0.1/download"), .file = back}));
  EXPECT_EQ(io::sha256_of_file(back).value(), io::sha256_of_file(package).value());
}

/// The most memory that this process has had, since the last call where the system lets that begin anew.
std::size_t peak_of_memory() {
  const std::string status = io::read_file("/proc/self/status").value();
  const std::size_t peak = std::stoul(status.substr(status.find("VmHWM:") + 6)) << 10;
  std::ofstream("/proc/self/clear_refs") << "5";
  return peak;
}

/// Client and server are both in this process.
TEST(Upload, IsNeverWholeInMemory) {
  constexpr std::size_t size = 128 << 20;
  RunningServer server;
  register_release(server);
  const std::string file = server.scratch().in("large");
  ASSERT_TRUE(io::write_file(file, "no package"));
  std::filesystem::resize_file(file, size);
  peak_of_memory();
  const std::string small = make_package(server.scratch(), metadata("ns-one/app-a-v0.2"));
  EXPECT_EQ(server.upload(upload_path, small).status, 400) << "of another version";
  const std::size_t before = peak_of_memory();
  EXPECT_EQ(server.upload(upload_path, file).body, "The package is not a gzip'd tar that can be read");
  EXPECT_LT(peak_of_memory(), before + size / 2);
}

TEST(Download, InPartsAndConditionally) {
  RunningServer server;
  const std::string package = io::read_file(server.publish("ns-one/app-a-v0.1")).value();
  const std::string path = unit + "v0.1/download";
  const auto ask = [&](const char* method, std::vector<std::pair<std::string, std::string>> headers) {
    return server.send(method, path, "", std::move(headers));
  };
  const io::HttpResponse part = ask("GET", {{"Range", "bytes=3-6"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, package.substr(3, 4));
  EXPECT_EQ(part.header("content-range"), "bytes 3-6/" + std::to_string(package.size()));
  EXPECT_EQ(ask("GET", {{"Range", "bytes=10-"}}).body, package.substr(10));
  const io::HttpResponse beyond = ask("GET", {{"Range", "bytes=" + std::to_string(package.size()) + "-"}});
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(beyond.header("content-range"), "bytes */" + std::to_string(package.size()));

  const io::HttpResponse head = ask("HEAD", {});
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.header("content-length"), std::to_string(package.size()));
  const std::string etag(head.header("etag"));
  EXPECT_EQ(etag, "\"" + io::sha256_of(package) + "\"");
  EXPECT_EQ(ask("GET", {{"If-None-Match", etag}}).status, 304);
  EXPECT_EQ(ask("GET", {{"Range", "bytes=3-"}, {"If-Range", "\"other\""}}).body, package);
  EXPECT_EQ(server.get(path + "?whatever=1").body, package);

  // An interrupted download goes on where it stopped.
  const std::string back = server.scratch().in("back");
  ASSERT_TRUE(io::write_file(back, package.substr(0, 20)));
  ASSERT_TRUE(io::download({.url = server.url(path), .file = back, .expected_size = package.size()}));
  EXPECT_EQ(io::read_file(back).value(), package);
}

TEST(Download, IsCountedWithoutAWrite) {
  RunningServer server;
  server.publish("ns-one/app-a-v0.1");
  const auto count = [&] {
    const std::string body = server.get(unit + "v0.1/?full=1").body;
    return body.substr(body.find("\"downloads\":", body.find("\"is_latest\"")), 14);
  };
  EXPECT_EQ(count(), "\"downloads\":0,");
  for (int i = 0; i < 3; ++i) server.get(unit + "v0.1/download");
  EXPECT_EQ(count(), "\"downloads\":3,");
  server.server().flush_downloads();
  EXPECT_TRUE(eventually([&] { return count() == "\"downloads\":3,"; }));
}

}  // namespace uploads_test
}  // namespace escape::http
