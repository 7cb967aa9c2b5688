#include "controller/app/inventory_port.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <future>

#include "controller/app/server.h"
#include "shared/io/files.h"
#include "shared/io/http_client.h"

namespace escape::controller {
namespace inventory_port_test {

class InventoryPortTest : public ::testing::Test {
 protected:
  InventoryPortTest() : folder(io::make_temporary_folder("inventory-port").value()) {
    ServerOptions options;
    options.data_folder = folder;
    options.http = ServerOptions::Http{.address = "127.0.0.1", .port = 0};
    port = std::move(InventoryPort::make(options, *database)).value();
  }
  ~InventoryPortTest() override {
    port.reset();
    (void)io::remove_all(folder);
  }
  std::future<int> reserve(const std::string& token) {
    io::HttpRequest request{.method = "POST",
                            .url = "http://127.0.0.1:" + std::to_string(port->http_port()) +
                                   "/api/v1/inventory/pp/units/aa/reserve?prefix=1.",
                            .headers = {{"X-Escape-Token", token}},
                            .body = R"({"holder":"me"})"};
    return std::async(std::launch::async, [request] {
      Result<io::HttpResponse> response = io::http(request);
      return response ? response.value().status : 0;
    });
  }
  InventoryWrites wait_for_writes() {
    pollfd ready{port->descriptor(), POLLIN, 0};
    EXPECT_EQ(::poll(&ready, 1, 10'000), 1);
    return port->decide_writes();
  }
  int rows() const {
    int count = 0;
    EXPECT_TRUE(database->scan(store::Table::inventory, "", "", store::Reader::Order::ascending,
                               [&](std::string_view, std::string_view) { return ++count > 0; }));
    return count;
  }
  std::string token_of(const std::string& principal) {
    return std::get<protocol::reply::Token>(port->issue_token(principal, read_clocks().wall)).token;
  }

  std::string folder;
  std::unique_ptr<store::Database> database = store::make_memory_database();
  std::unique_ptr<InventoryPort> port;
};

TEST_F(InventoryPortTest, what_is_decided_waits_for_the_commit_of_the_turn) {
  std::future<int> status = reserve(token_of("ann"));
  const InventoryWrites writes = wait_for_writes();
  EXPECT_FALSE(writes.rows.empty());
  EXPECT_EQ(rows(), 0) << "the loop commits it, with the events that tell it";
  ASSERT_EQ(writes.waiting.size(), 1u);
  ASSERT_TRUE(database->commit(writes.rows));
  writes.waiting.front()(ok());
  EXPECT_EQ(status.get(), 200);
}

TEST_F(InventoryPortTest, a_commit_that_failed_is_no_success) {
  std::future<int> status = reserve(token_of("ann"));
  const InventoryWrites writes = wait_for_writes();
  writes.waiting.at(0)(fail(ErrorKind::storage, "the disk is full"));
  EXPECT_GE(status.get(), 500);
}

TEST_F(InventoryPortTest, a_principal_has_one_token_until_it_is_removed) {
  const std::string token = token_of("ann");
  EXPECT_EQ(token_of("ann"), token);
  EXPECT_NE(token_of("bob"), token);
  port->revoke_tokens("ann");
  EXPECT_EQ(reserve(token).get(), 401);
  EXPECT_EQ(reserve("").get(), 401);
}

TEST_F(InventoryPortTest, a_tag_that_moves_is_told_with_its_row) {
  for (const char* version : {"1.0", "1.1"}) {
    release::Metadata metadata;
    metadata.project = "pp";
    metadata.name = "aa";
    metadata.version = version;
    const auto rows = inventory::Index(*database).publish(metadata, "pp", "ann", {}, std::string("sha") + version, 1);
    ASSERT_TRUE(rows);
    ASSERT_TRUE(database->commit(rows.value()));
  }
  const auto send = [&](const std::string& method, const std::string& query, const std::string& body) {
    io::HttpRequest request{
        .method = method,
        .url = "http://127.0.0.1:" + std::to_string(port->http_port()) + "/api/v1/inventory/pp/units/aa/tags/" + query,
        .headers = {{"X-Escape-Token", token_of("ann")}},
        .body = body};
    auto answered = std::async(std::launch::async, [request] { return io::http(request).has_value(); });
    InventoryWrites writes = wait_for_writes();
    EXPECT_EQ(writes.rows.size(), 1u);
    EXPECT_TRUE(database->commit(writes.rows));
    for (const auto& tell : writes.waiting) tell(ok());
    EXPECT_TRUE(answered.get());
    return std::move(writes.tagged);
  };
  const auto set = [&](const std::string& release) {
    return send("POST", "", R"({"release_id":"pp/)" + release + R"(","tag":"stable"})");
  };
  std::vector<Tagged> told = set("aa-v1.0");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(to_string(told[0].application), "pp/aa");
  EXPECT_EQ(told[0].tag + " " + told[0].from + " " + told[0].to + " " + told[0].by, "stable  1.0 ann");
  EXPECT_TRUE(set("aa-v1.0").empty()) << "it stays where it is";
  told = set("aa-latest");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].from + " " + told[0].to, "1.0 1.1");
  told = send("DELETE", "?tag=stable", "");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].from + " " + told[0].to, "1.1 ");
}

}  // namespace inventory_port_test
}  // namespace escape::controller
