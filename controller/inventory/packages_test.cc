#include <sys/mount.h>
#include <unistd.h>

#include "controller/inventory/fixtures_for_tests.h"

namespace escape::inventory {
namespace packages_test {

using namespace inventory::testing;

std::vector<std::string> names_in(const std::string& folder) {
  const auto names = io::list_folder(folder);
  return names ? names.value() : std::vector<std::string>{};
}

TEST(PackageFolder, StoresByDigest) {
  const Folder folder;
  const PackageFolder packages(folder.in("packages"));
  auto upload = packages.begin().value();
  ASSERT_TRUE(upload->append("hel"));
  ASSERT_TRUE(upload->append("lo"));
  const auto stored = upload->finish().value();
  EXPECT_EQ(stored.sha256, io::sha256_of("hello"));
  EXPECT_EQ(stored.size, 5U);
  EXPECT_EQ(stored.path, folder.in("packages/2c/" + stored.sha256 + ".tgz"));
  EXPECT_EQ(io::read_file(stored.path).value(), "hello");
  upload.reset();
  EXPECT_TRUE(io::exists(stored.path));
  EXPECT_TRUE(names_in(folder.in("packages/incoming")).empty());
}

TEST(PackageFolder, AnUnfinishedUploadLeavesNothing) {
  const Folder folder;
  const PackageFolder packages(folder.in("packages"));
  {
    const auto upload = packages.begin().value();
    ASSERT_TRUE(upload->append("half"));
    EXPECT_EQ(names_in(folder.in("packages/incoming")).size(), 1U);
  }
  EXPECT_TRUE(names_in(folder.in("packages/incoming")).empty());
  ASSERT_TRUE(io::write_file(folder.in("packages/incoming/of-a-killed-program"), "x"));
  ASSERT_TRUE(packages.remove_leftovers());
  EXPECT_FALSE(io::exists(folder.in("packages/incoming")));
}

TEST(PackageFolder, AFullDiskIsSaidAndLeavesNothing) {
  const Folder folder;
  if (::mount("none", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "needs the right to mount a tmpfs";
  {
    const auto upload = PackageFolder(folder.in("packages")).begin().value();
    const Result<> done = upload->append(std::string(1 << 20, 'x'));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::storage);
    EXPECT_NE(done.error().message.find("the disk of the inventory is full"), std::string::npos)
        << done.error().message;
  }
  EXPECT_TRUE(names_in(folder.in("packages/incoming")).empty());
  ASSERT_EQ(::umount(folder.path().c_str()), 0);
}

TEST(PackageCheck, WantsTheReleaseThatWasRegistered) {
  const Folder folder;
  const auto id = release::parse_release_id("prj/app-v1.0").value();
  EXPECT_TRUE(check_package(make_package(folder, metadata("prj/app-v1.0")), id));
  const auto complaint = [&](const std::string& file) { return describe(check_package(file, id).error()); };

  ASSERT_TRUE(io::write_file(folder.in("garbage"), "this is not a tgz"));
  EXPECT_EQ(complaint(folder.in("garbage")), "The package is not a gzip'd tar that can be read");
  ASSERT_TRUE(io::write_file(folder.in("empty"), ""));
  EXPECT_NE(complaint(folder.in("empty")), "");
  EXPECT_EQ(complaint(make_package(folder, metadata("prj/app-v2.0"))), "The package holds no 'app-v1.0/release.json'");
  EXPECT_EQ(complaint(make_package(folder, metadata("other/app-v1.0"))),
            "The release.json inside the package has the project 'other', but 'prj' was registered");
  ASSERT_TRUE(io::pack_archive(folder.in("bad.tgz"), "app-v1.0", {{"release.json", "", "{", 0644}}));
  EXPECT_NE(complaint(folder.in("bad.tgz")).find("app-v1.0/release.json"), std::string::npos);
}

}  // namespace packages_test
}  // namespace escape::inventory
