#include "agent/packages/preparation.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "shared/base/text.h"
#include "shared/io/archive.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"
#include "shared/io/http_client.h"
#include "shared/io/http_server_for_tests.h"

namespace escape::packages::preparation_test {

using io::http_testing::reply;
using io::http_testing::Server;
using Names = std::vector<std::string>;

class Preparing : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("no_proxy", "127.0.0.1", 1);
    folder = io::make_temporary_folder("preparation").value();
    work = folder + "/work";
    ASSERT_TRUE(io::make_folders(work));
    wanted.package.source.workspace = work;
    wanted.platform = "linux";
    wanted.arch = "amd64";
    wanted.tell = [this](std::string_view line) { told += line; };
  }
  void TearDown() override { (void)io::remove_all(folder); }

  Result<> prepare() {
    told.clear();
    Packages packages(folder + "/data", [](const io::Download&) -> Result<> {
      ADD_FAILURE() << "the inventory, whose credentials are no other server's business, is asked for a file";
      return fail(ErrorKind::internal, "asked");
    });
    TRY(const std::string where, packages::prepare(packages, wanted));
    EXPECT_EQ(where, work);
    return ok();
  }
  std::string failure() {
    const Result<> done = prepare();
    return done ? "nothing failed" : describe(done.error());
  }
  std::string content(const std::string& path) const {
    const Result<std::string> text = io::read_file(work + "/" + path);
    return text ? text.value() : describe(text.error());
  }
  Names names(const std::string& path = "") const { return io::list_folder(io::join_path(work, path)).value(); }
  void write(const std::string& path, const std::string& text) {
    ASSERT_TRUE(io::make_folders(io::parent_path(work + "/" + path)));
    ASSERT_TRUE(io::write_file(work + "/" + path, text));
  }
  release::Download& want(const Server& server, const std::string& dest, const std::string& path = "/file") {
    wanted.downloads = {{.url = server.url(path), .dest = dest}};
    return wanted.downloads.front();
  }
  /// A package of this machine with one file, for a part.
  protocol::PackagePart part(const std::string& where, const std::string& name, const std::string& version,
                             const std::string& text) {
    const std::string archive = folder + "/" + name + version + text + ".tgz";
    EXPECT_TRUE(io::pack_archive(
        archive, name + "-v" + version,
        {{.path = "release.json", .source = "", .content = "{}"}, {.path = "file", .source = "", .content = text}}));
    return {where,
            {"project/" + name + "-v" + version, archive, io::sha256_of_file(archive).value(),
             io::file_size(archive).value(), ""}};
  }

  std::string folder, work, told;
  Preparation wanted;
};

TEST_F(Preparing, ADownloadIsFetchedIntoItsPlace) {
  Server server({reply("200 OK", "the tool")});
  server.start();
  want(server, "bin/deep/tool");
  const Result<> done = prepare();
  ASSERT_TRUE(done) << describe(done.error());
  EXPECT_EQ(content("bin/deep/tool"), "the tool");
  EXPECT_EQ(names("bin/deep"), Names{"tool"});
  EXPECT_EQ(told, "Downloading " + server.url() + " to bin/deep/tool\nFinished downloading " + server.url() + "\n");
}

TEST_F(Preparing, ReasonsForWhichNothingIsFetchedInTheirOrder) {
  Server server({});
  write("there", "old");
  const auto told_for = [&](const release::Download& wish) {
    wanted.downloads = {wish};
    wanted.downloads[0].url = server.url();
    EXPECT_EQ(failure(), "nothing failed");
    EXPECT_TRUE(told.starts_with("Skipping " + server.url() + ", because ")) << told;
    return told.substr(std::min(told.size(), server.url().size() + 19));
  };
  release::Download wish{.url = "", .dest = "there", .if_not_exists = {"th*"}, .platform = "darwin", .arch = "arm"};
  EXPECT_EQ(told_for(wish), "destination file 'there' already exists.\n");
  wish.overwrite = true;
  EXPECT_EQ(told_for(wish), "'there' already exists.\n");
  wish.if_not_exists = {"none*", "no/such"};
  EXPECT_EQ(told_for(wish), "download requires 'darwin' platform (have: 'linux')\n");
  wish.platform = "linux";
  EXPECT_EQ(told_for(wish), "download requires 'arm' architecture (have: 'amd64')\n");
  EXPECT_EQ(content("there"), "old");
}

