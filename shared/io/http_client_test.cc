#include "shared/io/http_client.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "shared/base/text.h"
#include "shared/io/folder_for_tests.h"
#include "shared/io/http_server_for_tests.h"

namespace escape::io {

using http_testing::reply;
using http_testing::Server;

class HttpClient : public TestFolder {
 protected:
  HttpClient() { ::setenv("no_proxy", "127.0.0.1", 1); }
  Download download_of(const Server& server, std::uint64_t expected_size = 0) const {
    return {.url = server.url(), .file = in_folder("file"), .expected_size = expected_size};
  }
  std::string downloaded() const { return read_file(in_folder("file")).value(); }
};

TEST_F(HttpClient, ARequestGoesOutAsAskedAndItsAnswerComesBack) {
  Server server({reply("201 Created", "{\"ok\":true}", "X-Thing:  some value \r\n")});
  server.start();
  const auto response = http({.method = "PUT",
                              .url = server.url("/a?b=c"),
                              .headers = {{"X-Escape-Token", "t0ken"}, {"Content-Type", "application/json"}},
                              .body = "{}",
                              .user = "name",
                              .password = "word"});
  ASSERT_TRUE(response) << describe(response.error());
  EXPECT_EQ(response.value().status, 201);
  EXPECT_EQ(response.value().body, "{\"ok\":true}");
  EXPECT_EQ(response.value().header("x-thing"), "some value");
  EXPECT_EQ(response.value().header("x-other"), "");
  const std::string request = server.requests().at(0);
  EXPECT_TRUE(request.starts_with("PUT /a?b=c HTTP/1.1\r\n")) << request;
  EXPECT_TRUE(request.ends_with("\r\n\r\n{}")) << request;
  EXPECT_NE(request.find("X-Escape-Token: t0ken\r\n"), std::string::npos) << request;
  EXPECT_NE(request.find("Content-Type: application/json\r\n"), std::string::npos) << request;
  EXPECT_NE(request.find("Authorization: Basic bmFtZTp3b3Jk\r\n"), std::string::npos) << request;
}

TEST_F(HttpClient, EveryStatusIsAnAnswer) {
  for (const char* status : {"200 OK", "404 Not Found", "500 Oops"}) {
    Server server({reply(status, "text")});
    server.start();
    const auto response = http({.url = server.url()});
    ASSERT_TRUE(response) << describe(response.error());
    EXPECT_EQ(response.value().status, std::stoi(status));
    EXPECT_EQ(response.value().body, "text");
  }
}

TEST_F(HttpClient, AFileIsSentAsAPartOfThatName) {
  ASSERT_TRUE(write_file(in_folder("package.tgz"), "the package"));
  Server server({reply("200 OK", "")});
  server.start();
  ASSERT_TRUE(http({.method = "POST", .url = server.url(), .upload_file = in_folder("package.tgz")}));
  const std::string request = server.requests().at(0);
  EXPECT_TRUE(request.starts_with("POST ")) << request;
  EXPECT_NE(request.find("Content-Type: multipart/form-data"), std::string::npos) << request;
  EXPECT_NE(request.find("name=\"file\"; filename=\"package.tgz\""), std::string::npos) << request;
  EXPECT_NE(request.find("\r\n\r\nthe package\r\n"), std::string::npos) << request;
  EXPECT_EQ(http({.method = "POST", .url = server.url(), .upload_file = in_folder("none")}).error().kind,
            ErrorKind::not_found);
}

TEST_F(HttpClient, ADownloadMayBeThatOfSomebody) {
  Server server({reply("200 OK", "the package")});
  server.start();
  Download what = download_of(server);
  what.token = "t0ken";
  what.user = "name";
  what.password = "word";
  ASSERT_TRUE(download(what));
  const std::string request = server.requests().at(0);
  EXPECT_NE(request.find("X-Escape-Token: t0ken\r\n"), std::string::npos) << request;
  EXPECT_NE(request.find("Authorization: Basic bmFtZTp3b3Jk\r\n"), std::string::npos) << request;
}

TEST_F(HttpClient, FailuresHaveTheirKind) {
  std::string closed;
  {
    Server server({});
    closed = server.url();
  }
  const Error refused = http({.url = closed}).error();
  EXPECT_EQ(refused.kind, ErrorKind::unreachable);
  EXPECT_NE(refused.message.find(closed), std::string::npos) << refused.message;
  EXPECT_EQ(http({.url = "ftp://127.0.0.1/x"}).error().kind, ErrorKind::bad_data);
  EXPECT_EQ(http({.url = "file:///etc/passwd"}).error().kind, ErrorKind::bad_data);
  EXPECT_EQ(http({.url = "http://"}).error().kind, ErrorKind::bad_data);

  Server large({reply("200 OK", std::string(1000, 'x'))});
  large.start();
  EXPECT_EQ(http({.url = large.url(), .max_response = 999}).error().kind, ErrorKind::bad_data);

  Server silent({""});
  silent.start();
  EXPECT_EQ(http({.url = silent.url(), .stall_limit = Millis{1000}}).error().kind, ErrorKind::timed_out);
}

TEST_F(HttpClient, PasswordsInUrlsAreNotTold) {
  Server server({"nonsense\r\n\r\n"});
  server.start();
  std::string url = server.url();
  url.insert(7, "name:secret@");
  const Error error = http({.url = url}).error();
  EXPECT_EQ(error.kind, ErrorKind::unreachable);
  EXPECT_EQ(error.message.find("secret"), std::string::npos) << error.message;
}

TEST_F(HttpClient, RedirectsAreFollowedButTakeNoSecretsToAnotherHost) {
  Server target({reply("200 OK", "there")});
  target.start();
  Server first({});
  first.set_replies({reply("302 Found", "ignored", "Location: /second\r\n"),
                     reply("307 Moved", "ignored", fmt::format("Location: {}\r\n", target.url("/third")))});
  first.start();
  const auto response = http({.url = first.url(),
                              .headers = {{"X-Escape-Token", "t0ken"}, {"Accept", "text/plain"}},
                              .user = "name",
                              .password = "word"});
  ASSERT_TRUE(response) << describe(response.error());
  EXPECT_EQ(response.value().body, "there");
  ASSERT_EQ(first.requests().size(), 2u);
  EXPECT_NE(first.requests()[1].find("GET /second"), std::string::npos);
  EXPECT_NE(first.requests()[1].find("X-Escape-Token: t0ken"), std::string::npos);
  const std::string last = target.requests().at(0);
  EXPECT_NE(last.find("Accept: text/plain"), std::string::npos) << last;
  EXPECT_EQ(last.find("t0ken"), std::string::npos) << last;
  EXPECT_EQ(last.find("Authorization"), std::string::npos) << last;
}

TEST_F(HttpClient, RedirectsEndSomewhere) {
  Server circle(std::vector<std::string>(6, reply("302 Found", "", "Location: /again\r\n")));
  circle.start();
  EXPECT_EQ(http({.url = circle.url()}).error().kind, ErrorKind::unreachable);
  EXPECT_EQ(circle.requests().size(), 6u);
  Server to_file({reply("302 Found", "", "Location: file:///etc/passwd\r\n")});
  to_file.start();
  EXPECT_FALSE(http({.url = to_file.url()}));
}

TEST_F(HttpClient, ADownloadIsTheWholeFile) {
  const std::string content(300'000, 'x');
  Server server({reply("200 OK", content)});
  server.start();
  Download what = download_of(server, content.size());
  what.token = "t0ken";
  const auto result = download(what);
  ASSERT_TRUE(result) << describe(result.error());
  EXPECT_EQ(downloaded(), content);
  EXPECT_NE(server.requests().at(0).find("X-Escape-Token: t0ken"), std::string::npos);
  EXPECT_EQ(server.requests().at(0).find("Range:"), std::string::npos);
}

TEST_F(HttpClient, AnEmptyFileIsAFile) {
  Server server({reply("200 OK", "")});
  server.start();
  ASSERT_TRUE(download(download_of(server)));
  EXPECT_EQ(downloaded(), "");
}

TEST_F(HttpClient, ADownloadGoesOnWhereTheConnectionWasCut) {
  Server server({reply("200 OK", "01234", "", 10), reply("503 Busy", "later"),
                 reply("206 Partial", "567", "Content-Range: bytes 5-9/10\r\n", 5),
                 reply("206 Partial", "89", "Content-Range: bytes 8-9/10\r\n")});
  server.start();
  const auto result = download(download_of(server, 10));
  ASSERT_TRUE(result) << describe(result.error());
  EXPECT_EQ(downloaded(), "0123456789");
  ASSERT_EQ(server.requests().size(), 4u);
  EXPECT_NE(server.requests()[1].find("Range: bytes=5-\r\n"), std::string::npos);
  EXPECT_NE(server.requests()[2].find("Range: bytes=5-\r\n"), std::string::npos);
  EXPECT_NE(server.requests()[3].find("Range: bytes=8-\r\n"), std::string::npos);
}

TEST_F(HttpClient, AServerWithoutRangesSendsTheFileAgain) {
  ASSERT_TRUE(write_file(in_folder("file"), "old and wrong"));
  Server server({reply("200 OK", "0123456789")});
  server.start();
  ASSERT_TRUE(download(download_of(server)));
  EXPECT_NE(server.requests().at(0).find("Range: bytes=13-"), std::string::npos);
  EXPECT_EQ(downloaded(), "0123456789");
}

TEST_F(HttpClient, AnotherPartThanAskedForIsNotTaken) {
  ASSERT_TRUE(write_file(in_folder("file"), "01234"));
  Server server({reply("206 Partial", "23456789", "Content-Range: bytes 2-9/10\r\n"), reply("200 OK", "0123456789")});
  server.start();
  ASSERT_TRUE(download(download_of(server)));
  EXPECT_EQ(downloaded(), "0123456789");
}

/// The part that is here and the part that comes are of one file, or nothing is put together.
TEST_F(HttpClient, AFileThatChangesBetweenTwoTriesComesAnew) {
  const std::string old_half = reply("200 OK", "01234", "ETag: \"old\"\r\n", 10);
  struct Row {
    const char* what;
    std::vector<std::string> replies;
    std::size_t requests;
  };
  const Row rows[] = {
      {"the server looks at If-Range", {old_half, reply("200 OK", "abcdefghij", "ETag: \"new\"\r\n")}, 2},
      {"it does not",
       {old_half, reply("206 Partial", "fghij", "Content-Range: bytes 5-9/10\r\nETag: \"new\"\r\n"),
        reply("200 OK", "abcdefghij", "ETag: \"new\"\r\n")},
       3},
      {"it does not, and the line breaks again",
       {old_half, reply("206 Partial", "fg", "Content-Range: bytes 5-9/10\r\nETag: \"new\"\r\n", 5),
        reply("200 OK", "abcdefghij", "ETag: \"new\"\r\n")},
       3},
      {"another range, and the line breaks",
       {old_half, reply("206 Partial", "cd", "Content-Range: bytes 2-9/10\r\n", 8), reply("200 OK", "abcdefghij")},
       3},
  };
  for (const auto& [what, replies, requests] : rows) {
    ASSERT_TRUE(remove_all(in_folder("file")));
    Server server(replies);
    server.start();
    const auto result = download(download_of(server));
    ASSERT_TRUE(result) << what << ": " << describe(result.error());
    EXPECT_EQ(downloaded(), "abcdefghij") << what;
    ASSERT_EQ(server.requests().size(), requests) << what;
    EXPECT_NE(server.requests()[1].find("Range: bytes=5-\r\nIf-Range: \"old\"\r\n"), std::string::npos) << what;
  }
}

TEST_F(HttpClient, TheSameFileIsGoneOnWith) {
  for (const char* proof :
       {"ETag: \"x\"\r\n", "ETag: W/\"weak\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n"}) {
    ASSERT_TRUE(remove_all(in_folder("file")));
    Server server({reply("200 OK", "01234", proof, 10),
                   reply("206 Partial", "56789", fmt::format("Content-Range: bytes 5-9/10\r\n{}", proof))});
    server.start();
    Download what = download_of(server);
    what.has_no_digest = true;
    ASSERT_TRUE(download(what));
    EXPECT_EQ(downloaded(), "0123456789");
    const std::string second = server.requests().at(1);
    EXPECT_NE(second.find("Range: bytes=5-"), std::string::npos);
    EXPECT_EQ(second.find("weak"), std::string::npos) << "a weak tag proves nothing about bytes";
    EXPECT_NE(second.find("If-Range: "), std::string::npos);
  }
}

TEST_F(HttpClient, WithoutDigestAndProofEveryTryBeginsAtTheStart) {
  ASSERT_TRUE(write_file(in_folder("file"), "left by somebody"));
  Server server({reply("200 OK", "01234", "", 10), reply("200 OK", "abcdefghij")});
  server.start();
  Download what = download_of(server);
  what.has_no_digest = true;
  ASSERT_TRUE(download(what));
  EXPECT_EQ(downloaded(), "abcdefghij");
  for (const std::string& request : server.requests()) EXPECT_EQ(request.find("Range"), std::string::npos) << request;
}

TEST_F(HttpClient, ProgressIsTold) {
  const std::string content(300'000, 'x');
  Server server({reply("200 OK", content.substr(0, 100'000), "ETag: \"a\"\r\n", content.size()),
                 reply("206 Partial", content.substr(100'000), "Content-Range: bytes 100000-299999/300000\r\n")});
  server.start();
  Download what = download_of(server);
  std::vector<std::uint64_t> seen;
  what.on_progress = [&](std::uint64_t bytes, std::uint64_t whole) {
    EXPECT_EQ(whole, content.size());
    seen.push_back(bytes);
  };
  ASSERT_TRUE(download(what));
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(seen.back(), content.size());
}

TEST_F(HttpClient, UrlsAreShownAsTheyWereWrittenButWithoutPasswords) {
  EXPECT_EQ(shown_url("http://host"), "http://host");
  EXPECT_EQ(shown_url("https://host/a?b=c"), "https://host/a?b=c");
  EXPECT_EQ(shown_url("http://me:secret@host/x"), "http://host/x");
  EXPECT_EQ(shown_url("http://me@host/x"), "http://host/x");
  EXPECT_EQ(shown_url("http://me:sec ret@ho st/x").find("sec"), std::string::npos);
}

TEST_F(HttpClient, WhatIsWholeAlreadyIsDone) {
  ASSERT_TRUE(write_file(in_folder("file"), "0123456789"));
  Server server({reply("416 Range", "no", "Content-Range: bytes */10\r\n")});
  server.start();
  EXPECT_TRUE(download(download_of(server))) << "the server says so";
  EXPECT_TRUE(download(download_of(server, 10))) << "nobody is asked";
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(downloaded(), "0123456789");
}

TEST_F(HttpClient, APartOfAnotherFileIsStartedOver) {
  ASSERT_TRUE(write_file(in_folder("file"), "a longer file"));
  Server server({reply("416 Range", "no", "Content-Range: bytes */10\r\n"), reply("200 OK", "0123456789")});
  server.start();
  ASSERT_TRUE(download(download_of(server)));
  EXPECT_EQ(downloaded(), "0123456789");
}

TEST_F(HttpClient, OtherSizesThanExpectedAreBadData) {
  for (const char* body : {"0123", "0123456"}) {
    Server server({reply("200 OK", body)});
    server.start();
    const auto result = download(download_of(server, 5));
    ASSERT_FALSE(result) << body;
    EXPECT_EQ(result.error().kind, ErrorKind::bad_data) << body;
    EXPECT_EQ(downloaded(), "") << "nothing that a later try would go on from";
  }
}

TEST_F(HttpClient, AnswersThatNoRetryHelpsEndTheDownload) {
  struct Row {
    const char* status;
    ErrorKind kind;
  };
  for (const Row& row : {Row{"404 Not Found", ErrorKind::not_found}, Row{"401 Who", ErrorKind::refused},
                         Row{"403 No", ErrorKind::refused}, Row{"400 Bad", ErrorKind::unreachable}}) {
    ASSERT_TRUE(write_file(in_folder("file"), "01234"));
    Server server({reply(row.status, "an error page"), reply("200 OK", "never asked")});
    server.start();
    const auto result = download(download_of(server));
    ASSERT_FALSE(result) << row.status;
    EXPECT_EQ(result.error().kind, row.kind) << row.status;
    EXPECT_EQ(server.requests().size(), 1u) << row.status;
    EXPECT_EQ(downloaded(), "01234") << "an error page is no part of the file";
  }
}

TEST_F(HttpClient, TriesEnd) {
  Server server({reply("500 Oops", ""), reply("502 Oops", ""), reply("200 OK", "never asked")});
  server.start();
  Download what = download_of(server);
  what.tries = 2;
  const auto result = download(what);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::unreachable);
  EXPECT_NE(result.error().message.find("502"), std::string::npos);
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(HttpClient, ADownloadCanBeCancelled) {
  Server server({"", reply("200 OK", "never asked")});
  server.start();
  Download what = download_of(server);
  std::atomic<int> asked = 0;
  what.is_cancelled = [&] { return ++asked > 2; };
  const auto result = download(what);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::cancelled);
}

TEST_F(HttpClient, AFullDiskIsAStorageErrorAndNotRetried) {
  Server server({reply("200 OK", std::string(100'000, 'x'))});
  server.start();
  Download what = download_of(server);
  what.file = in_folder("none/file");
  EXPECT_EQ(download(what).error().kind, ErrorKind::not_found);
  what.file = "/dev/full";
  EXPECT_EQ(download(what).error().kind, ErrorKind::storage);
}

}  // namespace escape::io
