#include "agent/app/host_facts.h"

#include <unistd.h>

#include <array>
#include <string>

#include "agent/runner/environment.h"
#include "agent/runner/process.h"
#include "shared/base/sha256.h"
#include "shared/base/text.h"
#include "shared/io/files.h"

namespace escape::agent {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

std::string hashed_machine_id() {
  const Result<std::string> id = io::read_file("/etc/machine-id");
  if (!id) return {};
  return sha256_hex("escape agent " + std::string(trimmed(id.value()))).substr(0, 32);
}

}  // namespace

protocol::HostFacts read_host_facts() {
  protocol::HostFacts facts;
  facts.hostname = host_name();
  facts.boot_id = runner::boot_id();
  facts.machine_id = hashed_machine_id();
  facts.agent_version = ESCAPE_VERSION;
  facts.platform = runner::platform_name();
  facts.arch = runner::arch_name();
  return facts;
}

}  // namespace escape::agent
