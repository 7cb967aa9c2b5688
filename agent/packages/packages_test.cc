#include "agent/packages/packages.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "shared/io/archive.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"

namespace escape::packages::packages_test {

class PackageFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder = io::make_temporary_folder("packages").value();
    data = folder + "/data";
    archive = folder + "/app.tgz";
    pack("1.0", "echo hi\n");
    request.environment = "stage";
    request.deployment = "my/app";
    request.base_url = "http://inventory:7770/";
  }
  void TearDown() override { (void)io::remove_all(folder); }

  void pack(const std::string& version, const std::string& script) {
    io::ArchiveEntry entry;
    entry.path = "deploy.sh";
    entry.content = script;
    ASSERT_TRUE(io::pack_archive(archive, "app-v" + version, {entry}));
    use(version);
  }
  void use(const std::string& version) {
    request.source.release = "project/app-v" + version;
    request.source.path = "/api/v1/inventory/project/units/app/versions/v" + version + "/download";
    request.source.sha256 = io::sha256_of_file(archive).value();
    request.source.size = io::file_size(archive).value();
  }
  /// The inventory: gives the archive and counts.
  Packages::Download download() {
    return [this](const io::Download& what) -> Result<> {
      ++downloads;
      url = what.url;
      TRY(const std::string bytes, io::read_file(archive));
      return io::write_file(what.file, bytes);
    };
  }

  std::string folder, data, archive, url;
  int downloads = 0;
  Packages::Request request;
};

TEST_F(PackageFiles, AreFetchedVerifiedAndUnpackedOnce) {
  Packages packages(data, download());
  EXPECT_FALSE(packages.find_ready(request));
  const std::string working = packages.prepare(request).value();
  EXPECT_EQ(working, data + "/deployments/stage/my%2Fapp/app-v1.0-" + request.source.sha256.substr(0, 12));
  EXPECT_EQ(io::read_file(working + "/deploy.sh").value(), "echo hi\n");
  EXPECT_EQ(url, "http://inventory:7770/api/v1/inventory/project/units/app/versions/v1.0/download");
  ASSERT_TRUE(io::write_file(working + "/left-by-a-step", "x"));
  EXPECT_EQ(packages.prepare(request).value(), working);
  EXPECT_EQ(packages.find_ready(request), working);
  EXPECT_TRUE(io::exists(working + "/left-by-a-step")) << "steps of one deployment share the folder";
  request.deployment = "other";
  EXPECT_TRUE(packages.prepare(request));
  EXPECT_EQ(downloads, 1) << "the second deployment takes it from the cache";
}

TEST_F(PackageFiles, AWrongDigestIsRefusedAndRemoved) {
  Packages packages(data, download());
  const std::string expected = request.source.sha256;
  pack("1.0", "echo evil\n");
  const std::string found = request.source.sha256;
  request.source.sha256 = expected;
  request.source.size = 0;
  const Error error = packages.prepare(request).error();
  EXPECT_EQ(error.kind, ErrorKind::bad_data);
  EXPECT_EQ(error.message,
            "The package of 'project/app-v1.0' has the digest " + found + ", expected " + expected + ".");
  EXPECT_TRUE(io::list_folder(data + "/packages").value().empty());
  EXPECT_FALSE(io::exists(data + "/deployments/stage/my%2Fapp/app-v1.0-" + expected.substr(0, 12)));
}

TEST_F(PackageFiles, AWrongSizeOrUnusableDigestIsRefused) {
  Packages packages(data, download());
  request.source.size += 1;
  EXPECT_NE(packages.prepare(request).error().message.find("bytes, expected"), std::string::npos);
  for (const std::string bad : {"", "abc", "../../../../etc/passwd"}) {
    request.source.sha256 = bad;
    EXPECT_EQ(packages.prepare(request).error().kind, ErrorKind::bad_data);
  }
  EXPECT_EQ(downloads, 1);
}

TEST_F(PackageFiles, ACopyThatRottedIsFetchedAgain) {
  Packages packages(data, download());
  const std::string cached = packages.cache_path(request.source.sha256);
  ASSERT_TRUE(packages.prepare(request));
  ASSERT_TRUE(io::write_file(cached, "rotten"));
  request.deployment = "other";
  EXPECT_TRUE(packages.prepare(request));
  EXPECT_EQ(downloads, 2);
}

