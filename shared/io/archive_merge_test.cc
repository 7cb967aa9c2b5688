#include "shared/io/archive_merge.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "shared/io/archive.h"
#include "shared/io/folder_for_tests.h"

namespace escape::io {
namespace archive_merge_test {

struct Entry {
  std::string path;
  std::string content{};
  unsigned mode = 0644;
  std::string link{};  ///< a symbolic link to it
};

/// An archive as others write them, whose kind its name tells.
void write_archive(const std::string& path, std::string_view name, const std::vector<Entry>& entries) {
  ::archive* writer = archive_write_new();
  if (name.ends_with(".zip")) {
    ASSERT_EQ(archive_write_set_format_zip(writer), ARCHIVE_OK);
  } else {
    ASSERT_EQ(archive_write_set_format_pax_restricted(writer), ARCHIVE_OK);
  }
  if (name.ends_with("gz")) {
    EXPECT_EQ(archive_write_add_filter_gzip(writer), ARCHIVE_OK);
  }
  if (name.ends_with("zst")) {
    EXPECT_EQ(archive_write_add_filter_zstd(writer), ARCHIVE_OK);
  }
  ASSERT_EQ(archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK);
  for (const Entry& one : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, one.path.c_str());
    archive_entry_set_perm(entry, static_cast<mode_t>(one.mode));
    archive_entry_set_filetype(entry, one.path.ends_with('/') ? AE_IFDIR : one.link.empty() ? AE_IFREG : AE_IFLNK);
    if (!one.link.empty()) archive_entry_set_symlink(entry, one.link.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(one.content.size()));
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK);
    archive_write_data(writer, one.content.data(), one.content.size());
    archive_entry_free(entry);
  }
  EXPECT_EQ(archive_write_close(writer), ARCHIVE_OK);
  archive_write_free(writer);
}

using Names = std::vector<std::string>;
const Names kinds{"a.zip", "a.tar", "a.tgz", "a.tar.gz", "a.tar.zst"};

}  // namespace archive_merge_test

using archive_merge_test::Entry;
using archive_merge_test::kinds;
using archive_merge_test::Names;

class UnpackOver : public TestFolder {
 protected:
  UnpackOver() { start_over(); }
  void start_over() {
    EXPECT_TRUE(remove_all(in_folder("out")));
    EXPECT_TRUE(make_folders(in_folder("out")));
  }
  Result<> unpack(const std::string& name, const std::vector<Entry>& entries, const UnpackLimits& limits = {}) {
    archive_merge_test::write_archive(in_folder("archive"), name, entries);
    return unpack_over(in_folder("archive"), name, in_folder("out"), limits);
  }
  std::string unpacked(const std::string& path) const {
    const Result<std::string> content = read_file(in_folder("out/" + path));
    return content ? content.value() : describe(content.error());
  }
  Names names() const { return list_folder(in_folder("out")).value(); }
};

TEST_F(UnpackOver, EveryKindIntoAFolderThatHasFiles) {
  for (const std::string& kind : kinds) {
    start_over();
    ASSERT_TRUE(make_folders(in_folder("out/bin"), 0700));
    ASSERT_TRUE(write_file(in_folder("out/bin/old"), "old"));
    ASSERT_TRUE(write_file(in_folder("out/bin/tool"), "older", 0400));
    const std::string large(700'000, 'l');
    const auto done =
        unpack(kind, {{"bin/"}, {"bin/tool", "new", 0755}, {"empty/"}, {"a/b/large", large}, {"./top", "t"}});
    ASSERT_TRUE(done) << kind << ": " << describe(done.error());
    EXPECT_EQ(unpacked("bin/old"), "old") << kind;
    EXPECT_EQ(unpacked("bin/tool"), "new") << kind;
    EXPECT_EQ(::access(in_folder("out/bin/tool").c_str(), X_OK), 0) << kind;
    EXPECT_EQ(unpacked("a/b/large"), large) << kind;
    EXPECT_EQ(names(), (Names{"a", "bin", "empty", "top"})) << kind;
  }
}

TEST_F(UnpackOver, TheNameSaysWhichKind) {
  for (const char* name : {"b.txt", "b.tar.bz2", "b", "zip", "b.ZIP"}) {
    const auto checked = check_archive_name(name);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().message, "Can't unpack: unknown archive extension '" + std::string(name) + "'");
  }
  for (const std::string& kind : kinds) {
    EXPECT_TRUE(check_archive_name("x/" + kind));
    for (const std::string& other : kinds) {
      const bool is_same = kind == other || (kind.ends_with("gz") && other.ends_with("gz"));
      archive_merge_test::write_archive(in_folder("archive"), kind, {{"file", "x"}});
      EXPECT_EQ(unpack_over(in_folder("archive"), other, in_folder("out")).has_value(), is_same)
          << kind << " as " << other;
    }
  }
}

