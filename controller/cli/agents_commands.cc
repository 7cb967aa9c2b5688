#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/job_run.h"
#include "controller/cli/table.h"
#include "controller/cli/views.h"
#include "protocol/session/token.h"
#include "shared/base/crypto.h"
#include "shared/base/text.h"

/// agents and principals: who is enrolled, and invitations for more.
namespace escape::cli {
namespace {

/// Less is the time that the greeting took, or of no consequence for reading logs side by side.
constexpr Micros noted_clock_difference{2'000'000};

struct EnrolFlags {
  std::string name;
  std::string environment;
  std::vector<std::string> environments;
  std::vector<std::string> labels;
  std::string role = "operator";
  std::string valid_for = "24h";
  bool as_json = false;
};

Result<std::map<std::string, std::string>> labels_of(const std::vector<std::string>& given) {
  std::map<std::string, std::string> labels;
  for (const std::string& text : given) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
      return fail(ErrorKind::usage, "'" + text + "' is not a label.", "Write it as --label NAME=VALUE.");
    labels[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return labels;
}

/// Invitations are to a place that can be reached; the embedded controller has none and needs none.
Result<ControllerAddress> remote_controller(Invocation& run) {
  TRY(const Profile* profile, run.profile());
  if (profile->controller) return *profile->controller;
  return fail(ErrorKind::refused,
              "The profile '" + profile->name +
                  "' has no controller: everything runs in this process, and there is nobody to invite.",
              "Start an escape-controller and log in to it: escape login --token TOKEN");
}

std::string with_port(const std::string& address, int port) {
  return address.substr(0, address.rfind(':')) + ":" + std::to_string(port);
}

/// Makes the seed here, gives the controller the public half, and prints the token: it is the only copy.
Result<int> invite(Invocation& run, protocol::request::Invite asked, bool is_agent, const EnrolFlags& flags) {
  TRY(const ControllerAddress controller, remote_controller(run));
  TRY(asked.valid_for, parse_duration(flags.valid_for));
  TRY(Link * link, run.link(Access::write));
  std::string address = controller.address;
  if (is_agent) {
    TRY(const protocol::reply::Hello hello,
        ask<protocol::reply::Hello>(*link, protocol::request::Hello{ESCAPE_VERSION}));
    address = with_port(address, hello.agents_port);
  }
  const std::string seed = random_bytes(32);
  asked.key = key_pair_from_seed(seed).public_key;
  TRY(const protocol::reply::Invitation made, ask<protocol::reply::Invitation>(*link, std::move(asked)));
  const std::string token = protocol::to_text({seed, controller.key, address});
  if (flags.as_json) {
    print_json(run,
               Value::Object{{"name", made.name}, {"token", token}, {"valid_until", to_rfc3339(made.valid_until)}});
    return 0;
  }
  run.console().out(token + "\n");
  run.console().err("Good for one use until " + shown_time(made.valid_until) + ". On the other side: " +
                    (is_agent ? "escape-agent join TOKEN" : "escape login --token TOKEN") + "\n");
  return 0;
}

Result<int> list_agents(Invocation& run, const EnrolFlags& flags) {
  TRY(Link * link, run.link(Access::read));
  TRY(const protocol::reply::Agents all,
      ask<protocol::reply::Agents>(*link, protocol::request::ListAgents{flags.environment}));
  if (flags.as_json) {
    print_json(run, list_of(all.agents));
    return 0;
  }
  const Timestamp now = read_clocks().wall;
  Table table({"AGENT", "ENVIRONMENT", "STATE", "LAST SEEN", "TASKS", "HOST", "VERSION", "KEY", "LABELS"});
  for (const protocol::AgentView& agent : all.agents) {
    std::vector<std::string> labels;
    for (const auto& [name, value] : agent.labels) labels.push_back(name + "=" + value);
    table.add({agent.name.empty() ? "-" : agent.name, agent.environment, agent.state, shown_age(agent.last_seen, now),
               std::to_string(agent.running_tasks), agent.host.hostname, agent.host.agent_version, agent.fingerprint,
               join(labels, ",")});
  }
  for (const protocol::AgentView& agent : all.agents) {
    if (!agent.conflict.empty()) run.console().err(agent.conflict + "\n");
    const Micros ahead(agent.clock_ahead_micros);
    if (std::chrono::abs(ahead) < noted_clock_difference) continue;
    run.console().err("The clock of agent " + agent.name + " is " + to_short_text(std::chrono::abs(ahead)) +
                      (ahead > Micros{0} ? " ahead" : " behind") + " of the controller's.\n");
  }
  run.console().out(table.empty()
                        ? "There are no agents. `escape agents invite -e ENVIRONMENT` makes a token for one.\n"
                        : table.text());
  return 0;
}

Result<int> invite_agent(Invocation& run, const EnrolFlags& flags) {
  TRYV(check_environment(flags.environment));
  protocol::request::Invite asked;
  asked.name = flags.name;
  asked.role = "agent";
  asked.environment = flags.environment;
  TRY(asked.labels, labels_of(flags.labels));
  return invite(run, std::move(asked), true, flags);
}

Result<int> tell_done(Invocation& run, protocol::Request request, const std::string& otherwise) {
  TRY(Link * link, run.link(Access::write));
  TRY(const protocol::reply::Done done, ask<protocol::reply::Done>(*link, std::move(request)));
  run.console().err((done.text.empty() ? otherwise : done.text) + "\n");
  return 0;
}

Result<int> list_principals(Invocation& run, const EnrolFlags& flags) {
  TRY(Link * link, run.link(Access::read));
  TRY(const protocol::reply::Principals all,
      ask<protocol::reply::Principals>(*link, protocol::request::ListPrincipals{}));
  if (flags.as_json) {
    print_json(run, list_of(all.principals));
    return 0;
  }
  if (all.principals.empty()) {
    run.console().out("There are no people: a controller has them.\n");
    return 0;
  }
  Table table({"PRINCIPAL", "ROLE", "ENVIRONMENTS", "KEY", "SINCE"});
  for (const protocol::PrincipalView& principal : all.principals) {
    table.add({principal.name, principal.role,
               principal.environments.empty() ? "all" : join(principal.environments, ","), principal.fingerprint,
               shown_time(principal.enrolled_at)});
  }
  run.console().out(table.text());
  return 0;
}

Result<int> invite_principal(Invocation& run, const EnrolFlags& flags) {
  if (flags.role != "admin" && flags.role != "operator" && flags.role != "reader") {
    return fail(ErrorKind::usage, "Unknown role '" + flags.role + "'.", "The roles are admin, operator and reader.");
  }
  protocol::request::Invite asked;
  asked.name = flags.name;
  asked.role = flags.role;
  asked.environments = flags.environments;
  return invite(run, std::move(asked), false, flags);
}

}  // namespace

void describe_agents_list(Syntax& syntax) {
  auto flags = std::make_shared<EnrolFlags>();
  syntax.option("-e,--environment", flags->environment, "ENVIRONMENT", "Of this environment");
  add_json(syntax, flags->as_json);
  syntax.action([flags](Invocation& run) { return list_agents(run, *flags); });
}

void describe_agents_invite(Syntax& syntax) {
  auto flags = std::make_shared<EnrolFlags>();
  syntax.option("-e,--environment", flags->environment, "ENVIRONMENT", "The environment of the new host");
  syntax.option("-n,--name", flags->name, "NAME", "Its name (its host name)");
  syntax.repeated("--label", flags->labels, "NAME=VALUE", "A label; repeat");
  syntax.option("--valid-for", flags->valid_for, "DURATION", "How long the token is good (24h)");
  add_json(syntax, flags->as_json);
  syntax.example("escape agents invite --environment stage");
  syntax.action([flags](Invocation& run) { return invite_agent(run, *flags); });
}

void describe_agents_remove(Syntax& syntax) {
  auto flags = std::make_shared<EnrolFlags>();
  syntax.required_argument("AGENT", flags->name, "Its name");
  syntax.action([flags](Invocation& run) {
    return tell_done(run, protocol::request::RemoveAgent{flags->name}, "The agent " + flags->name + " was removed.");
  });
}

void describe_principals_list(Syntax& syntax) {
  auto flags = std::make_shared<EnrolFlags>();
  add_json(syntax, flags->as_json);
  syntax.action([flags](Invocation& run) { return list_principals(run, *flags); });
}

void describe_principals_invite(Syntax& syntax) {
  auto flags = std::make_shared<EnrolFlags>();
  syntax.required_argument("NAME", flags->name, "The person's or tool's name");
  syntax.option("--role", flags->role, "admin|operator|reader", "What they may do (operator)");
  syntax.repeated("-e,--environment", flags->environments, "ENVIRONMENT", "An operator's environments (all); repeat");
  syntax.option("--valid-for", flags->valid_for, "DURATION", "How long the token is good (24h)");
  add_json(syntax, flags->as_json);
  syntax.action([flags](Invocation& run) { return invite_principal(run, *flags); });
}

void describe_principals_remove(Syntax& syntax) {
  auto flags = std::make_shared<EnrolFlags>();
  syntax.required_argument("PRINCIPAL", flags->name, "Whose key is taken away");
  syntax.action([flags](Invocation& run) {
    return tell_done(run, protocol::request::RemovePrincipal{flags->name}, flags->name + " was removed.");
  });
}

}  // namespace escape::cli
