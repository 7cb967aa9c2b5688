#include <fmt/core.h>

#include "tests/simulation/cluster.h"

namespace escape::simulation {

namespace request = protocol::request;
namespace reply = protocol::reply;
using protocol::JobKind;

namespace {

std::string key_of(std::string text) {
  text.resize(32, '.');
  return text;
}

}  // namespace

void Cluster::enrol_all() {
  ClientNode& admin = *clients_.front();
  if (!admin.is_enrolled()) {
    world_.after(200ms, [this] { enrol_all(); });
    return;
  }
  for (Member& member : members_) invite_agent(member);
  for (std::size_t i = 1; i < clients_.size(); ++i) invite_person(*clients_[i]);
  invite_person(*walker_);
  walk_->start();
}

void Cluster::invite_agent(Member& member) {
  request::Invite invite;
  invite.role = "agent";
  invite.environment = member.environment;
  invite.key = key_of(fmt::format("{} invitation {}", member.host->name, ++member.invitations));
  clients_.front()->ask(invite,
                        [&member, key = invite.key, number = member.invitations](const protocol::Reply& answered) {
                          if (!std::holds_alternative<reply::Invitation>(answered) || number != member.invitations)
                            return;
                          member.host->invitation = key;
                          member.host->pending_key = key_of(fmt::format("{} key {}", member.host->name, number));
                          member.agent->kill(false);
                          member.agent->start();
                        });
}

void Cluster::invite_person(ClientNode& person) {
  request::Invite invite;
  invite.role = "operator";
  invite.name = person.name;
  invite.key = key_of(fmt::format("{} invitation {}", person.name, ++last_marker_));
  clients_.front()->ask(invite, [&person, key = invite.key](const protocol::Reply& answered) {
    if (std::holds_alternative<reply::Invitation>(answered)) person.enrol(key);
  });
}

/// The host is given up, and set up again after a while.
void Cluster::remove_agent(Member& member) {
  clients_.front()->ask(request::RemoveAgent{member.host->agent}, [this, &member](const protocol::Reply& answered) {
    if (!std::holds_alternative<reply::Done>(answered)) return;
    ++seen_["agent removed"];
    world_.after(random_.between(1s, 20s), [this, &member] { invite_agent(member); });
  });
}

void Cluster::remove_person(ClientNode& person) {
  clients_.front()->ask(request::RemovePrincipal{person.name}, [this, &person](const protocol::Reply& answered) {
    if (!std::holds_alternative<reply::Done>(answered)) return;
    ++seen_["principal removed"];
    world_.after(random_.between(100ms, 5s), [this, &person] {
      person.lose_identity();
      invite_person(person);
    });
  });
}

void Cluster::plan_request(ClientNode& client) {
  world_.after(random_.between(1ms, pace_ * 2), [this, &client] {
    if (is_calm_) return;
    if (client.is_up() && client.is_enrolled() && client.is_idle()) some_request(client);
    plan_request(client);
  });
}

void Cluster::some_request(ClientNode& client) {
  request::Submit asked;
  asked.environment = random_.once_in(3) ? "live" : "stage";
  const std::string name = std::array{"pp/aa", "pp/bb", "pp/cc", "pp/dd"}[random_.below(4)];
  const std::string deployment = random_.once_in(2) ? name : name + std::to_string(random_.below(3));
  asked.deployment = deployment;
  const bool is_admin = &client == clients_.front().get();
  switch (random_.below(23)) {
    case 0:
    case 1:
      asked.kind = JobKind::smoke;
      break;
    case 2:
      asked.kind = JobKind::destroy;
      break;
    case 3:
    case 4:
      asked.kind = JobKind::promote;
      asked.environment = "live";
      asked.from_environment = "stage";
      asked.from_deployment = deployment;
      break;
    case 5:
    case 6:
      asked.kind = JobKind::converge;
      asked.deployment.clear();
      break;
    case 7:
    case 8: {
      request::ApplyEnvironment apply;
      apply.environment = asked.environment;
      apply.deployments = {{"pp/aa", random_.once_in(2) ? "pp/aa-v1" : "pp/aa-v2", {}},
                           {"pp/bb", "pp/bb-v1", {{"who", fmt::format("person {}", random_.below(3))}}}};
      if (random_.once_in(3)) {
        apply.converge = state::ConvergePolicy{.is_automatic = !random_.once_in(3), .every = Millis{60'000}};
      }
      return client.ask(apply, {});
    }
    case 9:
      if (is_admin && random_.once_in(3)) return remove_agent(members_[random_.below(members_.size())]);
      if (is_admin && clients_.size() > 1 && random_.once_in(4)) {
        return remove_person(*clients_[1 + random_.below(clients_.size() - 1)]);
      }
      return client.ask(request::CreateDeployment{asked.environment, deployment, name + "-v1", {}}, {});
    case 20:
      asked.kind = JobKind::rollback;
      break;
    case 21:
      return client.ask(request::SetHold{asked.environment, deployment, random_.once_in(2), "because"}, {});
    case 22:
      asked.kind = JobKind::promote;
      asked.environment = "live";
      asked.from_environment = "stage";
      asked.deployment.clear();
      asked.together = {"pp/aa", "pp/bb"};
      break;
    default:
      asked.release = name + (name == "pp/aa" && random_.once_in(2) ? "-v2" : "-v1");
  }
  submit(client, std::move(asked));
}

/// Each job carries a number of its own in its time limit: two jobs with one number are one request carried out twice.
void Cluster::submit(ClientNode& client, request::Submit asked) {
  asked.step_time_limit = Millis{3'600'000 + ++last_marker_};
  const std::int64_t marker = asked.step_time_limit.count();
  client.ask(asked, [this, &client, marker](const protocol::Reply& answered) {
    const auto* made = std::get_if<reply::JobMade>(&answered);
    if (!made) return;
    made_[made->job] = marker;
    if (random_.once_in(2)) follow(client, made->job);
    if (random_.once_in(7)) {
      world_.after(random_.between(1ms, 6s), [&client, job = made->job] { client.ask(request::CancelJob{job}, {}); });
    }
  });
}

void Cluster::follow(ClientNode& client, JobId job) {
  world_.after(random_.between(500ms, 8s), [this, &client, job] {
    client.ask(request::ShowJob{job}, [this, &client, job](const protocol::Reply& answered) {
      const auto* shown = std::get_if<reply::Job>(&answered);
      if (!shown) return;
      if (shown->job.phase != protocol::JobPhase::settled) {
        if (!is_calm_) follow(client, job);
        return;
      }
      told_outcomes_[job] = name_of(shown->job.outcome);
    });
  });
}

void Cluster::check_what_was_told() {
  const auto& settled = disk_.truth().settled_jobs;
  for (const auto& [job, marker] : made_) {
    auto found = settled.find(job);
    if (found == settled.end() || found->second.step_time_limit.count() != marker) {
      world_.fail("acknowledged jobs survive", fmt::format("job {} was promised and is not there", job));
    }
  }
  for (const auto& [job, outcome] : told_outcomes_) {
    if (!settled.contains(job) || name_of(settled.at(job).outcome) != outcome) {
      world_.fail("acknowledged results survive", fmt::format("job {} was told to be {}", job, outcome));
    }
  }
}

}  // namespace escape::simulation