TEST_F(UnpackOver, HostileArchivesChangeNothing) {
  const std::vector<Entry> hostile{
      {"../evil", "x"},           {"a/../../evil", "x"},      {"/tmp/escape-evil", "x"},
      {"link", "", 0777, "/etc"}, {"link", "", 0777, "file"},
  };
  for (const std::string& kind : kinds) {
    for (const Entry& entry : hostile) {
      start_over();
      ASSERT_TRUE(write_file(in_folder("out/file"), "mine"));
      const auto done = unpack(kind, {{"file", "theirs"}, entry});
      ASSERT_FALSE(done) << kind << " " << entry.path;
      EXPECT_EQ(done.error().kind, ErrorKind::bad_data) << kind << ": " << describe(done.error());
      EXPECT_EQ(unpacked("file"), "mine") << kind << " " << entry.path;
      EXPECT_EQ(names(), Names{"file"}) << kind << " " << entry.path;
      EXPECT_EQ(list_folder(folder()).value(), (Names{"archive", "out"})) << kind;
    }
  }
  EXPECT_FALSE(exists("/tmp/escape-evil"));
}

TEST_F(UnpackOver, BombsChangeNothing) {
  for (const std::string& kind : kinds) {
    const std::vector<Entry> entries{{"a", std::string(60'000, '0')}, {"b", std::string(60'000, '0')}};
    EXPECT_EQ(unpack(kind, entries, {.max_bytes = 119'999}).error().kind, ErrorKind::bad_data) << kind;
    EXPECT_EQ(unpack(kind, entries, {.max_entries = 1}).error().kind, ErrorKind::bad_data) << kind;
    EXPECT_EQ(names(), Names{}) << kind;
  }
  std::string deep;
  for (int i = 0; i < 150; ++i) deep += "d/";
  EXPECT_EQ(unpack("a.tar", {{"a", "x"}, {deep + "file", "x"}}).error().kind, ErrorKind::bad_data);
  EXPECT_EQ(names(), Names{});
}

TEST_F(UnpackOver, NothingGoesThroughLinksThatLieThere) {
  ASSERT_TRUE(make_folders(in_folder("elsewhere")));
  ASSERT_TRUE(write_file(in_folder("target"), "untouched"));
  ASSERT_EQ(::symlink("../elsewhere", in_folder("out/folder").c_str()), 0);
  ASSERT_EQ(::symlink("../target", in_folder("out/file").c_str()), 0);
  const auto through = unpack("a.zip", {{"folder/evil", "x"}});
  ASSERT_FALSE(through);
  EXPECT_EQ(through.error().kind, ErrorKind::conflict);
  EXPECT_EQ(list_folder(in_folder("elsewhere")).value(), Names{});
  ASSERT_TRUE(unpack("a.zip", {{"file", "new"}}));
  EXPECT_EQ(read_file(in_folder("target")).value(), "untouched");
  EXPECT_EQ(unpacked("file"), "new") << "the link itself was replaced";
}

TEST_F(UnpackOver, FilesAndFoldersDoNotReplaceEachOther) {
  ASSERT_TRUE(make_folders(in_folder("out/folder")));
  ASSERT_TRUE(write_file(in_folder("out/file"), "x"));
  EXPECT_EQ(unpack("a.tgz", {{"folder", "x"}}).error().kind, ErrorKind::conflict);
  EXPECT_EQ(unpack("a.tgz", {{"file/x", "x"}}).error().kind, ErrorKind::conflict);
  EXPECT_EQ(names(), (Names{"file", "folder"}));
}

TEST_F(UnpackOver, OfSeveralFilesOfOnePathTheLastCounts) {
  ASSERT_TRUE(unpack("a.tar", {{"file", "first", 0400}, {"./file", "last"}}));
  EXPECT_EQ(unpacked("file"), "last");
}

TEST_F(UnpackOver, WhatACrashLeftGoes) {
  ASSERT_TRUE(make_folders(in_folder("out/.a.tgz.unpacking/half")));
  ASSERT_TRUE(unpack("a.tgz", {{"file", "x"}}));
  EXPECT_EQ(names(), Names{"file"});
}

TEST_F(UnpackOver, CanBeCancelled) {
  archive_merge_test::write_archive(in_folder("archive"), "a.tgz", {{"file", "x"}});
  const auto done = unpack_over(in_folder("archive"), "a.tgz", in_folder("out"), {}, [] { return true; });
  EXPECT_EQ(done.error().kind, ErrorKind::cancelled);
  EXPECT_EQ(names(), Names{});
}

TEST_F(UnpackOver, DamagedArchivesAreBadData) {
  for (const std::string& kind : kinds) {
    archive_merge_test::write_archive(in_folder("archive"), kind, {{"file", std::string(50'000, 'x')}, {"other", "y"}});
    const std::string whole = read_file(in_folder("archive")).value();
    for (const std::string& bytes :
         {std::string(), std::string("<html>not found</html>"), whole.substr(0, whole.size() / 2)}) {
      if (bytes.empty() && kind == "a.tar") continue;  // which is an empty tar archive
      ASSERT_TRUE(write_file(in_folder("archive"), bytes));
      const auto done = unpack_over(in_folder("archive"), kind, in_folder("out"));
      ASSERT_FALSE(done) << kind << " " << bytes.size();
      EXPECT_EQ(done.error().kind, ErrorKind::bad_data) << kind << ": " << describe(done.error());
      EXPECT_EQ(names(), Names{}) << kind;
    }
  }
}

}  // namespace escape::io
