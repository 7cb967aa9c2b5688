#pragma once

#include "protocol/messages/agent.h"

namespace escape::agent {

/// What this host says of itself. The machine id is hashed: it must not be shown to others (machine-id(5)).
protocol::HostFacts read_host_facts();

}  // namespace escape::agent
