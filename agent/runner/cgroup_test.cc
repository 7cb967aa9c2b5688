#include "agent/runner/cgroup.h"

#include <gtest/gtest.h>

#include "shared/base/result.h"

namespace escape::runner::cgroup_test {

constexpr const char* hybrid =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:4 - cgroup2 cgroup2 rw\n";
constexpr const char* unified = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* in_container =
    "29 23 0:26 /docker/abc /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* version_1_only = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n";

TEST(Cgroups, AreFoundWhereverTheyAreMounted) {
  struct Case {
    const char* mountinfo;
    const char* memberships;
    std::string expected;  ///< empty: there is none
  };
  const Case cases[] = {
      {hybrid, "9:name=systemd:/\n1:cpu:/x\n0::/\n", "/sys/fs/cgroup/unified"},
      {hybrid, "1:cpu:/x\n0::/system.slice/escape-agent.service\n",
       "/sys/fs/cgroup/unified/system.slice/escape-agent.service"},
      {unified, "0::/system.slice/escape-agent.service\n", "/sys/fs/cgroup/system.slice/escape-agent.service"},
      {in_container, "0::/docker/abc/agent\n", "/sys/fs/cgroup/agent"},
      {in_container, "0::/docker/abc\n", "/sys/fs/cgroup"},
      {in_container, "0::/docker/abcd\n", "/sys/fs/cgroup/docker/abcd"},
      {unified, "0::/../other\n", ""},
      {unified, "1:cpu:/\n", ""},
      {version_1_only, "1:cpu:/\n0::/\n", ""},
      {"", "", ""},
  };
  for (const Case& one : cases) {
    const Result<std::string> found = own_cgroup(one.mountinfo, one.memberships);
    EXPECT_EQ(found ? found.value() : "", one.expected) << one.memberships;
    EXPECT_TRUE(found || !found.error().message.empty());
  }
}

}  // namespace escape::runner::cgroup_test