TEST_F(Preparing, WhatIsThereWithAnotherDigestIsNeverTakenForTheDownload) {
  Server server({reply("200 OK", "good"), reply("200 OK", "good")});
  server.start();
  write("tool", "evil");
  write("marker", "");
  const auto wish = [&]() -> release::Download& {
    release::Download& one = want(server, "tool");
    one.sha256 = io::sha256_of("good");
    return one;
  };
  wish();
  EXPECT_EQ(failure(), "'tool' is there already, but has the SHA-256 " + io::sha256_of("evil") + ", expected " +
                           io::sha256_of("good"));
  EXPECT_EQ(content("tool"), "evil") << "not to be overwritten";
  wish().platform = "darwin";
  EXPECT_EQ(failure(), "nothing failed") << "another platform's file of that name";
  EXPECT_EQ(content("tool"), "evil");

  wish().overwrite = true;
  wanted.downloads[0].if_not_exists = {"marker"};
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(content("tool"), "good") << "whatever else is there";
  EXPECT_TRUE(told.starts_with("'tool' has the SHA-256 " + io::sha256_of("evil"))) << told;

  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(told, "Skipping " + server.url() + ", because 'marker' already exists.\n") << "right now, so as before";
  wish();
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(told, "Skipping " + server.url() + ", because destination file 'tool' already exists.\n");
  ASSERT_TRUE(io::remove_all(work + "/tool"));
  ASSERT_TRUE(io::make_folders(work + "/tool"));
  EXPECT_NE(failure().find("'tool'"), std::string::npos) << "a folder has no digest";
}

TEST_F(Preparing, AnErrorPageIsNotAFile) {
  for (const char* status : {"404 Not Found", "403 Forbidden", "400 Bad"}) {
    Server server({reply(status, "<html>sorry</html>")});
    server.start();
    want(server, "tool").overwrite = true;
    const std::string said = failure();
    EXPECT_TRUE(said.starts_with("Couldn't download '" + server.url() + "': ")) << said;
    EXPECT_EQ(names(), Names{}) << status;
  }
}

TEST_F(Preparing, AFailedTryLeavesTheOldFileAndTheNextOneIsNotSkipped) {
  Server server({reply("404 Not Found", "no"), reply("200 OK", "new")});
  server.start();
  write("old", "old");
  want(server, "old").overwrite = true;
  EXPECT_NE(failure(), "nothing failed");
  EXPECT_EQ(content("old"), "old");
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(content("old"), "new");
}

TEST_F(Preparing, AWrongDigestLeavesNothing) {
  Server server({reply("200 OK", "evil"), reply("200 OK", "good")});
  server.start();
  want(server, "tool").sha256 = io::sha256_of("good");
  EXPECT_EQ(failure(), "Couldn't download '" + server.url() + "': it has the SHA-256 " + io::sha256_of("evil") +
                           ", expected " + io::sha256_of("good"));
  EXPECT_EQ(names(), Names{});
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(content("tool"), "good");
}

TEST_F(Preparing, ABrokenConnectionIsGoneOnWith) {
  Server server({reply("200 OK", "01234", "ETag: \"a\"\r\n", 10),
                 reply("206 Partial", "56789", "Content-Range: bytes 5-9/10\r\nETag: \"a\"\r\n")});
  server.start();
  want(server, "tool");
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(content("tool"), "0123456789");
  EXPECT_NE(server.requests().at(1).find("Range: bytes=5-"), std::string::npos);
}

