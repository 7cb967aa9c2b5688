#include "controller/events/cdevents.h"

#include "controller/events/event_ids.h"
#include "controller/events/kinds.h"
#include "shared/base/text.h"
#include "shared/base/time.h"
#include "shared/codec/codec.h"
#include "shared/release/release_id.h"

namespace escape::events {
namespace {

using protocol::EventView;

constexpr std::string_view cdevents_version = "0.5.1";
/// The longest text of an event that is still told whole; output belongs behind a link.
constexpr std::size_t max_text_bytes = 4096;

std::string text_of(const EventView& event, std::string_view key) {
  const Value* value = event.data.find(key);
  const std::string* text = value ? value->as_string() : nullptr;
  return text ? *text : std::string();
}

std::string number_of(const EventView& event, std::string_view key) {
  const Value* value = event.data.find(key);
  const std::int64_t* number = value ? value->as_int() : nullptr;
  return number ? std::to_string(*number) : std::string();
}

std::string shortened(std::string text) {
  if (text.size() <= max_text_bytes) return text;
  std::size_t end = max_text_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // never within a character
  return text.substr(0, end) + "…";
}

/// "quickstart/hello-world-v0.0.1" → "pkg:generic/quickstart/hello-world@0.0.1?checksum=sha256:…".
std::string package_url(std::string_view release, std::string_view sha256) {
  const Result<release::ReleaseId> id = release::parse_release_id(release);
  if (!id) return "pkg:generic/" + std::string(release);
  std::string url = "pkg:generic/" + to_string(id.value().application) + "@" + id.value().version.text();
  if (!sha256.empty()) url += "?checksum=sha256:" + std::string(sha256);
  return url;
}

std::string previous_package_url(const EventView& event) {
  Result<release::ReleaseId> id = release::parse_release_id(text_of(event, "release"));
  const Result<release::Version> version = release::Version::parse(text_of(event, "previous"));
  if (!id || !version) return {};
  return "pkg:generic/" + to_string(id.value().application) + "@" + version.value().text();
}

std::string job_id(const EventView& event) { return "jobs/" + std::to_string(event.job); }

std::string task_id(const EventView& event) {
  const std::string index = number_of(event, "task");
  const std::string step = text_of(event, "step");
  return job_id(event) + (index.empty() ? "/steps/" + step : "/tasks/" + index);
}

std::string environment_id(const EventView& event) { return "environments/" + event.environment; }

std::string subject_id(const Kind& kind, const EventView& event) {
  switch (kind.about) {
    case About::environment:
      return environment_id(event);
    case About::artifact:
      return package_url(text_of(event, "release"), text_of(event, "sha256"));
    case About::job:
      return job_id(event);
    case About::task:
      return task_id(event);
    case About::service:
      return environment_id(event) + "/deployments/" + event.deployment;
    case About::agent:
      return "agents/" + text_of(event, "agent");
    case About::principal:
      return "principals/" + text_of(event, "principal");
    case About::invitation:
      return "invitations/" + std::to_string(event.sequence);
    case About::controller:
      break;
  }
  return "controller";
}

/// CDEvents knows success, failure, cancel, and error for the tool's own faults.
std::string_view cdevents_outcome(std::string_view outcome) {
  if (outcome == "ok") return "success";
  if (outcome == "cancelled") return "cancel";
  if (outcome == "interrupted" || outcome == "unknown") return "error";
  return "failure";
}

void add_outcome(Value::Object& content, const EventView& event) {
  const std::string outcome = text_of(event, "outcome");
  if (outcome.empty()) return;
  content.set("outcome", cdevents_outcome(outcome));
  if (outcome == "ok") return;
  std::string errors = shortened(text_of(event, "message"));
  const std::string status = number_of(event, "exit_status");
  if (errors.empty() && !status.empty()) errors = "step '" + text_of(event, "step") + "' exited with " + status;
  if (!errors.empty()) content.set("errors", errors);
}

Value::Object reference(std::string id, std::string_view source) { return {{"id", std::move(id)}, {"source", source}}; }

/// Exactly the members that the schema of the type allows: it takes no others. What else there is to say is in
/// customData.
Value::Object content_of(const Kind& kind, const EventView& event, std::string_view source) {
  Value::Object content;
  if (kind.is_ours()) return content;
  if (kind.about == About::environment) {
    content.set("name", event.environment);
  } else if (kind.about == About::artifact) {
    if (!event.principal.empty()) content.set("user", event.principal);
  } else if (kind.about == About::job) {
    const std::string what = event.deployment.empty() ? "" : " " + event.deployment;
    content.set("pipelineName", text_of(event, "kind") + what + " in " + event.environment);
    add_outcome(content, event);
  } else if (kind.about == About::task) {
    content.set("taskName", text_of(event, "step"));
    content.set("pipelineRun", reference(job_id(event), source));
    add_outcome(content, event);
  } else if (kind.about == About::service) {
    content.set("environment", reference(environment_id(event), source));
    const bool runs_now = kind.type != "service.removed" && kind.type != "service.published";
    if (runs_now) content.set("artifactId", package_url(text_of(event, "release"), text_of(event, "sha256")));
  }
  return content;
}

Value::Object custom_data_of(const EventView& event) {
  Value::Object custom{{"event", event.kind}};
  for (const auto& [key, value] : event.data) {
    custom.set(key, value.as_string() ? Value(shortened(*value.as_string())) : value);
  }
  if (event.job != 0) custom.set("job", job_id(event));
  if (!event.principal.empty()) custom.set("actor", event.principal);
  if (const std::string previous = previous_package_url(event); !previous.empty())
    custom.set("previousArtifactId", previous);
  if (const std::string from = text_of(event, "promoted_from"); !from.empty()) {
    custom.set("promotedFrom", "environments/" + from);
  }
  return custom;
}

Value::Object cdevent_of(const Kind& kind, const EventView& event, std::string_view source, Value::Object custom) {
  Value::Object context{{"specversion", cdevents_version},
                        {"id", event_id(source, event.sequence)},
                        {"source", source},
                        {"type", kind.full_type()},
                        {"timestamp", to_rfc3339(event.time)}};
  if (event.job != 0) context.set("chainId", chain_id(source, event.job));
  Value::Object subject{
      {"id", subject_id(kind, event)}, {"source", source}, {"content", content_of(kind, event, source)}};
  return {{"context", std::move(context)},
          {"subject", std::move(subject)},
          {"customData", std::move(custom)},
          {"customDataContentType", "application/json"}};
}

std::string envelope(const Kind& kind, const EventView& event, std::string_view source, Value::Object custom) {
  Value::Object cloud{{"specversion", "1.0"},
                      {"type", kind.full_type()},
                      {"source", source},
                      {"id", event_id(source, event.sequence)},
                      {"subject", subject_id(kind, event)},
                      {"time", to_rfc3339(event.time)},
                      {"datacontenttype", "application/json"},
                      {"sequence", padded(event.sequence)}};
  if (event.job != 0) cloud.set("correlationid", job_id(event));
  if (!event.principal.empty()) {
    const bool may_be_agent = kind.about == About::agent || kind.about == About::task;
    const bool is_agent = may_be_agent && event.principal == text_of(event, "agent");
    cloud.set("authtype", is_agent ? "service_account" : "user");
    cloud.set("authid", event.principal);
  }
  if (!event.environment.empty()) {
    cloud.set("partitionkey",
              event.deployment.empty() ? event.environment : event.environment + "/" + event.deployment);
  }
  cloud.set("data", cdevent_of(kind, event, source, std::move(custom)));
  return codec::to_json(cloud);
}

}  // namespace

std::string to_cloud_event(const EventView& event, std::string_view source_url) {
  const Kind kind = kind_of(event.kind);
  std::string json = envelope(kind, event, source_url, custom_data_of(event));
  if (json.size() <= max_event_bytes) return json;
  return envelope(kind, event, source_url, {{"event", event.kind}, {"truncated", true}});
}

std::string topic_of(const EventView& event) {
  return "ev." + event.environment + "." + event.deployment + "." + kind_of(event.kind).type;
}

std::string sequence_frame(EventSequence sequence) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(sequence >> (8 * (7 - i)));
  return bytes;
}

}  // namespace escape::events
