#include "tests/golden/wire_samples.h"

namespace escape::golden {
namespace {

using namespace protocol;

std::string bytes_32(char first) {
  std::string bytes;
  for (int i = 0; i < 32; ++i) bytes.push_back(static_cast<char>(first + i));
  return bytes;
}

HostFacts host() {
  return {.hostname = "stage-host",
          .boot_id = "7a1c",
          .machine_id = "9f0e",
          .agent_version = "0.1.0",
          .platform = "linux",
          .arch = "amd64"};
}

Value::Object inputs() {
  return {{"who", "Stage"}, {"count", 3}, {"ratio", 0.5}, {"loud", true}, {"list", Value::List{"a", 1}},
          {"none", nullptr}};
}

JobView job_view() {
  return {.number = 12,
          .kind = JobKind::promote,
          .phase = JobPhase::settled,
          .outcome = JobOutcome::failed,
          .error_kind = "failed",
          .message = "The step 'deploy' failed.",
          .hint = "See its output.",
          .environment = "live",
          .deployment = "quickstart/hello-world",
          .release = "quickstart/hello-world-v0.0.1",
          .principal = "ann",
          .parent = 11,
          .created_at = {1'800'000'000'000'001},
          .started_at = {1'800'000'000'000'002},
          .settled_at = {1'800'000'000'000'003},
          .tasks = {{.task = {12, 1},
                     .attempt = 2,
                     .step = "deploy",
                     .agent = "live-1",
                     .phase = TaskPhase::settled,
                     .outcome = "failed",
                     .exit_status = 3,
                     .message = "It ended with status 3.",
                     .output_bytes = 70'000,
                     .started_at = {1'800'000'000'000'004},
                     .ended_at = {1'800'000'000'000'005},
                     .host = "web3",
                     .agent_state = "offline",
                     .agent_seen = {1'800'000'000'000'006},
                     .reported_at = {1'800'000'000'000'007}}},
          .state = "interrupted",
          .retry_of = 9,
          .resolved_by = "ann",
          .resolved_because = "the host burnt down"};
}

std::vector<Request> requests() {
  return {
      request::Hello{.client_version = "0.1.0"},
      request::Enrol{.name = "ann", .public_key = bytes_32('\x10')},
      request::Submit{.kind = JobKind::deploy,
                      .environment = "stage",
                      .deployment = "greeter",
                      .release = "quickstart/hello-world-latest",
                      .inputs = inputs(),
                      .from_environment = "test",
                      .from_deployment = "greeter-test",
                      .expected_sha256 = "ab12",
                      .refresh = true,
                      .step_time_limit = Millis{90'000},
                      .workspace = "/home/ann/hello",
                      .metadata = Value::Object{{"name", "hello-world"}},
                      .stages = {"build", "deploy"}},
      request::DescribePromotion{.from_environment = "stage",
                                 .from_deployment = "greeter",
                                 .to_environment = "live",
                                 .to_deployment = "greeter-live"},
      request::PlanConverge{.environment = "stage", .refresh = true},
      request::ListJobs{
          .environment = "stage", .deployment = "greeter", .active_only = true, .before = 40, .limit = 25},
      request::ShowJob{.job = 12},
      request::Attach{.job = 12, .from_sequence = 7},
      request::Detach{},
      request::CancelJob{.job = 12},
      request::ListAgents{.environment = "stage"},
      request::Invite{.name = "stage-2",
                      .key = bytes_32('\x20'),
                      .role = "agent",
                      .environment = "stage",
                      .environments = {"test", "live"},
                      .labels = {{"rack", "r7"}},
                      .valid_for = Millis{600'000}},
      request::RemoveAgent{.name = "stage-1"},
      request::ListPrincipals{},
      request::RemovePrincipal{.name = "ann"},
      request::ListEnvironments{},
      request::ApplyEnvironment{.environment = "stage",
                                .inputs = inputs(),
                                .is_protected = true,
                                .deployments = {{.deployment = "greeter",
                                                 .release = "quickstart/hello-world-v0.0.@",
                                                 .inputs = {{"who", "Applied"}}}},
                                .is_trial = true},
      request::RemoveEnvironment{.environment = "trial"},
      request::ListDeployments{.environment = "stage"},
      request::ShowDeployment{.environment = "stage", .deployment = "greeter", .reveal = true},
      request::ExportState{.environment = "stage", .reveal = true},
      request::CreateDeployment{.environment = "stage",
                                .deployment = "greeter",
                                .release = "quickstart/hello-world-v0.0.1",
                                .inputs = inputs()},
      request::ListEvents{.since = 99, .limit = 50, .newest = true},
      request::InventoryToken{},
      request::RetryJob{.job = 12},
      request::ResolveJob{.job = 12, .is_ok = true, .reason = "the host burnt down"},
  };
}

std::vector<Reply> replies() {
  return {
      reply::Hello{.controller_version = "0.1.0",
                   .principal = "ann",
                   .role = "operator",
                   .agents_port = 7771,
                   .events_port = 7773,
                   .http_port = 7770,
                   .inventory_url = "http://inventory.example:7770",
                   .newest_event = 321,
                   .heartbeat_millis = 5'000},
      reply::Enrolled{.principal = "ann", .role = "operator"},
      reply::JobMade{.job = 12},
      reply::Promotion{.release = "quickstart/hello-world-v0.0.1",
                       .sha256 = "ab12",
                       .target_release = "quickstart/hello-world-v0.0.2",
                       .target_protected = true,
                       .is_downgrade = true,
                       .is_same = false},
      reply::ConvergePlan{.changes = {{.deployment = "greeter",
                                       .action = "deploy",
                                       .from = "0.0.1",
                                       .to = "0.0.2",
                                       .reason = "A newer version is there."}}},
      reply::Jobs{.jobs = {job_view()}, .more = true},
      reply::Job{.job = job_view()},
      reply::LogBatch{.job = 12,
                      .entries = {{.sequence = 1,
                                   .job = 12,
                                   .time = {1'800'000'000'000'006},
                                   .level = "info",
                                   .sections = {"Promote", "Deploy"},
                                   .text = "Running deploy step deploy.sh.",
                                   .bytes = {}},
                                  {.sequence = 2,
                                   .job = 13,
                                   .time = {1'800'000'000'000'007},
                                   .level = "output",
                                   .sections = {},
                                   .text = "",
                                   .task = 1,
                                   .attempt = 2,
                                   .offset = 65'536,
                                   .bytes = {std::string("Hello\n\xff\0", 8)}}}},
      reply::JobDone{.job = job_view()},
      reply::Done{.text = "The agent 'stage-1' is removed."},
      reply::Agents{.agents = {{.name = "stage-1",
                                .environment = "stage",
                                .labels = {{"rack", "r7"}, {"zone", "b"}},
                                .state = "online",
                                .fingerprint = "a1b2-c3d4-e5f6-0718",
                                .host = host(),
                                .enrolled_at = {1'800'000'000'000'008},
                                .last_seen = {1'800'000'000'000'009},
                                .running_tasks = 2,
                                .conflict = "two hosts",
                                .clock_ahead_micros = -3}}},
      reply::Invitation{.name = "stage-2", .valid_until = {1'800'000'000'000'010}},
      reply::Principals{.principals = {{.name = "ann",
                                        .role = "operator",
                                        .environments = {"test", "stage"},
                                        .fingerprint = "b1b2-c3d4-e5f6-0718",
                                        .enrolled_at = {1'800'000'000'000'011}}}},
      reply::Environments{.environments = {{.name = "stage",
                                            .is_protected = true,
                                            .deployments = 5,
                                            .agents = 3,
                                            .agents_online = 2,
                                            .inputs = inputs()}}},
      reply::Deployments{.cells = {{.environment = "stage",
                                    .deployment = "greeter",
                                    .release = "quickstart/hello-world",
                                    .version = "0.0.1",
                                    .attempted = "0.0.2",
                                    .status = "failure",
                                    .agent = "stage-1",
                                    .agent_state = "suspect",
                                    .job = 12,
                                    .updated_at = {1'800'000'000'000'012},
                                    .job_state = "unknown"}},
                         .environments = {"test", "stage", "live"},
                         .read_only = "The controller takes no changes: the disk is full",
                         .read_only_hint = "Give its disk room."},
      reply::Deployment{.deployment = Value::Object{{"name", "greeter"}}},
      reply::State{.state = Value::Object{{"name", "quickstart"}}},
      reply::Events{.events = {{.sequence = 321,
                                .time = {1'800'000'000'000'013},
                                .kind = "job.settled",
                                .principal = "ann",
                                .environment = "stage",
                                .deployment = "greeter",
                                .job = 12,
                                .data = {{"outcome", "ok"}}}},
                    .newest = 322,
                    .first_available = 4},
      reply::Token{.token = "short-lived", .valid_until = {1'800'000'000'000'014}},
      reply::Failed{.kind = "not_found", .message = "There is no job 12.", .hint = "See 'escape jobs list'."},
  };
}

}  // namespace

std::vector<FromAgent> from_agent_samples() {
  return {
      Join{.name = "stage-1", .public_key = bytes_32('\x30'), .host = host(), .labels = {{"rack", "r7"}}},
      Hello{.host = host(),
            .placement = "environment",
            .labels = {{"zone", "b"}},
            .holds = {{.task = {12, 0}, .attempt = 1, .phase = AgentTaskPhase::finished, .output_bytes = 42},
                      {.task = {13, 4}, .attempt = 2, .phase = AgentTaskPhase::running, .output_bytes = 43}},
            .process = "process-1",
            .sent_at = {1'800'000'000'000'012}},
      Ping{},
      Accepted{.task = {12, 1}, .attempt = 2},
      Declined{.task = {12, 1}, .attempt = 3, .reason = "The disk is full."},
      Output{.task = {12, 1}, .attempt = 4, .offset = 65'536, .bytes = {std::string("Hello\n\xff\0", 8)}},
      Finished{.task = {12, 1},
               .attempt = 5,
               .outcome = TaskOutcome::timed_out,
               .exit_status = 143,
               .message = "It ran longer than 90s.",
               .outputs = inputs(),
               .has_outputs = true,
               .output_bytes = 70'003,
               .tail_offset = 70'000,
               .tail = {"end"},
               .duration_micros = 90'000'123},
      Bye{},
  };
}

std::vector<ToAgent> to_agent_samples() {
  return {
      Joined{.agent = "stage-1", .environment = "stage"},
      Welcome{.agent = "stage-1",
              .environment = "stage",
              .heartbeat = Millis{7'000},
              .missed_beats = 4,
              .inventory_port = 7770,
              .inventory_url = "http://inventory.example:7770",
              .forget = {{9, 1}, {10, 0}},
              .cancel = {{11, 2}},
              .credit = 131'072},
      Refused{.kind = "refused", .message = "The agent 'stage-1' was removed.", .is_final = true},
      Pong{.heartbeat = Millis{20'000}},
      Offer{.task = {12, 1},
            .attempt = 2,
            .environment = "stage",
            .deployment = "greeter",
            .stage = "deploy",
            .step = "pre_deploy",
            .package = {.release = "quickstart/hello-world-v0.0.1",
                        .path = "/api/v1/inventory/quickstart/units/hello-world/versions/v0.0.1/download",
                        .sha256 = "ab12",
                        .size = 2'048,
                        .workspace = "/home/ann/hello"},
            .run = {.cmd = "bash", .args = {"-c", "true"}, .inline_script = "echo hi", .script = "deploy.sh"},
            .variables = {{"INPUT_who", "Stage"}, {"INPUT_password", "hidden"}},
            .secret_variables = {"INPUT_password"},
            .outputs_before = {{"url", "http://before"}},
            .writes_outputs_file = true,
            .reads_outputs = true,
            .time_limit = Millis{90'000},
            .credit = 65'536},
      OutputAck{.task = {12, 1}, .attempt = 2, .offset = 65'536, .credit = 524'288},
      ResultCommitted{.task = {12, 1}, .attempt = 6},
      Cancel{.task = {12, 1}, .attempt = 7, .grace = Millis{5'000}},
  };
}

std::vector<FromClient> from_client_samples() {
  std::vector<FromClient> samples{ClientCredit{.batches = 4}, Ping{}};
  for (Request& request : requests()) {
    samples.push_back(ClientRequest{.id = "000102030405060708090a0b0c0d0e0f", .request = std::move(request)});
  }
  return samples;
}

std::vector<ToClient> to_client_samples() {
  std::vector<ToClient> samples{
      Pong{}, Refused{.kind = "temporary", .message = "Greet first.", .is_final = false, .retry_after = Millis{4'000}}};
  for (Reply& reply : replies()) {
    samples.push_back(ClientReply{.id = "000102030405060708090a0b0c0d0e0f", .reply = std::move(reply)});
  }
  return samples;
}

}  // namespace escape::golden
