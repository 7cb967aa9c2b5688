#include "controller/app/seen_files.h"

#include <gtest/gtest.h>

#include "shared/io/archive.h"
#include "shared/io/files.h"

namespace escape::controller {
namespace seen_files_test {

using release::SeenFile;

class SeenFilesTest : public ::testing::Test {
 protected:
  SeenFilesTest() : folder(io::make_temporary_folder("seen-files").value()) {
    record.id = release::parse_release_id("qq/app-v1.0").value();
    record.sha256 = "digest";
    record.metadata.stages["deploy"] = {
        .cmd = "$__read_file(\"VERSION\")",
        .args = {"$__read_file(\"./conf/a\")", "$__dir_exists(\"conf\")", "$__read_file(\"none\")"}};
    record.metadata.files = {{"VERSION", "md5"}, {"./conf/a", "md5"}, {"large", "md5"}};
  }
  ~SeenFilesTest() override { (void)io::remove_all(folder); }
  std::function<Result<std::string>()> package(std::vector<io::ArchiveEntry> entries) {
    return [this, entries = std::move(entries)]() -> Result<std::string> {
      ++opened;
      EXPECT_TRUE(io::pack_archive(folder + "/p.tgz", "app-v1.0", entries));
      return folder + "/p.tgz";
    };
  }
  std::string folder;
  release::ReleaseRecord record;
  int opened = 0;
};

TEST_F(SeenFilesTest, what_there_is_says_the_release_and_what_is_in_it_its_package) {
  const auto archive = package({{"VERSION", "", "1.2\n"}, {"conf/a", "", "of a"}, {"none", "", "not in the release"}});
  EXPECT_EQ(see_files(record, archive), (release::SeenFiles{{"VERSION", {SeenFile::Kind::file, "1.2\n", ""}},
                                                            {"./conf/a", {SeenFile::Kind::file, "of a", ""}},
                                                            {"conf", {.kind = SeenFile::Kind::folder}},
                                                            {"none", {}}}));
  EXPECT_EQ(opened, 1);
  record.metadata.stages["deploy"] = {.cmd = "$__path_exists(\"none\")", .args = {"$__dir_exists(\"conf\")"}};
  EXPECT_EQ(see_files(record, archive).size(), 2U);
  EXPECT_EQ(opened, 1) << "nothing of it is read";
}

TEST_F(SeenFilesTest, a_package_that_cannot_be_read_is_the_trouble_of_its_files) {
  const SeenFile gone = see_files(record, []() -> Result<std::string> {
                          return fail(ErrorKind::unreachable, "the inventory is away");
                        }).at("VERSION");
  EXPECT_EQ(gone, (SeenFile{SeenFile::Kind::file, "", "the inventory is away"}));
  EXPECT_EQ(see_files(record, package({{"VERSION", "", "1"}})).at("./conf/a").trouble,
            "'conf/a' is named by the release and is not in its package");
}

TEST_F(SeenFilesTest, a_package_is_opened_once_while_all_is_well) {
  SeenPackages seen;
  const auto damaged = package({{"VERSION", "", "1"}});
  (void)seen.see(record, damaged);
  (void)seen.see(record, damaged);
  EXPECT_EQ(opened, 2);
  const auto whole = package({{"VERSION", "", "1"}, {"conf/a", "", "of a"}});
  EXPECT_EQ(seen.see(record, whole), seen.see(record, whole));
  EXPECT_EQ(opened, 3);
}

}  // namespace seen_files_test
}  // namespace escape::controller
