#pragma once

#include <string>
#include <string_view>

#include "protocol/messages/client.h"

namespace escape::events {

/// Media type of `to_cloud_event`.
inline constexpr std::string_view cloud_event_type = "application/cloudevents+json";

/// What CloudEvents lets every reader rely on. Long texts are cut, then left out, to stay within it.
inline constexpr std::size_t max_event_bytes = 64 * 1024;

/// The event as CloudEvents structured JSON around a CDEvent (CDEvents 0.5.1 and its CloudEvents binding). `source_url`
/// is an absolute URI that names the controller. The same event and source give the same bytes; total on any event.
std::string to_cloud_event(const protocol::EventView& event, std::string_view source_url);

/// "ev.<environment>.<deployment>.<type without prefix and version>": subscribers choose by prefix.
std::string topic_of(const protocol::EventView& event);

/// A sequence as the 8 big-endian bytes of the stream's second frame.
std::string sequence_frame(EventSequence sequence);

}  // namespace escape::events