/// A download of 30 seconds, one piece each half second, by a clock that only the fake server moves.
struct SlowServer {
  Instant now{1'000'000};
  std::uint64_t whole = 60'000'000;  ///< as it is announced
  int pieces = 60;                   ///< that come before `end`
  Result<> end = ok();
  void serve(Preparation& wanted) {
    wanted.clock = [this] { return now; };
    wanted.fetch = [this](const io::Download& what) {
      for (int piece = 1; piece <= pieces; ++piece) {
        now = now + Millis{500};
        what.on_progress(static_cast<std::uint64_t>(piece) * 1'000'000, whole);
      }
      return end;
    };
  }
};

TEST_F(Preparing, ADownloadTellsItsStateEachSecondUntilALineReplacesIt) {
  SlowServer server;
  server.serve(wanted);
  wanted.downloads = {{.url = "https://me:pw@files.example.com/a/b/tool.tgz?sig=abc", .dest = "tool"}};
  EXPECT_EQ(failure(), "nothing failed");
  const std::string url = "https://files.example.com/a/b/tool.tgz?sig=abc";
  const Names states = split(told.substr(told.find('\n') + 1), '\r');
  ASSERT_EQ(states.size(), 31u) << told;
  EXPECT_EQ(states[0], "[                    ]   3 %  2.0 of 60.0 MB  files.example.com/tool.tgz");
  EXPECT_EQ(states[14], "[##########          ]  50 %  30.0 of 60.0 MB  files.example.com/tool.tgz");
  EXPECT_EQ(states[29], "[####################] 100 %  60.0 of 60.0 MB  files.example.com/tool.tgz");
  EXPECT_EQ(states[30], "Finished downloading " + url + "\n");
  EXPECT_TRUE(told.starts_with("Downloading " + url + " to tool\n")) << told;
}

TEST_F(Preparing, ADownloadWithinASecondTellsNoState) {
  SlowServer server;
  server.pieces = 1;
  server.serve(wanted);
  wanted.downloads = {{.url = "http://host/a", .dest = "a"}};
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(told, "Downloading http://host/a to a\nFinished downloading http://host/a\n");
}

TEST_F(Preparing, ADownloadOfUnknownSizeHasNoPercent) {
  SlowServer server;
  server.whole = 0;
  server.serve(wanted);
  wanted.downloads = {{.url = "http://host/a", .dest = "a"}};
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(told.find('%'), std::string::npos) << told;
  EXPECT_NE(told.find("\r[                 ###]  36.0 MB  host/a\r[###                 ]  38.0 MB  host/a\r"),
            std::string::npos)
      << told;
}

TEST_F(Preparing, ADownloadThatFailsLeavesHowFarItCameAsALine) {
  SlowServer server;
  server.pieces = 31;
  server.end = fail(ErrorKind::unreachable, "gone");
  server.serve(wanted);
  wanted.downloads = {{.url = "http://host/a", .dest = "a"}};
  EXPECT_EQ(failure(), "Couldn't download 'http://host/a': gone");
  EXPECT_TRUE(
      told.ends_with("[##########          ]  50 %  30.0 of 60.0 MB  host/a\r"
                     "[##########          ]  51 %  31.0 of 60.0 MB  host/a\n"))
      << told;
}

/// YAML refuses them as they are, not as "\e": what a terminal would obey is told as "?".
TEST_F(Preparing, ControlCharactersOfUrlsAndNamesAreNeverTold) {
  SlowServer server;
  server.pieces = 2;
  server.serve(wanted);
  const std::string evil =
      "http://host/\x1b]0;title\x07"
      "a\r\n\xc2\x9b"
      "2Jb\xff";
  wanted.downloads = {{.url = evil,
                       .dest = "c\xc2\x9b"
                               "d"}};
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(told,
            "Downloading http://host/?]0;title?a???2Jb? to c?d\n"
            "[                    ]   3 %  2.0 of 60.0 MB  host/?]0;title?a???2Jb?\r"
            "Finished downloading http://host/?]0;title?a???2Jb?\n");
  server.end = fail(ErrorKind::unreachable, "no '" + evil + "'");
  wanted.downloads[0].dest = "other";
  EXPECT_EQ(failure(), "Couldn't download 'http://host/?]0;title?a???2Jb?': no 'http://host/?]0;title?a???2Jb?'");
}

