#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "controller/inventory/fixtures_for_tests.h"

namespace escape::inventory {
namespace directory_test {

using namespace inventory::testing;

TEST(Directory, IsEmptyBeforeTheFirstRelease) {
  const Folder folder;
  const auto client = open_directory(folder.in("inventory")).value();
  EXPECT_TRUE(client->projects().value().empty());
  EXPECT_EQ(client->next_version({"_", "app"}, "0.0.").value(), "0.0.0");
  EXPECT_FALSE(io::exists(folder.in("inventory"))) << "asking writes nothing";
  EXPECT_EQ(client->resolve(query("_/app", "v3.0")).error().message,
            "The release _/app-v3.0 could not be found in the local inventory at " + folder.in("inventory") +
                ". You may have to release it first?");
}

TEST(Directory, PublishesOnceAndForEver) {
  const Folder folder;
  const auto client = open_directory(folder.in("inventory")).value();
  const release::Metadata made = metadata("prj/app-v1.0");
  const std::string package = make_package(folder, made);
  ASSERT_TRUE(client->publish(made, package));
  ASSERT_TRUE(client->publish(made, package)) << "repeating the same is fine";

  const auto record = client->resolve(query("prj/app", "latest")).value();
  EXPECT_EQ(record.metadata, made);
  EXPECT_EQ(record.sha256, io::sha256_of_file(package).value());
  EXPECT_EQ(record.size, io::file_size(package).value());
  EXPECT_EQ(io::sha256_of_file(client->package_path(record)).value(), record.sha256);
  EXPECT_EQ(client->base_url(), "");

  const std::string other = make_package(folder, made, "something else");
  EXPECT_EQ(client->publish(made, other).error().message, "Release app-v1.0 already exists");
  EXPECT_EQ(io::list_folder(folder.in("inventory/packages/incoming")).value().size(), 0U);
  EXPECT_EQ(client->resolve(query("prj/app", "latest")).value().sha256, record.sha256);

  EXPECT_EQ(client->tag(query("prj/app", "latest"), "prod").value().to, "1.0");
  EXPECT_EQ(client->tag(query("prj/app", "prod"), "prod").value().from, "1.0");
  EXPECT_EQ(client->resolve(query("prj/app", "prod")).value().id, record.id);
  EXPECT_EQ(client->tags({"prj", "app"}).value(), (std::vector<TaggedVersion>{{"prod", "1.0"}}));
  ASSERT_TRUE(client->remove_tag({"prj", "app"}, "prod"));
  EXPECT_EQ(client->resolve(query("prj/app", "prod")).error().kind, ErrorKind::not_found);

  const std::string file = client->package_file(record, "").value();
  EXPECT_EQ(io::sha256_of_file(file).value(), record.sha256);
  ASSERT_TRUE(io::write_file(file, "damaged"));
  EXPECT_EQ(client->package_file(record, "").error().kind, ErrorKind::bad_data);
  EXPECT_EQ(client->versions({"prj", "app"}).value().size(), 1U);
}

TEST(Directory, WritersAndReadersAtOnce) {
  const Folder folder;
  const std::string inventory = folder.in("inventory");
  constexpr int writers = 4;
  constexpr int releases = 5;
  std::vector<std::thread> threads;
  for (int i = 0; i < writers; ++i) {
    threads.emplace_back([&, i] {
      const auto client = open_directory(inventory).value();
      for (int j = 0; j < releases; ++j) {
        const auto version = client->reserve({"_", "app"}, "0.", std::to_string(i * 100 + j));
        ASSERT_TRUE(version) << version.error().message;
        const release::Metadata made = metadata("_/app-v" + version.value());
        const Result<> done = client->publish(made, make_package(folder, made));
        ASSERT_TRUE(done) << done.error().message;
      }
    });
  }
  threads.emplace_back([&] {
    const auto client = open_directory(inventory).value();
    for (int i = 0; i < 50; ++i) {
      const auto found = client->resolve(query("_/app", "latest"));
      EXPECT_TRUE(found || found.error().kind == ErrorKind::not_found) << found.error().message;
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(open_directory(inventory).value()->versions({"_", "app"}).value().size(), std::size_t{writers * releases});
}

TEST(Directory, TwoProcesses) {
  const Folder folder;
  const auto publish = [&](std::string_view holder) {
    const auto client = open_directory(folder.in("inventory")).value();
    for (int i = 0; i < 5; ++i) {
      const auto version = client->reserve({"_", "app"}, "", std::string(holder) + std::to_string(i));
      if (!version) return false;
      const release::Metadata made = metadata("_/app-v" + version.value());
      if (!client->publish(made, make_package(folder, made))) return false;
    }
    return true;
  };
  const pid_t child = ::fork();
  if (child == 0) ::_exit(publish("child") ? 0 : 1);
  EXPECT_TRUE(publish("parent"));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(open_directory(folder.in("inventory")).value()->versions({"_", "app"}).value().size(), 10U);
}

}  // namespace directory_test
}  // namespace escape::inventory
