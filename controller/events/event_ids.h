#pragma once

#include <string>
#include <string_view>

#include "shared/base/ids.h"

namespace escape::events {

/// The same for the same controller and sequence, and different for any two: a reader drops what it has by (source,
/// id). Shaped as a UUID of version 8 (what the bits mean is ours): 58 bits of the source's hash, 62 bits of the
/// sequence.
std::string event_id(std::string_view source, EventSequence sequence);

/// One for all events of a job. CDEvents insists on a UUID of version 4 here.
std::string chain_id(std::string_view source, JobId job);

/// Twenty digits, so that text order is number order.
std::string padded(EventSequence sequence);

}  // namespace escape::events