/// The name is cut from the URL, and pieces of a secret would not be found by whoever masks the output.
TEST_F(Preparing, SecretsAreMaskedBeforeAUrlIsTakenApart) {
  SlowServer server;
  server.serve(wanted);
  const std::string secret = "first/" + std::string(80, 'x') + "?last";
  wanted.mask = [&](std::string_view text) {
    std::string masked(text);
    if (const std::size_t at = masked.find(secret); at != std::string::npos) masked.replace(at, secret.size(), "‹KEY›");
    return masked;
  };
  wanted.downloads = {{.url = "http://host/" + secret, .dest = "a"}};
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(told.find("xxxx"), std::string::npos) << told;
  EXPECT_NE(told.find("of 60.0 MB  host/‹KEY›\r"), std::string::npos) << told;
}

TEST_F(Preparing, PasswordsInUrlsAreNeverShown) {
  Server server({reply("200 OK", "x"), reply("404 No", "")});
  server.start();
  std::string url = server.url();
  url.insert(7, "me:hunter2@");
  wanted.downloads = {{.url = url, .dest = "a"}};
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(told.find("hunter2"), std::string::npos) << told;
  EXPECT_EQ(failure(), "nothing failed") << "it is there";
  EXPECT_EQ(told.find("hunter2"), std::string::npos) << told;
  wanted.downloads[0].dest = "b";
  const std::string said = failure();
  EXPECT_TRUE(said.starts_with("Couldn't download '" + server.url())) << said;
  EXPECT_EQ((said + told).find("hunter2"), std::string::npos) << said;
  EXPECT_NE(server.requests().at(0).find("Authorization: Basic "), std::string::npos);
}

TEST_F(Preparing, AnArchiveIsUnpackedBesideItself) {
  ASSERT_TRUE(io::pack_archive(folder + "/a.tgz", "tool-1.0",
                               {{.path = "bin/tool", .source = "", .content = "#!/bin/sh\n", .mode = 0755}}));
  Server server({reply("200 OK", io::read_file(folder + "/a.tgz").value())});
  server.start();
  want(server, "vendor/tool.tgz").unpack = true;
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(names("vendor"), (Names{"tool-1.0", "tool.tgz"}));
  EXPECT_EQ(::access((work + "/vendor/tool-1.0/bin/tool").c_str(), X_OK), 0);
  EXPECT_EQ(told, "Downloading " + server.url() + " to vendor/tool.tgz\nFinished downloading " + server.url() +
                      "\nUnpacking vendor/tool.tgz\nFinished unpacking vendor/tool.tgz\n");
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_TRUE(told.starts_with("Skipping ")) << told;
}

TEST_F(Preparing, AnArchiveThatCannotBeUnpackedLeavesNothing) {
  ASSERT_EQ(
      std::system(("cd '" + folder + "' && ln -s /etc link && echo x > file && tar -czf bad.tgz file link").c_str()),
      0);
  Server server({reply("200 OK", io::read_file(folder + "/bad.tgz").value()), reply("200 OK", "no archive")});
  server.start();
  for (const char* why : {"'link' is a symbolic link", "cannot read the archive"}) {
    want(server, "a.tgz").unpack = true;
    const std::string said = failure();
    EXPECT_TRUE(said.starts_with("Failed to unpack 'a.tgz': ")) << said;
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_EQ(said.find("/proc"), std::string::npos) << said;
    EXPECT_EQ(names(), Names{});
  }
  want(server, "b.txt").unpack = true;
  EXPECT_EQ(failure(), "Can't unpack: unknown archive extension 'b.txt'") << "and nobody was asked for it";
}

