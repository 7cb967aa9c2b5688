#include "shared/io/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "shared/io/folder_for_tests.h"

namespace escape::io {
namespace files_test {

using Names = std::vector<std::string>;

unsigned mode_of(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

}  // namespace files_test

using Files = TestFolder;
using FileLocks = TestFolder;
using files_test::mode_of;
using files_test::Names;

TEST_F(Files, WhatIsWrittenIsReadAndNothingElseIsLeft) {
  for (const std::string& content :
       {std::string("first"), std::string(), std::string(200'000, 'x'), std::string("\0\n", 2)}) {
    ASSERT_TRUE(write_file(in_folder("file"), content));
    EXPECT_EQ(read_file(in_folder("file")).value(), content);
  }
  EXPECT_EQ(list_folder(folder()).value(), Names{"file"});
}

TEST_F(Files, TheModeIsAsGivenWhateverTheUmask) {
  const mode_t before = ::umask(077);
  EXPECT_TRUE(write_file(in_folder("open"), "", 0664));
  EXPECT_TRUE(write_file(in_folder("secret"), "", 0600));
  ::umask(before);
  EXPECT_EQ(mode_of(in_folder("open")), 0664u);
  EXPECT_EQ(mode_of(in_folder("secret")), 0600u);
}

TEST_F(Files, RewritingKeepsTheModeAndTheLink) {
  ASSERT_TRUE(write_file(in_folder("file"), "old", 0640));
  ASSERT_EQ(::symlink("file", in_folder("link").c_str()), 0);
  ASSERT_TRUE(rewrite_file(in_folder("link"), "new"));
  EXPECT_EQ(read_file(in_folder("file")).value(), "new");
  EXPECT_EQ(mode_of(in_folder("file")), 0640u);
  EXPECT_EQ(list_folder(folder()).value(), (Names{"file", "link"}));
  struct stat status{};
  ASSERT_EQ(::lstat(in_folder("link").c_str(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
  EXPECT_EQ(rewrite_file(in_folder("none"), "x").error().kind, ErrorKind::not_found);
  EXPECT_EQ(rewrite_file(folder(), "x").error().kind, ErrorKind::bad_data);
}

TEST_F(Files, AReaderOfTheOldContentIsNotDisturbed) {
  ASSERT_TRUE(write_file(in_folder("file"), "old"));
  const Fd reader = open_file(in_folder("file"), O_RDONLY).value();
  ASSERT_TRUE(write_file(in_folder("file"), "new"));
  char buffer[8];
  const std::size_t count = read_some(reader, buffer, sizeof buffer, "file").value();
  EXPECT_EQ(std::string(buffer, count), "old");
}

TEST_F(Files, AFailedWriteLeavesNothingBehind) {
  ASSERT_TRUE(make_folders(in_folder("taken/x")));
  EXPECT_FALSE(write_file(in_folder("taken"), "content"));
  EXPECT_EQ(list_folder(folder()).value(), Names{"taken"});
  EXPECT_EQ(write_file(in_folder("none/file"), "content").error().kind, ErrorKind::not_found);
}

TEST_F(Files, AFullDiskIsSaidInPlainWords) {
  const Fd full = open_file("/dev/full", O_WRONLY).value();
  const Error error = write_all(full, "x", "/srv/file").error();
  EXPECT_EQ(error.kind, ErrorKind::storage);
  EXPECT_EQ(error.message, "cannot write '/srv/file': the disk is full");
  EXPECT_FALSE(error.hint.empty());
}

TEST_F(Files, EachErrnoHasItsKind) {
  EXPECT_EQ(file_error("read", "x", EACCES).kind, ErrorKind::no_permission);
  EXPECT_EQ(file_error("read", "x", ENOENT).kind, ErrorKind::not_found);
  EXPECT_EQ(file_error("read", "x", EDQUOT).kind, ErrorKind::storage);
  EXPECT_EQ(file_error("read", "x", EIO).kind, ErrorKind::storage);
  EXPECT_EQ(file_error("read", "x", EMFILE).kind, ErrorKind::temporary);
  EXPECT_EQ(file_error("read", "x", ENOENT).message, "cannot read 'x': it does not exist");
}

TEST_F(Files, AFileLargerThanAllowedIsRefused) {
  ASSERT_TRUE(write_file(in_folder("file"), "12345"));
  EXPECT_TRUE(read_file(in_folder("file"), 5));
  EXPECT_EQ(read_file(in_folder("file"), 4).error().kind, ErrorKind::bad_data);
  EXPECT_EQ(read_file("/dev/zero", 1000).error().kind, ErrorKind::bad_data);
  EXPECT_EQ(file_size(in_folder("file")).value(), 5u);
}

TEST_F(Files, FoldersAreMadeWithTheirParents) {
  EXPECT_TRUE(make_folders(in_folder("a//b/c/")));
  EXPECT_TRUE(make_folders(in_folder("a/b/c")));
  EXPECT_TRUE(is_folder(in_folder("a/b/c")));
  EXPECT_TRUE(make_folders(in_folder("private"), 0700));
  EXPECT_EQ(mode_of(in_folder("private")), 0700u);
  ASSERT_TRUE(write_file(in_folder("file"), ""));
  EXPECT_EQ(make_folders(in_folder("file")).error().kind, ErrorKind::conflict);
  EXPECT_FALSE(make_folders(in_folder("file/below")));
}

TEST_F(Files, RemovingATreeDoesNotFollowLinks) {
  ASSERT_TRUE(make_folders(in_folder("kept")));
  ASSERT_TRUE(write_file(in_folder("kept/file"), ""));
  ASSERT_TRUE(make_folders(in_folder("tree/deep")));
  ASSERT_EQ(::symlink(in_folder("kept").c_str(), in_folder("tree/deep/link").c_str()), 0);
  ASSERT_EQ(::symlink(in_folder("kept").c_str(), in_folder("link").c_str()), 0);
  EXPECT_TRUE(remove_all(in_folder("tree")));
  EXPECT_TRUE(remove_all(in_folder("link/")));
  EXPECT_TRUE(remove_all(in_folder("never there")));
  EXPECT_EQ(list_folder(folder()).value(), Names{"kept"});
  EXPECT_TRUE(exists(in_folder("kept/file")));
}

TEST_F(Files, ListingIsSortedAndAMissingFolderNotFound) {
  for (const char* name : {"b", "a", ".hidden"}) ASSERT_TRUE(write_file(in_folder(name), ""));
  EXPECT_EQ(list_folder(folder()).value(), (Names{".hidden", "a", "b"}));
  EXPECT_EQ(list_folder(in_folder("none")).error().kind, ErrorKind::not_found);
  EXPECT_EQ(list_folder(in_folder("a")).error().kind, ErrorKind::not_found);
}

TEST(Paths, AreTakenApartAndPutTogether) {
  EXPECT_EQ(join_path("a", "b"), "a/b");
  EXPECT_EQ(join_path("a/", "/b"), "a/b");
  EXPECT_EQ(join_path("/", "b"), "/b");
  EXPECT_EQ(join_path("", "b"), "b");
  EXPECT_EQ(join_path("a", ""), "a");
  EXPECT_EQ(parent_path("a/b"), "a");
  EXPECT_EQ(parent_path("a/b/"), "a");
  EXPECT_EQ(parent_path("a"), ".");
  EXPECT_EQ(parent_path("/a"), "/");
  EXPECT_EQ(parent_path("/"), "/");
  EXPECT_EQ(file_name("a/b"), "b");
  EXPECT_EQ(file_name("a/b/"), "b");
  EXPECT_EQ(file_name("a"), "a");
  EXPECT_EQ(file_name("/"), "/");
  EXPECT_EQ(absolute_path("/a/./b/../c/"), "/a/c");
  EXPECT_EQ(absolute_path("/"), "/");
  EXPECT_TRUE(absolute_path("a").starts_with("/"));
}

TEST(Paths, OfThisProgramAndItsUser) {
  EXPECT_TRUE(exists(join_path(program_folder(), "escape_io_test")));
  EXPECT_FALSE(home_folder().empty());
}

TEST(Descriptors, AreClosedOnceAndOnExec) {
  Fd first = open_file("/dev/null", O_RDONLY).value();
  EXPECT_NE(::fcntl(first.get(), F_GETFD) & FD_CLOEXEC, 0);
  const int number = first.get();
  Fd second = std::move(first);
  EXPECT_FALSE(first);
  EXPECT_EQ(second.get(), number);
  second = Fd();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST_F(FileLocks, TheSecondIsToldWhoHoldsIt) {
  auto first = FileLock::try_exclusive(in_folder("lock"));
  ASSERT_TRUE(first);
  EXPECT_EQ(FileLock::holder(in_folder("lock")), "");
  first.value().describe("pid 12: escape run deploy x");
  EXPECT_EQ(FileLock::holder(in_folder("lock")), "pid 12: escape run deploy x");
  const auto second = FileLock::try_exclusive(in_folder("lock"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::conflict);
  EXPECT_NE(second.error().message.find("pid 12: escape run deploy x"), std::string::npos);
}

TEST_F(FileLocks, AReleasedLockSaysNothingOfItsLastHolder) {
  {
    FileLock::exclusive(in_folder("lock")).value().describe("gone");
  }
  const auto next = FileLock::try_exclusive(in_folder("lock"));
  ASSERT_TRUE(next);
  EXPECT_EQ(FileLock::holder(in_folder("lock")), "");
}

TEST_F(FileLocks, ADeadProcessHoldsNothing) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lock = FileLock::try_exclusive(in_folder("lock"));
    ::_exit(lock ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(FileLock::try_exclusive(in_folder("lock")));
}

TEST_F(Files, AFolderTakesThePlaceOfAnother) {
  ASSERT_TRUE(make_folders(in_folder("new")));
  ASSERT_TRUE(write_file(in_folder("new/file"), "first"));
  ASSERT_TRUE(replace_folder(in_folder("new"), in_folder("place")));
  EXPECT_EQ(list_folder(folder()).value(), Names{"place"});
  ASSERT_TRUE(make_folders(in_folder("new")));
  ASSERT_TRUE(write_file(in_folder("new/file"), "second"));
  ASSERT_TRUE(replace_folder(in_folder("new"), in_folder("place")));
  EXPECT_EQ(read_file(in_folder("place/file")).value(), "second");
  EXPECT_EQ(read_file(in_folder("new/file")).value(), "first");
  EXPECT_EQ(replace_folder(in_folder("none"), in_folder("place")).error().kind, ErrorKind::not_found);
  EXPECT_EQ(read_file(in_folder("place/file")).value(), "second");
}

TEST_F(FileLocks, ALockWhoseFileWasRemovedDoesNotBlockTheNewOne) {
  const auto old = FileLock::try_exclusive(in_folder("lock"));
  ASSERT_TRUE(old);
  ASSERT_TRUE(remove_all(in_folder("lock")));
  EXPECT_TRUE(FileLock::try_exclusive(in_folder("lock")));
}

TEST_F(FileLocks, AFolderThatIsMissingIsSaid) {
  EXPECT_EQ(FileLock::try_exclusive(in_folder("none/lock")).error().kind, ErrorKind::not_found);
}

}  // namespace escape::io
