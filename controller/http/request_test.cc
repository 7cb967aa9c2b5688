#include "controller/http/request.h"

#include <gtest/gtest.h>

#include "controller/http/credentials.h"
#include "controller/http/response.h"

namespace escape::http {
namespace request_test {

TEST(Target, IsDecoded) {
  const Target target = parse_target("/a%40/b%2fc/?prefix=0.0.&x=a+b%26&prefix=9&flag").value();
  EXPECT_EQ(target.path, "/a@/b/c/");
  EXPECT_EQ(target.query.at("prefix"), "0.0.");
  EXPECT_EQ(target.query.at("x"), "a b&");
  EXPECT_EQ(target.query.at("flag"), "");
  for (const char* bad : {"/a%4", "/a%", "/a%zz", "/a%00b"}) EXPECT_FALSE(parse_target(bad)) << bad;
  EXPECT_FALSE(parse_target(std::string_view("/a\0b", 4)));
}

TEST(Target, PathsAreCleaned) {
  const std::pair<const char*, const char*> table[] = {{"/", "/"},
                                                       {"/a/b/", "/a/b/"},
                                                       {"/api//v1/", "/api/v1/"},
                                                       {"/a/./b", "/a/b"},
                                                       {"/a/../../b/", "/b/"},
                                                       {"/..", "/"},
                                                       {"//", "/"},
                                                       {"", "/"}};
  for (const auto& [path, expected] : table) EXPECT_EQ(cleaned_path(path), expected) << path;
}

TEST(Basic, IsRead) {
  const auto read = parse_basic("Basic ZXNjYXBlOnMzY3JldA==");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->user, "escape");
  EXPECT_EQ(read->password, "s3cret");
  EXPECT_EQ(parse_basic("Basic dTpwOndpdGg6Y29sb25z")->password, "p:with:colons");
  for (const char* bad : {"", "Basic", "Basic !!!", "Bearer x", "basic ZXNjYXBlOnMzY3JldA=="}) {
    EXPECT_FALSE(parse_basic(bad)) << bad;
  }
}

TEST(Range, OfAFileOfTenBytes) {
  using Kind = ByteRange::Kind;
  struct Row {
    const char* header;
    Kind kind;
    std::uint64_t offset, length;
  };
  const Row table[] = {
      {"", Kind::whole, 0, 10},
      {"bytes=0-2", Kind::part, 0, 3},
      {"bytes=4-", Kind::part, 4, 6},
      {"bytes=8-99", Kind::part, 8, 2},
      {"bytes=-3", Kind::part, 7, 3},
      {"bytes=-99", Kind::part, 0, 10},
      {"bytes=10-", Kind::unsatisfiable, 0, 0},
      {"bytes=-0", Kind::unsatisfiable, 0, 0},
      {"bytes=3-1", Kind::whole, 0, 10},
      {"bytes=0-1,3-4", Kind::whole, 0, 10},
      {"lines=1-2", Kind::whole, 0, 10},
      {"bytes=x-", Kind::whole, 0, 10},
      {"bytes=99999999999999999999-", Kind::whole, 0, 10},
  };
  for (const Row& row : table) {
    const ByteRange range = parse_range(row.header, 10);
    EXPECT_EQ(range.kind, row.kind) << row.header;
    EXPECT_EQ(range.offset, row.offset) << row.header;
    EXPECT_EQ(range.length, row.length) << row.header;
  }
}

TEST(Moved, GoesToTheCleanPathWithItsQueryAsAHeaderMayHoldIt) {
  const auto location = [](std::string_view path, std::string_view query) {
    return moved_to(path, query).headers.back().second;
  };
  EXPECT_EQ(location("/a b/", ""), "/a%20b/");
  EXPECT_EQ(location("/a", "x=%zz&y=+"), "/a?x=%zz&y=+");
  EXPECT_EQ(location("/a", "x=\1\t\x7f\xff"), "/a?x=%01%09%7f%ff");
}

TEST(Credentials, AreReadFromTheirFiles) {
  const auto tokens = parse_tokens("# ours\nci  s3cret\n\nlonely\n").value();
  ASSERT_EQ(tokens.size(), 2U);
  EXPECT_EQ(authorize_tokens(tokens)("s3cret", "", "").value(), "ci");
  EXPECT_EQ(authorize_tokens(tokens)("lonely", "", "").value(), "token");
  EXPECT_FALSE(authorize_tokens(tokens)("", "", ""));
  EXPECT_EQ(parse_tokens("# nothing\n").error().kind, ErrorKind::bad_configuration);
  const auto passwords = parse_passwords("ann:a:b\n").value();
  EXPECT_EQ(authorize_passwords(passwords)("", "ann", "a:b").value(), "ann");
  EXPECT_FALSE(authorize_passwords(passwords)("", "ann", "a"));
  EXPECT_EQ(parse_passwords("ann\n").error().message, "line 1: expected 'USER:PASSWORD'");
}

}  // namespace request_test
}  // namespace escape::http
