#pragma once

#include <vector>

#include "protocol/messages/agent.h"
#include "protocol/messages/client.h"

/// One message of every kind, each field with a value that no other has.
namespace escape::golden {

std::vector<protocol::FromAgent> from_agent_samples();
std::vector<protocol::ToAgent> to_agent_samples();
std::vector<protocol::FromClient> from_client_samples();
std::vector<protocol::ToClient> to_client_samples();

}  // namespace escape::golden
