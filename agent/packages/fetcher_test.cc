#include "agent/packages/fetcher.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <future>
#include <set>

#include "shared/io/archive.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"

namespace escape::packages::fetcher_test {

constexpr int deadline_millis = 30'000;

class FetcherThreads : public testing::Test {
 protected:
  void SetUp() override {
    folder = io::make_temporary_folder("fetcher").value();
    archive = folder + "/app.tgz";
    ASSERT_TRUE(io::pack_archive(archive, "app-v1.0", {}));
  }
  void TearDown() override { (void)io::remove_all(folder); }
  Packages::Request request(const std::string& deployment) {
    Packages::Request request;
    request.environment = "stage";
    request.deployment = deployment;
    request.source.release = "project/app-v1.0";
    request.source.path = archive;
    request.source.sha256 = io::sha256_of_file(archive).value();
    return request;
  }
  static agent::TaskKey key(std::uint64_t job) { return {{job, 0}, 1}; }

  std::string folder, archive;
  io::Waker waker;
};

TEST_F(FetcherThreads, AnswersEveryQuestionOnce) {
  Packages packages(folder + "/data", io::download);
  Fetcher fetcher(packages, waker);
  constexpr std::uint64_t count = 20;
  for (std::uint64_t i = 0; i < count; ++i) fetcher.ask(key(i), {.package = request("d" + std::to_string(i))});
  std::set<agent::TaskKey> answered;
  while (answered.size() < count) {
    pollfd ready{waker.descriptor(), POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, deadline_millis), 1);
    waker.clear();
    for (const Fetcher::Done& done : fetcher.take()) {
      EXPECT_TRUE(done.folder) << done.folder.error().message;
      EXPECT_TRUE(answered.insert(done.key).second);
    }
  }
}

TEST_F(FetcherThreads, WhatIsCancelledIsNotAnswered) {
  std::promise<void> began;
  Packages packages(folder + "/data", [&](const io::Download& what) -> Result<> {
    began.set_value();
    while (!what.is_cancelled()) std::this_thread::yield();
    return fail(ErrorKind::cancelled, "cancelled");
  });
  Fetcher fetcher(packages, waker);
  Packages::Request slow = request("slow");
  slow.base_url = "http://inventory";
  fetcher.ask(key(1), {.package = slow});
  began.get_future().wait();
  fetcher.cancel(key(1));
  fetcher.ask(key(2), {.package = request("next")});
  pollfd ready{waker.descriptor(), POLLIN, 0};
  ASSERT_EQ(::poll(&ready, 1, deadline_millis), 1);
  const std::vector<Fetcher::Done> done = fetcher.take();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].key, key(2));
}

TEST_F(FetcherThreads, SaysWhatEachPreparationIsAt) {
  const auto wait_in = [](std::promise<void>& began) {
    return [&began](const io::Download& what) -> Result<> {
      began.set_value();
      while (!what.is_cancelled()) std::this_thread::yield();
      return fail(ErrorKind::cancelled, "cancelled");
    };
  };
  std::promise<void> package, file;
  Packages packages(folder + "/data", wait_in(package));
  Fetcher fetcher(packages, waker);
  Preparation slow{.package = request("slow")};
  slow.package.base_url = "http://inventory";
  fetcher.ask(key(1), slow);
  Preparation wanted{.package = request("next")};
  wanted.downloads = {{.url = "http://me:hunter2@host/secret", .dest = "a"}};
  wanted.fetch = wait_in(file);
  wanted.mask = [](std::string_view text) {
    std::string masked(text);
    if (const std::size_t at = masked.find("secret"); at != std::string::npos) masked.replace(at, 6, "***");
    return masked;
  };
  fetcher.ask(key(2), wanted);
  package.get_future().wait();
  file.get_future().wait();
  const std::map<agent::TaskKey, std::string> doing = fetcher.doing();
  ASSERT_EQ(doing.size(), 2u);
  EXPECT_EQ(doing.at(key(1)), "getting the package of 'project/app-v1.0'");
  EXPECT_EQ(doing.at(key(2)), "downloading 'http://host/***' to 'a'");
  fetcher.cancel(key(1));
  EXPECT_EQ(fetcher.doing().size(), 1u);
}

TEST_F(FetcherThreads, EndsWithWorkUnderWay) {
  std::promise<void> began;
  Packages packages(folder + "/data", [&](const io::Download& what) -> Result<> {
    began.set_value();
    while (!what.is_cancelled()) std::this_thread::yield();
    return fail(ErrorKind::cancelled, "cancelled");
  });
  {
    Fetcher fetcher(packages, waker);
    Packages::Request slow = request("slow");
    slow.base_url = "http://inventory";
    fetcher.ask(key(1), {.package = slow});
    began.get_future().wait();
  }
  SUCCEED();
}

}  // namespace escape::packages::fetcher_test
