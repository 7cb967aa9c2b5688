#include <fmt/core.h>

#include <algorithm>

#include "controller/core/core.h"
#include "shared/base/overloaded.h"

namespace escape::controller {
namespace {

namespace request = protocol::request;

enum class Right { anybody, read, operate, administer };

/// What a request needs, and where. No catch-all: a new request needs a decision here before it compiles.
struct Need {
  Right right = Right::administer;
  std::string environment{};
};

Need need_of(const protocol::Request& asked) {
  return std::visit(
      overloaded{
          [](const request::Hello&) { return Need{Right::anybody}; },
          [](const request::Enrol&) { return Need{Right::anybody}; },  // the invitation decides
          [](const request::Submit& r) { return Need{Right::operate, r.environment}; },
          [](const request::DescribePromotion&) { return Need{Right::read}; },
          [](const request::PlanConverge&) { return Need{Right::read}; },
          [](const request::ListJobs&) { return Need{Right::read}; },
          [](const request::ShowJob&) { return Need{Right::read}; },
          [](const request::Attach&) { return Need{Right::read}; },
          [](const request::Detach&) { return Need{Right::read}; },
          [](const request::CancelJob&) { return Need{Right::operate}; },  // its job's environment is looked at there
          [](const request::ListAgents&) { return Need{Right::read}; },
          [](const request::Invite&) { return Need{Right::administer}; },
          [](const request::RemoveAgent&) { return Need{Right::administer}; },
          [](const request::ListPrincipals&) { return Need{Right::administer}; },
          [](const request::RemovePrincipal&) { return Need{Right::administer}; },
          [](const request::ListEnvironments&) { return Need{Right::read}; },
          [](const request::ApplyEnvironment& r) { return Need{Right::operate, r.environment}; },
          [](const request::RemoveEnvironment& r) { return Need{Right::operate, r.environment}; },
          [](const request::ListDeployments&) { return Need{Right::read}; },
          [](const request::ListErrands&) { return Need{Right::read}; },
          [](const request::PlanJob&) { return Need{Right::read}; },
          [](const request::ListHistory&) { return Need{Right::read}; },
          [](const request::DiffEnvironments&) { return Need{Right::read}; },
          [](const request::SetHold& r) { return Need{Right::operate, r.environment}; },
          [](const request::ShowDeployment& r) {
            return r.reveal ? Need{Right::operate, r.environment} : Need{Right::read};
          },
          [](const request::ExportState& r) {
            if (!r.reveal) return Need{Right::read};
            return r.environment.empty() ? Need{Right::administer} : Need{Right::operate, r.environment};
          },
          [](const request::ImportState&) { return Need{Right::administer}; },
          [](const request::CreateDeployment& r) { return Need{Right::operate, r.environment}; },
          [](const request::SetDeployment& r) { return Need{Right::operate, r.environment}; },
          [](const request::RequestDeployment& r) { return Need{Right::operate, r.environment}; },
          [](const request::ListEvents&) { return Need{Right::read}; },
          [](const request::InventoryToken&) { return Need{Right::operate}; },
          [](const request::RetryJob&) { return Need{Right::operate}; },    // as for CancelJob
          [](const request::ResolveJob&) { return Need{Right::operate}; },  // as for CancelJob
      },
      asked);
}

Right right_of(std::string_view role) {
  if (role == "admin") return Right::administer;
  if (role == "operator") return Right::operate;
  if (role == "reader") return Right::read;
  return Right::anybody;
}

std::string_view role_for(Right right) {
  switch (right) {
    case Right::anybody:
      return "any";
    case Right::read:
      return "reader";
    case Right::operate:
      return "operator";
    case Right::administer:
      return "admin";
  }
  return "";
}

}  // namespace

Result<> check_allowed(const Principal& principal, const protocol::Request& asked) {
  const Need need = need_of(asked);
  if (right_of(principal.role) < need.right) {
    return fail(ErrorKind::refused,
                fmt::format("{} has the role {}, and '{}' needs the role {}.", principal.name, principal.role,
                            protocol::word_of(asked), role_for(need.right)),
                "Ask an administrator to do it or for an invitation with that role.");
  }
  const bool is_elsewhere = principal.role != "admin" && !need.environment.empty() && !principal.environments.empty() &&
                            std::ranges::find(principal.environments, need.environment) == principal.environments.end();
  if (is_elsewhere) {
    return fail(ErrorKind::refused,
                fmt::format("{} may not act in the environment '{}'.", principal.name, need.environment),
                "Ask an administrator to do it.");
  }
  return ok();
}

}  // namespace escape::controller
