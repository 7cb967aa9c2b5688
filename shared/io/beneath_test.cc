#include "shared/io/beneath.h"

#include <sys/stat.h>
#include <unistd.h>

#include "shared/io/folder_for_tests.h"

namespace escape::io {

class Beneath : public TestFolder {
 protected:
  Beneath() {
    EXPECT_TRUE(make_folders(in_folder("root/real/deep")));
    EXPECT_TRUE(write_file(in_folder("secret"), "outside"));
    EXPECT_TRUE(write_file(in_folder("root/real/file"), "inside"));
    link("../secret", "out");
    link(in_folder("secret"), "out-absolute");
    link("..", "up");
    link("real", "in");
    link("nowhere", "dangling");
    link("loop", "loop");
  }
  void link(const std::string& to, const std::string& name) {
    EXPECT_EQ(::symlink(to.c_str(), in_folder("root/" + name).c_str()), 0);
  }
  std::string root() const { return in_folder("root"); }
};

TEST_F(Beneath, OnlyPlainRelativePathsAreTaken) {
  for (const char* path : {"", ".", "./", "/", "/etc", "..", "../x", "a/..", "a/../../b", "a\nb"}) {
    const auto plain = plain_path_beneath(path);
    ASSERT_FALSE(plain) << path;
    EXPECT_EQ(plain.error().kind, ErrorKind::bad_data);
  }
  EXPECT_FALSE(plain_path_beneath(std::string(5000, 'a')));
  EXPECT_EQ(plain_path_beneath("./a//b/").value(), "a/b");
  EXPECT_EQ(plain_path_beneath("..a/b..").value(), "..a/b..");
}

TEST_F(Beneath, WhatIsThereAndWhatIsNot) {
  EXPECT_TRUE(exists_beneath(root(), "real/file").value());
  EXPECT_TRUE(exists_beneath(root(), "in/file").value()) << "a link that stays below";
  for (const char* path : {"none", "none/file", "real/file/x", "dangling"}) {
    EXPECT_FALSE(exists_beneath(root(), path).value()) << path;
  }
  for (const char* path : {"out", "out-absolute", "up/secret", "up/root/real/file"}) {
    const auto exists = exists_beneath(root(), path);
    ASSERT_FALSE(exists) << path;
    EXPECT_EQ(exists.error().kind, ErrorKind::bad_data) << path;
    EXPECT_EQ(exists.error().message, "'" + std::string(path) + "' leads out of the working folder");
    EXPECT_FALSE(find_file_beneath(root(), path)) << path;
  }
  EXPECT_FALSE(exists_beneath(root(), "loop"));
}

TEST_F(Beneath, FilesAreReadAndNothingElse) {
  EXPECT_EQ(find_file_beneath(root(), "in/file").value(), "inside");
  EXPECT_FALSE(find_file_beneath(root(), "none").value());
  EXPECT_TRUE(open_file_beneath(root(), "in/file").value());
  EXPECT_FALSE(open_file_beneath(root(), "none").value());
  EXPECT_FALSE(open_file_beneath(root(), "real")) << "a folder";
  EXPECT_FALSE(find_file_beneath(root(), "real")) << "a folder";
  EXPECT_FALSE(find_file_beneath(root(), "real/file", 5)) << "too large";
  ASSERT_EQ(::mkfifo(in_folder("root/fifo").c_str(), 0600), 0);
  EXPECT_FALSE(find_file_beneath(root(), "fifo")) << "must not wait for a writer";
}

TEST_F(Beneath, PlacesAreMadeBelowOnly) {
  const auto made = Place::make(root(), "in/new/deeper/file");
  ASSERT_TRUE(made) << describe(made.error());
  ASSERT_TRUE(write_file(made.value().path(), "x"));
  EXPECT_EQ(read_file(in_folder("root/real/new/deeper/file")).value(), "x");
  EXPECT_EQ(made.value().name(), "file");
  for (const char* path : {"up/new/file", "out/file", "dangling/file", "real/file/x"}) {
    EXPECT_FALSE(Place::make(root(), path)) << path;
  }
  EXPECT_EQ(list_folder(folder()).value(), (std::vector<std::string>{"root", "secret"}));
  EXPECT_FALSE(exists(in_folder("root/nowhere")));
  EXPECT_EQ(Place::find(root(), "none/file").error().kind, ErrorKind::not_found);
  EXPECT_TRUE(Place::find(root(), "file"));
}

/// A name above the file that becomes a link later does not change where it lies.
TEST_F(Beneath, APlaceStaysWhereItWasFound) {
  const Place place = Place::find(root(), "real/new").value();
  ASSERT_TRUE(rename(in_folder("root/real"), in_folder("root/moved")));
  link("..", "real");
  ASSERT_TRUE(write_file(place.path(), "x"));
  EXPECT_TRUE(exists(in_folder("root/moved/new")));
  EXPECT_FALSE(exists(in_folder("new")));
}

TEST_F(Beneath, ErrorsNameThePathAsItWasGiven) {
  const Place place = Place::find(root(), "real/none").value();
  const Error error = place.in_words(read_file(place.path()).error());
  EXPECT_EQ(error.message, "cannot read 'real/none': it does not exist");
  const Place top = Place::find(root(), "none").value();
  EXPECT_EQ(top.in_words(read_file(top.path()).error()).message, "cannot read 'none': it does not exist");
}

TEST_F(Beneath, PatternsMatchBelowOnly) {
  ASSERT_TRUE(write_file(in_folder("root/real/deep/a.txt"), ""));
  ASSERT_TRUE(write_file(in_folder("root/real/.hidden"), ""));
  struct Row {
    const char* pattern;
    const char* match;
  };
  for (const Row& row : {Row{"real/file", "real/file"}, Row{"real/f*", "real/file"}, Row{"*/*/*.txt", "in/deep/a.txt"},
                         Row{"re?l/[f-g]ile", "real/file"}, Row{"./real//fi*", "real/file"},
                         Row{"real/*h*", "real/.hidden"}, Row{"real/x*", ""}, Row{"none/*", ""}, Row{"real/file/*", ""},
                         Row{"up/*", ""}, Row{"out*", ""}, Row{"dangl*", ""}, Row{"*/secret", ""}, Row{"*.txt", ""}}) {
    const auto match = find_match_beneath(root(), row.pattern);
    ASSERT_TRUE(match) << row.pattern;
    EXPECT_EQ(match.value().value_or(""), row.match) << row.pattern;
  }
  EXPECT_FALSE(find_match_beneath(root(), "../*"));
  EXPECT_FALSE(find_match_beneath(root(), "/etc/*"));
}

}  // namespace escape::io
