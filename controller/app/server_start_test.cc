#include <gtest/gtest.h>

#include "controller/app/server.h"
#include "shared/io/files.h"

namespace escape::controller::server_start_test {

class ServerStart : public ::testing::Test {
 protected:
  void SetUp() override { folder = io::make_temporary_folder("server").value(); }
  void TearDown() override { (void)io::remove_all(folder); }
  ServerOptions good() const {
    ServerOptions options;
    options.data_folder = folder + "/data";
    options.agent_endpoints = {"tcp://127.0.0.1:*"};
    options.client_endpoints = {"tcp://127.0.0.1:*"};
    options.events_endpoint = "tcp://127.0.0.1:*";
    options.http = ServerOptions::Http{"127.0.0.1", 0, false};
    return options;
  }
  Result<std::string> start(ServerOptions options) {
    transport::Context context;
    TRY(const std::unique_ptr<Server> server, Server::start(context, std::move(options)));
    return server->public_key();
  }

  std::string folder;
};

TEST_F(ServerStart, AnAddressOfAnotherMachineLeavesNoKeyAndNoDatabase) {
  const std::string elsewhere = "192.0.2.1";  // RFC 5737: nobody's
  ServerOptions bad[4] = {good(), good(), good(), good()};
  bad[0].agent_endpoints = {"tcp://" + elsewhere + ":7771"};
  bad[1].client_endpoints = {"tcp://" + elsewhere + ":7772"};
  bad[2].events_endpoint = "tcp://" + elsewhere + ":7773";
  bad[3].http->address = elsewhere;
  for (const ServerOptions& options : bad) {
    EXPECT_FALSE(start(options));
    EXPECT_EQ(io::list_folder(folder + "/data").value(), std::vector<std::string>{"lock"});
  }
  const Result<std::string> key = start(good());
  ASSERT_TRUE(key) << describe(key.error());
  EXPECT_EQ(start(good()).value(), key.value()) << "made once";
}

}  // namespace escape::controller::server_start_test
