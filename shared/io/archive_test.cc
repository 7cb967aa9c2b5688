#include "shared/io/archive.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "shared/io/folder_for_tests.h"
#include "shared/io/gzip_for_tests.h"

namespace escape::io {
namespace archive_test {

using Names = std::vector<std::string>;

constexpr char regular = '0';
constexpr char hard_link = '1';
constexpr char symbolic_link = '2';
constexpr char character_device = '3';
constexpr char block_device = '4';
constexpr char folder = '5';
constexpr char fifo = '6';

/// A ustar header and its content, by hand: libarchive would not write most of what a hostile archive holds.
std::string tar_member(char type, const std::string& name, const std::string& content, const std::string& link = "",
                       unsigned mode = 0644) {
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { header.replace(at, text.size(), text); };
  const auto octal = [](std::uint64_t number, int digits) {
    std::string text(static_cast<std::size_t>(digits), '0');
    for (auto it = text.rbegin(); it != text.rend(); ++it, number /= 8) *it = static_cast<char>('0' + number % 8);
    return text;
  };
  put(0, name.substr(0, 100));
  put(100, octal(mode, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(content.size(), 11));
  put(136, octal(0, 11));
  put(148, "        ");
  put(156, std::string(1, type));
  put(157, link);
  put(257, std::string("ustar\0"
                       "00",
                       8));
  std::uint64_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, octal(sum, 6) + std::string("\0 ", 2));
  return header + content + std::string((512 - content.size() % 512) % 512, '\0');
}

std::string tgz(const std::vector<std::string>& members) {
  std::string tar;
  for (const std::string& member : members) tar += member;
  return gzipped(tar + std::string(1024, '\0'));
}

unsigned mode_of(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

}  // namespace archive_test

using archive_test::Names;
using archive_test::tar_member;
using archive_test::tgz;

class Archive : public TestFolder {
 protected:
  /// Unpacks the bytes as "top" into "out".
  Result<> unpack(const std::string& bytes, const UnpackLimits& limits = {}) {
    EXPECT_TRUE(write_file(in_folder("package.tgz"), bytes));
    return unpack_archive(in_folder("package.tgz"), "top", in_folder("out"), limits);
  }
};

TEST_F(Archive, WhatIsPackedUnpacks) {
  const std::string large(1'000'003, 'x');
  ASSERT_TRUE(write_file(in_folder("script"), "#!/bin/sh\n", 0755));
  ASSERT_TRUE(write_file(in_folder("large"), large, 0600));
  ASSERT_EQ(::symlink("script", in_folder("link").c_str()), 0);
  const std::string long_name = std::string(120, 'd') + "/" + std::string(200, 'n');
  const auto packed = pack_archive(in_folder("p.tgz"), "hello-v1.0",
                                   {{.path = "release.json", .source = "", .content = "{}"},
                                    {.path = "./bin//deploy.sh", .source = in_folder("script")},
                                    {.path = "linked.sh", .source = in_folder("link")},
                                    {.path = "data/large", .source = in_folder("large")},
                                    {.path = "h\xc3\xa4\xe2\x82\xac.txt", .source = "", .content = "umlaut"},
                                    {.path = long_name, .source = "", .content = "long"},
                                    {.path = "empty", .source = "", .content = "", .mode = 0400}});
  ASSERT_TRUE(packed) << describe(packed.error());
  EXPECT_EQ(archive_test::mode_of(in_folder("p.tgz")), 0644u);
  const auto unpacked = unpack_archive(in_folder("p.tgz"), "hello-v1.0", in_folder("a/b"));
  ASSERT_TRUE(unpacked) << describe(unpacked.error());
  EXPECT_EQ(read_file(in_folder("a/b/release.json")).value(), "{}");
  EXPECT_EQ(read_file(in_folder("a/b/data/large")).value(), large);
  EXPECT_EQ(read_file(in_folder("a/b/linked.sh")).value(), "#!/bin/sh\n");
  EXPECT_EQ(read_file(in_folder("a/b/h\xc3\xa4\xe2\x82\xac.txt")).value(), "umlaut");
  EXPECT_EQ(read_file(in_folder("a/b/" + long_name)).value(), "long");
  EXPECT_EQ(archive_test::mode_of(in_folder("a/b/bin/deploy.sh")), 0755u);
  EXPECT_EQ(archive_test::mode_of(in_folder("a/b/data/large")), 0600u);
  EXPECT_EQ(archive_test::mode_of(in_folder("a/b/empty")), 0400u);
  EXPECT_EQ(list_folder(in_folder("a")).value(), Names{"b"});
}

TEST_F(Archive, TheSameFilesGiveTheSameBytes) {
  ASSERT_TRUE(write_file(in_folder("file"), "content", 0640));
  const ArchiveEntry file{.path = "file", .source = in_folder("file")};
  const ArchiveEntry text{.path = "a", .source = "", .content = "text"};
  ASSERT_TRUE(pack_archive(in_folder("1.tgz"), "top", {file, text}));
  const timespec other_times[2] = {{1'000'000, 0}, {1'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, in_folder("file").c_str(), other_times, 0), 0);
  ASSERT_TRUE(pack_archive(in_folder("2.tgz"), "top", {text, file}));
  EXPECT_EQ(read_file(in_folder("1.tgz")).value(), read_file(in_folder("2.tgz")).value());
}

TEST_F(Archive, SourcesThatCannotBePackedLeaveTheTargetAsItWas) {
  ASSERT_TRUE(write_file(in_folder("p.tgz"), "old"));
  ASSERT_TRUE(make_folders(in_folder("folder")));
  ASSERT_EQ(::symlink("folder", in_folder("to-folder").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", in_folder("dangling").c_str()), 0);
  ASSERT_EQ(::symlink("loop", in_folder("loop").c_str()), 0);
  ASSERT_EQ(::mkfifo(in_folder("fifo").c_str(), 0600), 0);
  struct Row {
    const char* source;
    ErrorKind kind;
  };
  for (const Row& row :
       {Row{"folder", ErrorKind::bad_data}, Row{"to-folder", ErrorKind::bad_data}, Row{"fifo", ErrorKind::bad_data},
        Row{"loop", ErrorKind::bad_data}, Row{"dangling", ErrorKind::not_found}, Row{"none", ErrorKind::not_found}}) {
    const auto packed = pack_archive(in_folder("p.tgz"), "top", {{.path = "file", .source = in_folder(row.source)}});
    ASSERT_FALSE(packed) << row.source;
    EXPECT_EQ(packed.error().kind, row.kind) << packed.error().message;
    EXPECT_NE(packed.error().message.find(row.source), std::string::npos) << packed.error().message;
  }
  EXPECT_EQ(read_file(in_folder("p.tgz")).value(), "old");
  EXPECT_EQ(list_folder(folder()).value(), (Names{"dangling", "fifo", "folder", "loop", "p.tgz", "to-folder"}));
}

TEST_F(Archive, PathsThatNoArchiveMayHoldAreNotPacked) {
  for (const Names& paths : {Names{"../x"}, Names{"a/../../x"}, Names{"/x"}, Names{""}, Names{"."}, Names{"a\nb"},
                             Names{"a", "a"}, Names{"a", "./a"}, Names{"a", "a/b"}, Names{"a", "a-b", "a/b/c"}}) {
    std::vector<ArchiveEntry> entries;
    for (const std::string& path : paths) entries.push_back({.path = path, .source = ""});
    const auto packed = pack_archive(in_folder("p.tgz"), "top", entries);
    ASSERT_FALSE(packed) << paths.back();
    EXPECT_EQ(packed.error().kind, ErrorKind::bad_data);
  }
  EXPECT_FALSE(pack_archive(in_folder("p.tgz"), "..", {}));
  EXPECT_FALSE(exists(in_folder("p.tgz")));
}

TEST_F(Archive, AWriteThatTheSystemRefusesIsAStorageErrorAndLeavesNothing) {
  const std::string noise = [] {
    std::string bytes;
    std::uint32_t state = 1;
    for (int i = 0; i < 300'000; ++i) bytes += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    return bytes;
  }();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{100'000, before.rlim_max};
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto packed = pack_archive(in_folder("p.tgz"), "top", {{.path = "file", .source = "", .content = noise}});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(packed);
  EXPECT_EQ(packed.error().kind, ErrorKind::storage) << packed.error().message;
  EXPECT_EQ(list_folder(folder()).value(), Names{});
}

TEST_F(Archive, HostileArchivesAreRefusedWithTheEntrysNameAndLeaveNothing) {
  using namespace archive_test;
  const std::string good = tar_member(regular, "top/file", "content");
  struct Row {
    const char* name;
    std::string member;
    const char* said;
  };
  for (const Row& row : {
           Row{"parent", tar_member(regular, "top/../../evil", "x"), "'top/../../evil'"},
           Row{"parent inside", tar_member(regular, "top/a/../evil", "x"), "'top/a/../evil'"},
           Row{"parent folder", tar_member(archive_test::folder, "top/..", ""), "'top/..'"},
           Row{"absolute", tar_member(regular, "/tmp/evil", "x"), "'/tmp/evil'"},
           Row{"symbolic link", tar_member(symbolic_link, "top/link", "", "/etc"), "'top/link' is a symbolic link"},
           Row{"link within", tar_member(symbolic_link, "top/link", "", "file"), "'top/link' is a symbolic link"},
           Row{"hard link", tar_member(hard_link, "top/hard", "", "top/file"), "'top/hard' is a hard link"},
           Row{"hard link out", tar_member(hard_link, "top/hard", "", "/etc/passwd"), "'top/hard' is a hard link"},
           Row{"device", tar_member(character_device, "top/null", ""), "'top/null'"},
           Row{"block device", tar_member(block_device, "top/disk", ""), "'top/disk'"},
           Row{"fifo", tar_member(fifo, "top/fifo", ""), "'top/fifo'"},
           Row{"duplicate", tar_member(regular, "top/file", "other"), "'top/file' comes twice"},
           Row{"duplicate, other spelling", tar_member(regular, "./top//file", "other"), "'top/file' comes twice"},
           Row{"folder over file", tar_member(archive_test::folder, "top/file/", ""), "'top/file'"},
           Row{"inside a file", tar_member(regular, "top/file/x", ""), "'top/file/x'"},
           Row{"outside top", tar_member(regular, "other/file", "x"), "'other/file'"},
           Row{"beside top", tar_member(regular, "top-2/file", "x"), "'top-2/file'"},
           Row{"top as a file", tar_member(regular, "top", "x"), "'top'"},
           Row{"control characters", tar_member(regular, "top/a\x1b[2Jb", "x"), "'top/a?[2Jb'"},
       }) {
    for (const bool is_first : {false, true}) {
      if (is_first && std::string_view(row.said).find("'top/file") != std::string_view::npos) continue;
      const auto unpacked = unpack(is_first ? tgz({row.member, good}) : tgz({good, row.member}));
      ASSERT_FALSE(unpacked) << row.name;
      EXPECT_EQ(unpacked.error().kind, ErrorKind::bad_data) << row.name << ": " << describe(unpacked.error());
      EXPECT_NE(describe(unpacked.error()).find(row.said), std::string::npos)
          << row.name << ": " << describe(unpacked.error());
      EXPECT_EQ(list_folder(folder()).value(), Names{"package.tgz"}) << row.name;
    }
  }
}

TEST_F(Archive, PrivilegesOfModesAreDroppedAndFoldersStayOpenToTheirOwner) {
  using namespace archive_test;
  ASSERT_TRUE(unpack(tgz({tar_member(archive_test::folder, "top/", "", "", 0755),
                          tar_member(archive_test::folder, "top/closed/", "", "", 01000),
                          tar_member(regular, "top/closed/tool", "x", "", 06755)})));
  EXPECT_EQ(mode_of(in_folder("out/closed")), 0700u);
  EXPECT_EQ(mode_of(in_folder("out/closed/tool")), 0755u);
}

TEST_F(Archive, DamagedArchivesAreBadData) {
  using namespace archive_test;
  const std::string whole = tgz({tar_member(regular, "top/file", std::string(5000, 'x'))});
  std::string wrong_sum = tar_member(regular, "top/file", "x");
  wrong_sum[0] = 'T';
  for (const std::string& bytes :
       {std::string(), std::string("not an archive at all"), whole.substr(0, 5), whole.substr(0, 300),
        whole.substr(0, 3000), gzipped("no tar in here"), tgz({wrong_sum}), gzipped(whole),
        tar_member(regular, "top/file", "x") + std::string(1024, '\0')}) {
    const auto unpacked = unpack(bytes);
    ASSERT_FALSE(unpacked) << bytes.size();
    EXPECT_EQ(unpacked.error().kind, ErrorKind::bad_data) << describe(unpacked.error());
    EXPECT_NE(describe(unpacked.error()).find("package.tgz"), std::string::npos) << describe(unpacked.error());
    EXPECT_EQ(list_folder(folder()).value(), Names{"package.tgz"});
  }
}

TEST_F(Archive, WhatGrowsPastTheLimitsIsRefused) {
  using namespace archive_test;
  const std::string two =
      tgz({tar_member(regular, "top/a", std::string(600, 'a')), tar_member(regular, "top/b", std::string(600, 'b'))});
  EXPECT_EQ(unpack(two, {.max_bytes = 1199}).error().kind, ErrorKind::bad_data);
  EXPECT_EQ(unpack(two, {.max_entries = 1}).error().kind, ErrorKind::bad_data);
  EXPECT_EQ(list_folder(folder()).value(), Names{"package.tgz"});
  EXPECT_TRUE(unpack(two, {.max_bytes = 1200, .max_entries = 2}));
}

TEST_F(Archive, AFolderWithContentIsNotReplacedAnEmptyOneIs) {
  using namespace archive_test;
  const std::string bytes = tgz({tar_member(regular, "top/file", "new")});
  ASSERT_TRUE(make_folders(in_folder("out")));
  ASSERT_TRUE(unpack(bytes));
  const auto again = unpack(bytes);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::conflict);
  EXPECT_EQ(list_folder(folder()).value(), (Names{"out", "package.tgz"}));
}

TEST_F(Archive, OneMemberCanBeRead) {
  using namespace archive_test;
  ASSERT_TRUE(write_file(in_folder("p.tgz"), tgz({tar_member(regular, "top/large", std::string(2000, 'x')),
                                                  tar_member(regular, "./top/release.json", "{}")})));
  EXPECT_EQ(read_archive_member(in_folder("p.tgz"), "top/release.json").value(), "{}");
  EXPECT_EQ(read_archive_member(in_folder("p.tgz"), "top/none").error().kind, ErrorKind::not_found);
  EXPECT_EQ(read_archive_member(in_folder("p.tgz"), "top/large", 1999).error().kind, ErrorKind::bad_data);
  EXPECT_EQ(read_archive_member(in_folder("p.tgz"), "top/large", 2000).value().size(), 2000u);
  EXPECT_EQ(read_archive_member(in_folder("none.tgz"), "x").error().kind, ErrorKind::not_found);
  EXPECT_EQ(read_archive_members(in_folder("p.tgz"), {"top/release.json", "top/large", "top/none"}, 10).value(),
            (std::map<std::string, std::string>{{"top/large", std::string(11, 'x')}, {"top/release.json", "{}"}}));
  ASSERT_TRUE(write_file(in_folder("p.tgz"), "no archive"));
  EXPECT_EQ(read_archive_member(in_folder("p.tgz"), "x").error().kind, ErrorKind::bad_data);
}

}  // namespace escape::io