/// A crash between two files of an archive: what `if_not_exists` finds then is half of it.
TEST_F(Preparing, WhatACrashCutOffIsDoneAgain) {
  ASSERT_TRUE(
      io::pack_archive(folder + "/a.tgz", "x",
                       {{.path = "one", .source = "", .content = "1"}, {.path = "two", .source = "", .content = "2"}}));
  Server server({reply("200 OK", io::read_file(folder + "/a.tgz").value())});
  server.start();
  write("x/one", "1");
  write(".a.tgz.escape-part", "half");
  write(".a.tgz.unpacking/half", "half");
  release::Download& wish = want(server, "a.tgz");
  wish.unpack = true;
  wish.if_not_exists = {"x/one"};
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(names("x"), (Names{"one", "two"}));
  EXPECT_EQ(names(), (Names{"a.tgz", "x"}));
}

TEST_F(Preparing, ADestinationThatCannotBeOpenedIsNamed) {
  Server server({});
  write("file", "in the way");
  want(server, "file/below");
  EXPECT_TRUE(failure().starts_with("Couldn't open download destination 'file/below': ")) << failure();
  EXPECT_EQ(content("file"), "in the way");
}

TEST_F(Preparing, NothingLeavesTheWorkingFolder) {
  Server server(std::vector<std::string>(20, reply("200 OK", "x")));
  server.start();
  ASSERT_TRUE(io::make_folders(folder + "/outside"));
  ASSERT_TRUE(io::write_file(folder + "/outside/secret", "secret"));
  ASSERT_EQ(::symlink("../outside", (work + "/out").c_str()), 0);
  ASSERT_EQ(::symlink((folder + "/outside/secret").c_str(), (work + "/file-out").c_str()), 0);
  write("t.tpl", "x");
  for (const std::string bad : {"../outside/new", "/tmp/escape-new", "out/new", "out/secret", "file-out", "."}) {
    want(server, bad).overwrite = true;
    EXPECT_NE(failure(), "nothing failed") << bad;
    wanted.downloads.clear();
    wanted.templates = {{.file = bad, .target = "copy"}};
    EXPECT_TRUE(failure().starts_with("Failed to compile template " + bad + ": ")) << failure();
    if (bad != "file-out") {  // in whose place the output is put
      wanted.templates = {{.file = "t.tpl", .target = bad}};
      EXPECT_TRUE(failure().starts_with("Couldn't write output of template t.tpl to " + bad + ": ")) << failure();
      wanted.templates.clear();
      wanted.files = {{.path = bad, .text = "x"}};
      EXPECT_NE(failure(), "nothing failed") << bad;
      wanted.files.clear();
      wanted.package.base_url.clear();
      wanted.parts = {part(bad, "base", "1.0", "x")};
      EXPECT_NE(failure(), "nothing failed") << bad;
      wanted.parts.clear();
    }
    wanted.templates.clear();
  }
  want(server, "good").if_not_exists = {"out/*", "file-*"};
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(content("good"), "x") << "patterns do not see what lies outside";
  EXPECT_EQ(io::list_folder(folder + "/outside").value(), Names{"secret"});
  EXPECT_EQ(io::read_file(folder + "/outside/secret").value(), "secret");
  EXPECT_FALSE(io::exists(work + "/copy"));
}

