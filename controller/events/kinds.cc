#include "controller/events/kinds.h"

#include <algorithm>
#include <array>

namespace escape::events {
namespace {

struct Row {
  std::string_view kind;
  std::string_view type;
  About about;
};

/// Several words for one moment (`task.settled` and `task.finished`) are in here so that a log that an earlier version
/// wrote still reads well.
constexpr std::array rows{
    Row{"environment.created", "environment.created", About::environment},
    Row{"environment.modified", "environment.modified", About::environment},
    Row{"environment.removed", "environment.deleted", About::environment},
    Row{"environment.revealed", "escape-environment.revealed", About::environment},
    Row{"release.published", "artifact.published", About::artifact},
    Row{"release.tagged", "escape-artifact.tagged", About::artifact},
    Row{"release.untagged", "escape-artifact.untagged", About::artifact},
    Row{"job.queued", "pipelinerun.queued", About::job},
    Row{"job.started", "pipelinerun.started", About::job},
    Row{"job.settled", "pipelinerun.finished", About::job},
    Row{"job.cancel_requested", "escape-job.cancelrequested", About::job},
    Row{"job.retried", "escape-job.retried", About::job},
    Row{"job.resolved", "escape-job.resolved", About::job},
    Row{"task.started", "taskrun.started", About::task},
    Row{"task.finished", "taskrun.finished", About::task},
    Row{"task.settled", "taskrun.finished", About::task},
    Row{"task.unknown", "escape-task.unknown", About::task},
    Row{"task.returned", "escape-task.returned", About::task},
    Row{"task.retried", "escape-task.retried", About::task},
    Row{"task.late", "escape-task.late", About::task},
    Row{"deployment.deployed", "service.deployed", About::service},
    Row{"deployment.upgraded", "service.upgraded", About::service},
    Row{"deployment.rolledback", "service.rolledback", About::service},
    Row{"deployment.tested", "service.published", About::service},
    Row{"deployment.verified", "service.published", About::service},
    Row{"deployment.destroyed", "service.removed", About::service},
    Row{"deployment.removed", "service.removed", About::service},
    Row{"deployment.failed", "escape-service.failed", About::service},
    Row{"deployment.desired", "escape-service.desired", About::service},
    Row{"deployment.held", "escape-hold.set", About::service},
    Row{"deployment.unheld", "escape-hold.lifted", About::service},
    Row{"deployment.requested", "escape-service.requested", About::service},
    Row{"deployment.imported", "escape-service.imported", About::service},
    Row{"deployment.revealed", "escape-service.revealed", About::service},
    Row{"agent.enrolled", "escape-agent.enrolled", About::agent},
    Row{"agent.connected", "escape-agent.connected", About::agent},
    Row{"agent.lost", "escape-agent.lost", About::agent},
    Row{"agent.conflict", "escape-agent.conflict", About::agent},
    Row{"agent.removed", "escape-agent.removed", About::agent},
    Row{"principal.enrolled", "escape-principal.enrolled", About::principal},
    Row{"principal.removed", "escape-principal.removed", About::principal},
    Row{"invitation.made", "escape-invitation.made", About::invitation},
    Row{"access.refused", "escape-access.refused", About::controller},
    Row{"controller.restored", "escape-controller.restored", About::controller},
    Row{"controller.recovered", "escape-controller.recovered", About::controller},
};

/// The rule for types of one's own allows lower-case letters only.
std::string letters(std::string_view text) {
  std::string kept;
  for (const char c : text) {
    if (c >= 'a' && c <= 'z') kept += c;
  }
  return kept;
}

}  // namespace

std::string Kind::full_type() const {
  return is_ours() ? "dev.cdeventsx." + type + ".0.1.0" : "dev.cdevents." + type + ".0.3.0";
}

Kind kind_of(std::string_view our_kind) {
  const auto* row = std::ranges::find(rows, our_kind, &Row::kind);
  if (row != rows.end()) return {std::string(row->type), row->about};
  const std::size_t dot = std::min(our_kind.find('.'), our_kind.size());
  const std::string subject = letters(our_kind.substr(0, dot));
  const std::string predicate = letters(our_kind.substr(dot));
  if (subject.empty() || predicate.empty()) return {"escape-log.entry", About::controller};
  return {"escape-" + subject + "." + predicate, About::controller};
}

}  // namespace escape::events