TEST_F(PackageFiles, AHalfUnpackedFolderIsNotUsed) {
  Packages packages(data, download());
  const std::string working = packages.working_folder(request).value();
  ASSERT_TRUE(io::make_folders(working));
  ASSERT_TRUE(io::make_folders(working + ".unpacking"));
  EXPECT_FALSE(packages.find_ready(request));
  EXPECT_TRUE(packages.prepare(request));
  EXPECT_TRUE(io::exists(working + "/deploy.sh"));
  EXPECT_FALSE(io::exists(working + ".unpacking"));
}

/// Right digest, hostile content: the inventory vouches for bytes, not for what is in them.
TEST_F(PackageFiles, AHostileArchiveLeavesNothingBehind) {
  ASSERT_TRUE(io::make_folders(folder + "/in"));
  const std::string renamed = "echo x > file && tar -P -czf ../app.tgz --transform 's,.*,NAME,' file";
  const std::pair<std::string, std::string> cases[] = {
      {"a path up", "app-v1.0/../../escaped"},
      {"an absolute path", "/tmp/escape-absolute"},
      {"another top folder", "other-v1.0/file"},
      {"a link out", ""},
  };
  for (const auto& [what, name] : cases) {
    std::string command = "mkdir -p app-v1.0 && ln -sf /etc app-v1.0/link && tar -czf ../app.tgz app-v1.0";
    if (!name.empty()) command = std::string(renamed).replace(renamed.find("NAME"), 4, name);
    ASSERT_EQ(std::system(("cd '" + folder + "/in' && " + command).c_str()), 0) << what;
    use("1.0");
    Packages packages(data, download());
    const Result<std::string> prepared = packages.prepare(request);
    ASSERT_FALSE(prepared) << what;
    EXPECT_EQ(prepared.error().kind, ErrorKind::bad_data) << what;
    EXPECT_TRUE(io::list_folder(data + "/deployments/stage/my%2Fapp").value().empty()) << what;
  }
  EXPECT_FALSE(io::exists(data + "/deployments/stage/escaped"));
  EXPECT_FALSE(io::exists("/tmp/escape-absolute"));
}

TEST_F(PackageFiles, OfThisMachineAreUsedInPlace) {
  Packages packages(data, download());
  request.base_url = "";
  request.source.path = archive;
  EXPECT_TRUE(packages.prepare(request));
  EXPECT_EQ(downloads, 0);
  EXPECT_FALSE(io::exists(data + "/packages"));
}

TEST_F(PackageFiles, OldFoldersGoAndTheNewestStay) {
  Packages packages(data, download());
  std::vector<std::string> folders;
  for (const std::string version : {"1.0", "1.1", "1.2", "1.3", "1.4"}) {
    pack(version, "echo " + version);
    folders.push_back(packages.prepare(request).value());
  }
  EXPECT_FALSE(io::exists(folders[0]));
  EXPECT_FALSE(io::exists(folders[1]));
  for (std::size_t i = 2; i < folders.size(); ++i) EXPECT_TRUE(io::exists(folders[i] + "/deploy.sh")) << i;
}

TEST_F(PackageFiles, ADownloadThatFilledTheDiskLeavesNoPart) {
  std::string part;
  Packages packages(data, [&](const io::Download& what) -> Result<> {
    part = what.file;
    TRYV(io::write_file(part, "half"));
    return fail(ErrorKind::storage, "the disk is full");
  });
  EXPECT_EQ(packages.prepare(request).error().kind, ErrorKind::storage);
  EXPECT_FALSE(io::exists(part));
}

TEST_F(PackageFiles, ADownloadThatFailsSaysWhichRelease) {
  Packages packages(data,
                    [](const io::Download&) -> Result<> { return fail(ErrorKind::unreachable, "connection refused"); });
  const Error error = packages.prepare(request).error();
  EXPECT_EQ(error.kind, ErrorKind::unreachable);
  EXPECT_NE(describe(error).find("project/app-v1.0"), std::string::npos);
}

TEST(PathComponent, IsSafeAndReversibleToTheEye) {
  EXPECT_EQ(path_component("app-1_x.y"), "app-1_x.y");
  EXPECT_EQ(path_component("project/app"), "project%2Fapp");
  EXPECT_EQ(path_component(".."), "%2E.");
  EXPECT_EQ(path_component(""), "%");
  EXPECT_EQ(path_component("a%2Fb"), "a%252Fb");
  EXPECT_LE(path_component(std::string(500, 'a')).size(), 200u);
  EXPECT_NE(path_component(std::string(500, 'a')), path_component(std::string(501, 'a')));
}

}  // namespace escape::packages::packages_test