TEST_F(Preparing, FilesArePrivate) {
  wanted.files = {{.path = "a/b/c", .text = std::string("x\0\xff", 3)}};
  EXPECT_EQ(failure(), "nothing failed");
  wanted.files[0].text = "again";
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(content("a/b/c"), "again");
  struct stat status{};
  ASSERT_EQ(::stat((work + "/a/b/c").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(Preparing, PartsLieWholeInTheirFolders) {
  wanted.parts = {part("deps/p/ext/deps/p/inner", "inner", "2.0", "inner"), part("deps/p/ext", "ext", "1.0", "ext")};
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(content("deps/p/ext/file"), "ext");
  EXPECT_EQ(content("deps/p/ext/deps/p/inner/file"), "inner");
  EXPECT_EQ(names("deps/p"), Names{"ext"});
  write("deps/p/ext/made", "by a step");
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(content("deps/p/ext/made"), "by a step") << "the same part is not unpacked again";

  wanted.parts[1] = part("deps/p/ext", "ext", "1.1", "newer");
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(content("deps/p/ext/file"), "newer");
  EXPECT_FALSE(io::exists(work + "/deps/p/ext/made"));
  EXPECT_EQ(content("deps/p/ext/deps/p/inner/file"), "inner");
}

TEST_F(Preparing, APartReplacesPackagesOnly) {
  wanted.parts = {part("deps/p/ext", "ext", "1.0", "ext")};
  write("deps/p/ext/release.json", "{}");
  EXPECT_EQ(failure(), "nothing failed") << "unpacked there by another program";
  EXPECT_EQ(content("deps/p/ext/file"), "ext");
  ASSERT_TRUE(io::remove_all(work + "/deps"));
  write("deps/p/ext/work", "of somebody");
  EXPECT_NE(failure().find("'deps/p/ext' is in the place of a package and is not one."), std::string::npos)
      << failure();
  EXPECT_EQ(content("deps/p/ext/work"), "of somebody");
}

TEST_F(Preparing, APartThatACrashCutOffIsMadeAgain) {
  wanted.parts = {part("deps/p/ext", "ext", "1.0", "ext")};
  write("deps/p/.ext.unpacking/half", "x");
  write("deps/p/.ext.old/half", "x");
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(names("deps/p"), Names{"ext"});
}

TEST_F(Preparing, APartIsVerified) {
  wanted.parts = {part("deps/p/ext", "ext", "1.0", "ext")};
  wanted.parts[0].package.sha256 = std::string(64, '0');
  EXPECT_NE(failure().find("has the digest"), std::string::npos);
  EXPECT_EQ(names(), Names{});
}

TEST_F(Preparing, EverythingInItsOrder) {
  ASSERT_TRUE(
      io::pack_archive(folder + "/a.tgz", "conf", {{.path = "part.stache", .source = "", .content = "[{{b}}]"}}));
  Server server({reply("200 OK", io::read_file(folder + "/a.tgz").value())});
  server.start();
  wanted.parts = {part("deps/p/ext", "ext", "1.0", "ext")};
  wanted.files = {{.path = "deps/p/ext/t.tpl", .text = "{{a}} {{>../../../conf/part}}"},
                  {.path = "conf/t.tpl", .text = "{{a}} {{>part}}"}};
  want(server, "a.tgz").unpack = true;
  wanted.templates = {{.file = "conf/t.tpl", .target = "deps/p/ext/out", .values = {{"a", "<1>"}, {"b", 2}}}};
  EXPECT_EQ(failure(), "nothing failed");
  EXPECT_EQ(content("deps/p/ext/out"), "<1> [2]");
  wanted.templates[0].file = "deps/p/ext/t.tpl";
  EXPECT_NE(failure().find("Failed to compile template deps/p/ext/t.tpl: "), std::string::npos)
      << "a partial lies next to its template";
}

TEST_F(Preparing, ACancelledOneStops) {
  Server server({""});
  server.start();
  want(server, "tool");
  int asked = 0;
  wanted.package.is_cancelled = [&] { return ++asked > 3; };
  const Result<> done = prepare();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::cancelled);
  EXPECT_EQ(names(), Names{});
}

/// A task that was cancelled may still be at work in the folder that the next one wants.
TEST_F(Preparing, AFolderThatIsBeingPreparedIsNotReady) {
  Packages packages(folder + "/data", io::download);
  EXPECT_EQ(packages.find_ready(wanted.package), work);
  ASSERT_TRUE(packages.prepare(wanted.package, [&](const std::string&) -> Result<> {
    EXPECT_FALSE(packages.find_ready(wanted.package));
    return ok();
  }));
  EXPECT_EQ(packages.find_ready(wanted.package), work);
}

}  // namespace escape::packages::preparation_test
