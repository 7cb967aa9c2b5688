#include "agent/app/host_facts.h"

#include <gtest/gtest.h>

#include "shared/io/files.h"

namespace escape::agent::host_facts_test {

TEST(HostFacts, AreFilledAndHideTheMachineId) {
  const protocol::HostFacts facts = read_host_facts();
  EXPECT_FALSE(facts.hostname.empty());
  EXPECT_EQ(facts.boot_id.size(), 36u);
  EXPECT_EQ(facts.platform, "linux");
  EXPECT_EQ(facts.agent_version, ESCAPE_VERSION);
  EXPECT_EQ(read_host_facts(), facts);
  if (const Result<std::string> id = io::read_file("/etc/machine-id"); id && id.value().size() > 8) {
    EXPECT_EQ(facts.machine_id.find(id.value().substr(0, 8)), std::string::npos);
  }
}

}  // namespace escape::agent::host_facts_test
