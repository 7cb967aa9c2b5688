#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "protocol/messages/describe.h"
#include "protocol/messages/words.h"
#include "shared/base/result.h"
#include "shared/base/value.h"
#include "shared/codec/codec.h"

/// How a variant of messages becomes a word and a value, and back. Internal to this folder.
namespace escape::protocol::detail {

/// What the other side sent, cut and without control bytes, for an error message.
std::string shown(std::string_view hostile);
/// The body as a value: bad_data when it is too large or not msgpack.
Result<Value> parse_body(std::string_view type, std::string_view body);

/// Limits on single fields, checked after decoding; most messages have none but max_message_bytes.
template <class Message>
Result<> check_bounds(const Message&) {
  return ok();
}
Result<> check_bounds(const Join& message);
Result<> check_bounds(const Hello& message);
Result<> check_bounds(const Output& message);
Result<> check_bounds(const Finished& message);
Result<> check_bounds(const Welcome& message);
Result<> check_bounds(const Pong& message);
Result<> check_bounds(const Refused& message);
Result<> check_bounds(const ClientCredit& message);
Result<> check_bounds(const request::Enrol& message);
Result<> check_bounds(const request::ListJobs& message);
Result<> check_bounds(const request::ListEvents& message);
Result<> check_bounds(const request::Invite& message);
Result<> check_bounds(const request::ResolveJob& message);

template <class Variant>
std::string_view word_of_held(const Variant& message) {
  return std::visit([]<class Message>(const Message&) { return word<Message>; }, message);
}
template <class Variant>
Value value_of_held(const Variant& message) {
  return std::visit([](const auto& held) { return codec::encode(held); }, message);
}

template <class Variant, std::size_t Index = 0>
Result<Variant> decode_held(std::string_view type, const Value& body, std::string_view what) {
  if constexpr (Index == std::variant_size_v<Variant>) {
    return fail(ErrorKind::bad_data, "'" + shown(type) + "' is not a known " + std::string(what),
                "The other side may be of another version of Escape.");
  } else {
    using Message = std::variant_alternative_t<Index, Variant>;
    static_assert(!word<Message>.empty(), "every message has a word in words.h");
    if (type != word<Message>) return decode_held<Variant, Index + 1>(type, body, what);
    Result<Message> message = codec::decode<Message>(body);
    if (!message) return fail(std::move(message).error().in(std::string(what) + " '" + std::string(type) + "'"));
    if (Result<> bounded = check_bounds(message.value()); !bounded)
      return fail(std::move(bounded).error().in(std::string(what) + " '" + std::string(type) + "'"));
    return Variant(std::move(message).value());
  }
}

}  // namespace escape::protocol::detail
