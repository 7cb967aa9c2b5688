#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "controller/core/engine.h"
#include "shared/base/check.h"
#include "shared/base/mutant.h"
#include "shared/base/text.h"

namespace escape::controller {
namespace {

using Part = Step::Part;

/// Of one job: more scripts at once are rather a burden to their host than a help.
constexpr std::size_t most_at_once = 10;

bool is_at(const Job& job, std::uint32_t index) { return std::ranges::find(job.at, index) != job.at.end(); }

/// Whether a unit goes on in a job that has failed or is to stop: when scripts of it, or of its providers for it, have
/// run well.
bool goes_on(const Job& job, const std::vector<Step>& steps, std::uint32_t line) {
  if (job.failure && std::ranges::find(job.failure->lines, line) != job.failure->lines.end()) return false;
  for (std::uint32_t index = 0; index < steps.size(); ++index) {
    if (steps[index].line == line && steps[index].part != Part::open && has_had_its_turn(job, index)) return true;
  }
  return false;
}

}  // namespace

bool has_had_its_turn(const Job& job, std::uint32_t index) {
  return index < job.current || std::ranges::binary_search(job.ahead, index);
}

bool is_unknown(const Job& job, const State& state) {
  return std::ranges::any_of(job.at, [&](std::uint32_t index) {
    const auto task = state.tasks.find({job.number, index});
    return task != state.tasks.end() && task->second.phase == TaskPhase::unknown;
  });
}

/// One that waits for nothing any more. When a job has failed or is to stop nothing new begins. Of a dependency whose
/// scripts have begun a failure beside it leaves no half: it goes on to its end. A cancellation has nothing to stop
/// where no script is left.
std::optional<std::uint32_t> Core::Impl::next_step(const Job& job) {
  const std::vector<Step>& steps = expansion_of(job.number).steps;
  if (job.at.size() >= most_at_once) return std::nullopt;
  for (std::uint32_t index = job.current; index < steps.size(); ++index) {
    if (has_had_its_turn(job, index) || is_at(job, index)) continue;
    const bool is_free = std::ranges::all_of(steps[index].after, [&](std::uint32_t before) {
      if (is_mutant("begin_before_what_is_needed") && steps[before].line != steps[index].line) return true;
      return has_had_its_turn(job, before);
    });
    if (!is_free) continue;
    if (job.cancel_requested && rows.state().tasks.contains({job.number, index})) continue;
    const bool is_ending = job.failure || job.cancel_requested;
    if (!is_ending || goes_on(job, steps, steps[index].line)) return index;
  }
  return std::nullopt;
}

/// Every step that may begin does; those without script pass in the same turn, through the same statuses.
void Core::Impl::advance(JobId number) {
  while (true) {
    const Job* job = find_live(number);
    if (!job || is_unwinding(*job)) return;
    const std::optional<std::uint32_t> next = next_step(*job);
    if (!next) break;
    take_step(number, *next);
  }
  const Job& job = *find_live(number);
  if (!job.at.empty()) return;
  if (job.failure) return wind_up(number);
  if (job.current >= job.task_count) return succeed(number);
  CHECK(job.cancel_requested);
  cancel_now(number);
}

void Core::Impl::take_step(JobId number, std::uint32_t index) {
  if (is_left_alone(number, index)) return step_done(number, index);
  const Job& job = *find_live(number);
  log_next_part(job, index);
  announce(job, index);
  const TaskId id{number, index};
  if (Result<> entered = enter(number, index); !entered) return fail_step(id, entered.error());
  if (rows.state().tasks.contains(id)) {
    rows.edit(number).at.push_back(index);
    return begin_task(id);
  }
  if (Result<> left = leave(number, index, nullptr); !left) return fail_step(id, left.error());
  step_done(number, index);
}

void Core::Impl::step_done(JobId number, std::uint32_t index) {
  Job& job = rows.edit(number);
  std::erase(job.at, index);
  if (has_had_its_turn(job, index)) return;
  job.ahead.insert(std::ranges::upper_bound(job.ahead, index), index);
  while (!job.ahead.empty() && job.ahead.front() == job.current) {
    job.ahead.erase(job.ahead.begin());
    ++job.current;
  }
}

/// An agent has something to do for the step.
void Core::Impl::begin_task(TaskId id) {
  if (Result<> filled = fill_task(rows.edit(id)); !filled) return fail_step(id, filled.error());
  const Job& job = *find_live(id.job);
  const Step& step = *step_at(job, id.index);
  if (const release::ExecStage* run = script_of(expansion_of(id.job).metadata_of(step.unit), step)) {
    log_at(job, id.index, "info", fmt::format("Running {} step {}.", step.name, step_text(*run)));
  }
  dispatch(id);
}

/// Its task never left, or nobody holds it: nothing of it has run, and it is not for this job to wait for it any more.
void Core::Impl::withdraw(TaskId id) {
  cancel_timers(id);
  unbind(id);
  rows.edit(id).phase = TaskPhase::skipped;
  Job& job = rows.edit(id.job);
  std::erase(job.at, id.index);
  if (job.failure) job.failure->lines.push_back(step_at(job, id.index)->line);
}

void Core::Impl::withdraw_unsent(JobId number) {
  for (const std::uint32_t index : std::vector(find_live(number)->at)) {
    if (!rows.state().tasks.at({number, index}).was_sent) withdraw({number, index});
  }
}

bool Core::Impl::is_worked_on(TaskId id) const {
  const Job* job = find_live(id.job);
  return job && is_at(*job, id.index);
}

/// The first failure is the job's, but that nobody knows how far a script got is what a person must look at.
void Core::Impl::fail_step(TaskId id, Error error, std::string_view last_output) {
  const JobId number = id.job;
  log_at(*find_live(number), id.index, "error", "Error: " + describe(error));
  if (is_unwinding(*find_live(number))) {  // what it failed with stays
    step_done(number, id.index);
    const bool may_go_on = error.kind == ErrorKind::failed && is_within_reach(*find_live(number));
    return may_go_on ? unwind(number) : settle_failed(number);
  }
  if (!last_output.empty()) error.message += "\n" + std::string(last_output);
  const bool is_cut_off = error.kind == ErrorKind::unknown;
  const Step& step = *step_at(*find_live(number), id.index);
  mark_failed(*find_live(number), describe(error), is_cut_off, step.line);
  Job& job = rows.edit(number);
  std::erase(job.at, id.index);
  if (step.part == Part::deactivate) step_done(number, id.index);  // it is not tried once more
  std::vector<std::uint32_t> lines = job.failure ? job.failure->lines : std::vector<std::uint32_t>();
  const std::vector<Unit>& units = expansion_of(number).units;
  for (std::uint32_t unit = step.line; unit != 0; unit = units[unit].parent) lines.push_back(unit);
  lines.push_back(0);
  if (!job.failure || (is_cut_off && kind_from_name(job.failure->kind) != ErrorKind::unknown)) {
    job.failure = Failure{std::string(kind_name(error.kind)), describe(error), error.hint, true};
  }
  job.failure->lines = std::move(lines);
  withdraw_unsent(number);
  if (!job.at.empty()) tell_others_run(number, id.index);
  advance(number);
}

void Core::Impl::tell_others_run(JobId number, std::uint32_t failed) {
  std::vector<std::string> names;
  for (const std::uint32_t index : find_live(number)->at) names.push_back(name_of_step({number, index}));
  const std::string text = fmt::format("Step {} has failed; what runs beside it goes on to its end: {}",
                                       name_of_step({number, failed}), escape::join(names, ", "));
  rows.edit(number).message = text;
  log(*find_live(number), "warn", text + ".");
}

/// "deploy", "deploy of app:db".
std::string Core::Impl::name_of_step(TaskId id) {
  const Step& step = *step_at(*find_live(id.job), id.index);
  const std::string& deployment = expansion_of(id.job).units[step.unit].deployment;
  return step.unit == 0 ? step.name : fmt::format("{} of {}", step.name, deployment);
}

/// Nothing of a job that has failed runs any more but what undoes it.
void Core::Impl::wind_up(JobId number) {
  const Failure failure = *find_live(number)->failure;
  mark_failed(*find_live(number), failure.message, false, std::nullopt);
  rows.edit(number).failure->waits_for_others = false;
  rows.edit(number).failure->lines.clear();
  const Job& job = *find_live(number);
  const bool has_steps = job.task_count != 0 && rows.state().plans.contains(number);
  return has_steps && is_within_reach(job) ? unwind(number) : settle_failed(number);
}

/// After a failure: what was activated is deactivated, as far as the agent is there to do it; then the job settles.
void Core::Impl::unwind(JobId number) {
  const std::vector<Step>& steps = expansion_of(number).steps;
  for (std::uint32_t index = 0; index < steps.size(); ++index) {
    const Job& job = *find_live(number);
    const Step& step = steps[index];
    const bool is_skipped = std::ranges::find(job.skipped, step.line) != job.skipped.end();
    const bool is_due = step.part == Part::deactivate && has_had_its_turn(job, step.activated_at) && !is_skipped;
    if (!is_due || has_had_its_turn(job, index)) continue;
    announce(job, index);
    if (rows.state().tasks.contains({number, index})) {
      rows.edit(number).at = {index};
      return begin_task({number, index});
    }
    announce_end(job, index);
    step_done(number, index);
  }
  settle_failed(number);
}

/// A person vouches for what is left of the job, or of what `lines` were at: its stages reach the end through the same
/// statuses, without a script. What outputs they had stays, since nobody knows of others.
void Core::Impl::take_as_done(JobId number, const std::optional<std::set<std::uint32_t>>& lines) {
  const std::vector<Step>& steps = expansion_of(number).steps;
  const std::vector<std::uint32_t> entered = std::exchange(rows.edit(number).at, {});
  for (std::uint32_t index = 0; index < steps.size(); ++index) {
    const Step& step = steps[index];
    if (has_had_its_turn(*find_live(number), index) || (lines && !lines->contains(step.line))) continue;
    if (!is_left_alone(number, index)) {
      const bool is_entered = std::ranges::find(entered, index) != entered.end();
      if (Result<> done = is_entered ? ok() : enter(number, index); !done)
        return fail_step({number, index}, done.error());
      finish_stage(number, step);
    }
    step_done(number, index);
  }
  advance(number);
}

}  // namespace escape::controller
