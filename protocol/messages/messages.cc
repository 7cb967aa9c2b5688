#include <string>

#include "protocol/messages/agent.h"
#include "protocol/messages/client.h"
#include "protocol/messages/variants.h"
#include "shared/base/overloaded.h"

namespace escape::protocol {
namespace detail {

std::string shown(std::string_view hostile) {
  constexpr std::size_t longest = 40;
  std::string text;
  for (const char c : hostile.substr(0, longest)) text.push_back(c >= ' ' && c <= '~' ? c : '?');
  if (hostile.size() > longest) text += "...";
  return text;
}

Result<Value> parse_body(std::string_view type, std::string_view body) {
  if (body.size() > max_message_bytes)
    return fail(ErrorKind::bad_data, "the body of a '" + shown(type) + "' message has " + std::to_string(body.size()) +
                                         " bytes, more than the limit of " + std::to_string(max_message_bytes));
  Result<Value> value = codec::from_msgpack(body);
  if (!value) return fail(std::move(value).error().in("the body of a '" + shown(type) + "' message"));
  return value;
}

namespace {

/// A day, in milliseconds: no peer can send another to sleep for longer.
constexpr std::int64_t longest_pace = 24 * 3600 * 1000;

Result<> at_most(std::size_t size, std::size_t limit, const char* field) {
  if (size <= limit) return ok();
  return fail(ErrorKind::bad_data, std::string("the field '") + field + "' has " + std::to_string(size) +
                                       " bytes or items, more than the limit of " + std::to_string(limit));
}

Result<> between(std::int64_t value, std::int64_t low, std::int64_t high, const char* field) {
  if (value >= low && value <= high) return ok();
  return fail(ErrorKind::bad_data, std::string("the field '") + field + "' is " + std::to_string(value) +
                                       ", which is not within " + std::to_string(low) + " and " + std::to_string(high));
}

Result<> exactly_32(const std::string& bytes, const char* field) {
  if (bytes.size() == 32) return ok();
  return fail(ErrorKind::bad_data, std::string("the field '") + field + "' has " + std::to_string(bytes.size()) +
                                       " bytes where 32 were expected");
}

}  // namespace

Result<> check_bounds(const Join& message) { return exactly_32(message.public_key, "public_key"); }
Result<> check_bounds(const Hello& message) { return at_most(message.holds.size(), max_held_tasks, "holds"); }
Result<> check_bounds(const Output& message) { return at_most(message.bytes.bytes.size(), max_output_chunk, "bytes"); }
Result<> check_bounds(const Finished& message) {
  TRYV(at_most(message.tail.bytes.size(), max_tail, "tail"));
  if (message.tail_offset <= message.output_bytes &&
      message.output_bytes - message.tail_offset == message.tail.bytes.size())
    return ok();
  return fail(ErrorKind::bad_data, "'tail' does not reach from 'tail_offset' to 'output_bytes'");
}
Result<> check_bounds(const Welcome& message) {
  TRYV(between(message.heartbeat.count(), 1, longest_pace, "heartbeat"));
  return between(message.missed_beats, 1, 1000, "missed_beats");
}
Result<> check_bounds(const Pong& message) { return between(message.heartbeat.count(), 0, longest_pace, "heartbeat"); }
Result<> check_bounds(const Refused& message) {
  return between(message.retry_after.count(), 0, longest_pace, "retry_after");
}
Result<> check_bounds(const ClientCredit& message) { return between(message.batches, 1, 1000, "batches"); }
Result<> check_bounds(const request::Enrol& message) { return exactly_32(message.public_key, "public_key"); }
Result<> check_bounds(const request::ListJobs& message) { return between(message.limit, 1, max_list_limit, "limit"); }
Result<> check_bounds(const request::ListEvents& message) { return between(message.limit, 1, max_list_limit, "limit"); }
Result<> check_bounds(const request::ListHistory& message) {
  return between(message.limit, 1, max_list_limit, "limit");
}
Result<> check_bounds(const request::SetHold& message) { return at_most(message.reason.size(), max_reason, "reason"); }
Result<> check_bounds(const request::Submit& message) {
  TRYV(at_most(message.together.size(), max_together, "together"));
  return at_most(message.reason.size(), max_reason, "reason");
}
Result<> check_bounds(const request::PlanJob& message) { return check_bounds(message.submit); }
Result<> check_bounds(const request::Invite& message) { return exactly_32(message.key, "key"); }
Result<> check_bounds(const request::ResolveJob& message) {
  return at_most(message.reason.size(), max_reason, "reason");
}

namespace {

template <class Variant>
TypedBody encode_plain(const Variant& message) {
  return {std::string(word_of_held(message)), codec::to_msgpack(value_of_held(message))};
}

/// What requests and replies share: an id, a word and its arguments.
template <class Variant>
Value wrap(const std::string& id, const char* member, const Variant& inner) {
  return Value::Object{{"id", id}, {member, word_of_held(inner)}, {"args", value_of_held(inner)}};
}

struct Wrapped {
  std::string id;
  std::string word;
  const Value* args = nullptr;
};
Result<Wrapped> unwrap(const Value& body, const char* member) {
  const Value::Object* object = body.as_object();
  if (!object) return fail(codec::detail::wrong_type("object", body));
  const auto text = [&](const char* name) -> Result<std::string> {
    const Value* value = object->find(name);
    const std::string* string = value ? value->as_string() : nullptr;
    if (!string) return fail(ErrorKind::bad_data, std::string("the text field '") + name + "' is missing");
    return *string;
  };
  Wrapped wrapped;
  TRY(wrapped.id, text("id"));
  TRY(wrapped.word, text(member));
  wrapped.args = object->find("args");
  if (!wrapped.args) return fail(ErrorKind::bad_data, "the field 'args' is missing");
  if (wrapped.id.empty() || wrapped.id.size() > max_request_id)
    return fail(ErrorKind::bad_data, "the field 'id' is empty or longer than " + std::to_string(max_request_id));
  return wrapped;
}

Result<ClientRequest> request_from(const Value& body) {
  TRY(Wrapped wrapped, unwrap(body, "request"));
  TRY(Request request, decode_held<Request>(wrapped.word, *wrapped.args, "request"));
  return ClientRequest{std::move(wrapped.id), std::move(request)};
}

}  // namespace
}  // namespace detail

TypedBody encode(const FromAgent& message) { return detail::encode_plain(message); }
TypedBody encode(const ToAgent& message) { return detail::encode_plain(message); }

Result<FromAgent> decode_from_agent(std::string_view type, std::string_view body) {
  TRY(const Value value, detail::parse_body(type, body));
  return detail::decode_held<FromAgent>(type, value, "message of an agent");
}

Result<ToAgent> decode_to_agent(std::string_view type, std::string_view body) {
  TRY(const Value value, detail::parse_body(type, body));
  return detail::decode_held<ToAgent>(type, value, "message to an agent");
}

std::string_view word_of(const Request& request) { return detail::word_of_held(request); }

bool reveals_values(const Request& request) {
  const auto* shown = std::get_if<request::ShowDeployment>(&request);
  const auto* exported = std::get_if<request::ExportState>(&request);
  return (shown && shown->reveal) || (exported && exported->reveal);
}

bool changes_something(const Request& request) {
  return std::visit(
      overloaded{
          [](const request::Hello&) { return false; }, [](const request::Enrol&) { return true; },
          [](const request::Submit&) { return true; }, [](const request::DescribePromotion&) { return false; },
          [](const request::PlanConverge&) { return false; }, [](const request::ListJobs&) { return false; },
          [](const request::ShowJob&) { return false; }, [](const request::Attach&) { return false; },
          [](const request::Detach&) { return false; }, [](const request::CancelJob&) { return true; },
          [](const request::ListAgents&) { return false; }, [](const request::Invite&) { return true; },
          [](const request::RemoveAgent&) { return true; }, [](const request::ListPrincipals&) { return false; },
          [](const request::RemovePrincipal&) { return true; }, [](const request::ListEnvironments&) { return false; },
          [](const request::ApplyEnvironment&) { return true; }, [](const request::RemoveEnvironment&) { return true; },
          [](const request::ListDeployments&) { return false; },
          // An entry of the event log.
          [](const request::ShowDeployment& r) { return r.reveal; },
          [](const request::ExportState& r) { return r.reveal; }, [](const request::CreateDeployment&) { return true; },
          [](const request::ListEvents&) { return false; }, [](const request::InventoryToken&) { return false; },
          [](const request::RetryJob&) { return true; }, [](const request::ResolveJob&) { return true; },
          [](const request::ListErrands&) { return false; }, [](const request::PlanJob&) { return false; },
          [](const request::ListHistory&) { return false; }, [](const request::SetHold&) { return true; },
          [](const request::DiffEnvironments&) { return false; }, [](const request::SetDeployment&) { return true; },
          [](const request::RequestDeployment&) { return true; },
          [](const request::ImportState& r) { return !r.dry_run; }},
      request);
}

TypedBody encode(const FromClient& message) {
  return std::visit(
      overloaded{
          [](const ClientRequest& request) {
            return TypedBody{std::string(word<ClientRequest>),
                             codec::to_msgpack(detail::wrap(request.id, "request", request.request))};
          },
          [](const ClientCredit& credit) {
            return TypedBody{std::string(word<ClientCredit>), codec::to_msgpack(codec::encode(credit))};
          },
          [](const Ping& ping) { return TypedBody{std::string(word<Ping>), codec::to_msgpack(codec::encode(ping))}; }},
      message);
}

TypedBody encode(const ToClient& message) {
  return std::visit(
      overloaded{
          [](const ClientReply& reply) {
            return TypedBody{std::string(word<ClientReply>), codec::to_msgpack(reply_to_value(reply))};
          },
          [](const Pong& pong) { return TypedBody{std::string(word<Pong>), codec::to_msgpack(codec::encode(pong))}; },
          [](const Refused& refused) {
            return TypedBody{std::string(word<Refused>), codec::to_msgpack(codec::encode(refused))};
          }},
      message);
}

Value reply_to_value(const ClientReply& reply) { return detail::wrap(reply.id, "reply", reply.reply); }

Result<ClientReply> reply_from_value(const Value& value) {
  TRY(detail::Wrapped wrapped, detail::unwrap(value, "reply"));
  TRY(Reply reply, detail::decode_held<Reply>(wrapped.word, *wrapped.args, "reply"));
  return ClientReply{std::move(wrapped.id), std::move(reply)};
}

Result<FromClient> decode_from_client(std::string_view type, std::string_view body) {
  TRY(const Value value, detail::parse_body(type, body));
  if (type == word<ClientRequest>) {
    TRY(ClientRequest request, detail::request_from(value));
    return request;
  }
  TRY(auto other, detail::decode_held<std::variant<ClientCredit, Ping>>(type, value, "message of a client"));
  return std::visit([](auto&& held) { return FromClient(std::move(held)); }, std::move(other));
}

Result<ToClient> decode_to_client(std::string_view type, std::string_view body) {
  TRY(const Value value, detail::parse_body(type, body));
  if (type == word<ClientReply>) {
    TRY(ClientReply reply, reply_from_value(value));
    return reply;
  }
  TRY(auto other, detail::decode_held<std::variant<Pong, Refused>>(type, value, "message to a client"));
  return std::visit([](auto&& held) { return ToClient(std::move(held)); }, std::move(other));
}

}  // namespace escape::protocol
