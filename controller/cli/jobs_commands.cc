#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/job_run.h"
#include "controller/cli/table.h"
#include "controller/cli/views.h"
#include "shared/base/printable.h"
#include "shared/base/text.h"

namespace escape::cli {
namespace {

struct JobFlags {
  std::string job;
  std::string environment;
  std::string deployment;
  std::string limit = "50";
  std::string before;
  std::string from = "1";
  std::string as;
  std::string reason;
  bool is_active_only = false;
  bool as_json = false;
};

std::string result_of(const protocol::JobView& job) {
  if (!job.state.empty()) return job.state;
  if (job.phase != protocol::JobPhase::settled) return std::string(name_of(job.phase));
  return std::string(name_of(job.outcome));
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string target_of(const protocol::JobView& job) {
  return job.deployment.empty() ? job.environment : job.environment + " " + job.deployment;
}

std::string duration_of(Timestamp from, Timestamp to) {
  if (!from.is_set() || !to.is_set()) return "-";
  // Nothing had to be run.
  return to - from < Millis{1} ? "<1ms" : to_short_text(to - from);
}

/// A job looks as if it ran, and would for ever.
void tell_unattended(Invocation& run, const Link& link, const protocol::JobView& job) {
  if (link.worker() != Worker::nobody || job.phase == protocol::JobPhase::settled) return;
  const std::string number = std::to_string(job.number);
  run.console().err("The command that ran job " + number +
                    " has ended, so nobody goes on with it: `escape jobs attach " + number +
                    "` does, `escape jobs cancel " + number + "` ends it.\n");
}

Result<int> list(Invocation& run, const JobFlags& flags) {
  TRY(const std::uint64_t limit, number_of(flags.limit, "a number of jobs"));
  if (limit == 0) return fail(ErrorKind::usage, "--limit 0 would list nothing.", "Give at least 1.");
  protocol::request::ListJobs asked{flags.environment, flags.deployment, flags.is_active_only, 0,
                                    static_cast<int>(std::min<std::uint64_t>(limit, protocol::max_list_limit))};
  if (!flags.before.empty()) {
    TRY(asked.before, number_of(flags.before, "the number of a job"));
  }
  TRY(Link * link, run.link(Access::read));
  TRY(const protocol::reply::Jobs jobs, ask<protocol::reply::Jobs>(*link, std::move(asked)));
  for (const protocol::JobView& job : jobs.jobs) tell_unattended(run, *link, job);
  if (flags.as_json) {
    print_json(run, list_of(jobs.jobs));
    return 0;
  }
  const Timestamp now = read_clocks().wall;
  Table table({"JOB", "KIND", "TARGET", "RELEASE", "RESULT", "BY", "MADE", "TOOK", "MESSAGE"});
  for (const protocol::JobView& job : jobs.jobs) {
    table.add({std::to_string(job.number), std::string(name_of(job.kind)), target_of(job),
               job.release.empty() ? "-" : job.release, result_of(job), job.principal, shown_age(job.created_at, now),
               duration_of(job.started_at, job.settled_at), first_line(job.message)});
  }
  run.console().out(table.empty() ? "There are no jobs.\n" : table.text());
  if (jobs.more) run.console().err("There are older ones: --before " + std::to_string(jobs.jobs.back().number) + "\n");
  return 0;
}

/// The task that the job waits for or that ended it, where it is and what was last heard: what to look at first when
/// nobody knows how far a script got.
const protocol::TaskView* doubtful_task(const protocol::JobView& job) {
  for (const protocol::TaskView& task : job.tasks) {
    if (task.phase == protocol::TaskPhase::unknown || task.outcome == "interrupted") return &task;
  }
  return nullptr;
}

std::string place_of(const protocol::TaskView& task, Timestamp now) {
  std::string text = task.agent;
  if (!task.host.empty()) text += " on host " + task.host;
  if (!task.agent_state.empty()) text += ", " + task.agent_state;
  if (task.agent_seen.is_set()) {
    text += ", last seen " + shown_time(task.agent_seen) + " (" + shown_age(task.agent_seen, now) + ")";
  }
  return text;
}

std::string evidence_of(const protocol::TaskView& task) {
  if (!task.started_at.is_set()) return "it was sent to the agent, which has not said that it took it";
  std::string text = "the agent took it at " + shown_time(task.started_at);
  text +=
      task.output_bytes == 0 ? "; no output has come" : "; " + std::to_string(task.output_bytes) + " bytes of output";
  if (task.reported_at.is_set()) text += "; last report at " + shown_time(task.reported_at);
  return text;
}

/// "deploy", or of a dependency "deploy of app:db".
std::string step_of(const protocol::TaskView& task) {
  return task.deployment.empty() ? task.step : task.step + " of " + task.deployment;
}

void print_job(Invocation& run, const protocol::JobView& job) {
  std::string text =
      "Job " + std::to_string(job.number) + ": " + std::string(name_of(job.kind)) + ", " + result_of(job) + "\n";
  const auto line = [&](std::string_view name, const std::string& value) {
    if (!value.empty() && value != "-") text += "  " + std::string(name) + ": " + value + "\n";
  };
  line("Environment", job.environment);
  line("Deployment", job.deployment);
  line("Release", job.release);
  line("By", job.principal);
  line("Part of job", job.parent == 0 ? "" : std::to_string(job.parent));
  line("Runs again", job.retry_of == 0 ? "" : "job " + std::to_string(job.retry_of));
  line("Made", shown_time(job.created_at));
  line("Started", shown_time(job.started_at));
  line("Settled", shown_time(job.settled_at));
  line("Settled by hand",
       job.resolved_by.empty() ? "" : "by " + job.resolved_by + ": " + printable(job.resolved_because));
  line("Why", job.message);
  if (const protocol::TaskView* task = doubtful_task(job)) {
    line("Step", step_of(*task) + ", attempt " + std::to_string(task->attempt));
    line("Agent", place_of(*task, read_clocks().wall));
    line("Last evidence", evidence_of(*task));
  }
  line("Next", job.hint);
  if (!job.tasks.empty()) {
    Table table({"TASK", "STEP", "AGENT", "PHASE", "OUTCOME", "EXIT", "TOOK", "MESSAGE"});
    for (const protocol::TaskView& task : job.tasks) {
      table.add({to_string(task.task), step_of(task), task.agent.empty() ? "-" : task.agent,
                 std::string(name_of(task.phase)), task.outcome.empty() ? "-" : task.outcome,
                 task.outcome.empty() ? "-" : std::to_string(task.exit_status),
                 duration_of(task.started_at, task.ended_at), first_line(task.message)});
    }
    text += "\n" + table.text();
  }
  run.console().out(text);
}

Result<int> show(Invocation& run, const JobFlags& flags) {
  TRY(const JobId number, number_of(flags.job, "the number of a job"));
  TRY(Link * link, run.link(Access::read));
  TRY(const protocol::reply::Job job, ask<protocol::reply::Job>(*link, protocol::request::ShowJob{number}));
  tell_unattended(run, *link, job.job);
  if (flags.as_json) {
    print_json(run, to_json_view(job.job));
  } else {
    print_job(run, job.job);
  }
  return 0;
}

Result<int> attach(Invocation& run, const JobFlags& flags) {
  TRY(const JobId number, number_of(flags.job, "the number of a job"));
  TRY(const std::uint64_t from, number_of(flags.from, "the number of a log entry"));
  TRY(Link * link, run.link(Access::attend));
  TRY(const protocol::reply::Job job, ask<protocol::reply::Job>(*link, protocol::request::ShowJob{number}));
  Renderer renderer = run.make_renderer({}, job.job.phase == protocol::JobPhase::settled);
  Result<protocol::JobView> view = follow_job(run, *link, number, from, renderer, OnInterrupt::detach);
  if (!view) return or_interrupted(fail(std::move(view).error()));
  return conclude(run, view.value(), renderer);
}

Result<int> cancel(Invocation& run, const JobFlags& flags) {
  TRY(const JobId number, number_of(flags.job, "the number of a job"));
  TRY(Link * link, run.link(Access::stop));
  TRY(const protocol::reply::Done done, ask<protocol::reply::Done>(*link, protocol::request::CancelJob{number}));
  run.console().err((done.text.empty() ? "Job " + std::to_string(number) + " is being cancelled." : done.text) + "\n");
  return 0;
}

Result<int> retry(Invocation& run, const JobFlags& flags) {
  TRY(const JobId number, number_of(flags.job, "the number of a job"));
  TRY(Link * link, run.link(Access::write));
  TRY(const protocol::reply::JobMade made, ask<protocol::reply::JobMade>(*link, protocol::request::RetryJob{number}));
  run.console().err("Job " + std::to_string(made.job) + " runs job " + std::to_string(number) + " again.\n");
  Renderer renderer = run.make_renderer();
  Result<protocol::JobView> view = follow_job(run, *link, made.job, 1, renderer, OnInterrupt::detach);
  if (!view) return or_interrupted(fail(std::move(view).error()));
  return conclude(run, view.value(), renderer);
}

Result<int> resolve(Invocation& run, const JobFlags& flags) {
  TRY(const JobId number, number_of(flags.job, "the number of a job"));
  if (flags.as != "ok" && flags.as != "failed") {
    return fail(ErrorKind::usage, flags.as.empty() ? "Missing --as." : "A job can't be resolved as '" + flags.as + "'.",
                "Say how the job is to end: --as ok, or --as failed.");
  }
  if (trimmed(flags.reason).empty()) {
    return fail(ErrorKind::usage, "Missing --reason.", "Say why the job is settled by hand: it is kept with the job.");
  }
  TRY(Link * link, run.link(Access::write));
  TRY(const protocol::reply::Done done,
      ask<protocol::reply::Done>(*link, protocol::request::ResolveJob{number, flags.as == "ok", flags.reason}));
  run.console().err(done.text + "\n");
  return 0;
}

}  // namespace

void describe_jobs_list(Syntax& syntax) {
  auto flags = std::make_shared<JobFlags>();
  syntax.option("-e,--environment", flags->environment, "ENVIRONMENT", "Of this environment");
  syntax.option("-d,--deployment", flags->deployment, "DEPLOYMENT", "Of this deployment");
  syntax.flag("--active", flags->is_active_only, "Only what has not settled");
  syntax.option("--limit", flags->limit, "N", "At most so many (50)");
  syntax.option("--before", flags->before, "JOB", "Older than this one");
  add_json(syntax, flags->as_json);
  syntax.action([flags](Invocation& run) { return list(run, *flags); });
}

void describe_jobs_show(Syntax& syntax) {
  auto flags = std::make_shared<JobFlags>();
  syntax.required_argument("JOB", flags->job, "Its number");
  add_json(syntax, flags->as_json);
  syntax.action([flags](Invocation& run) { return show(run, *flags); });
}

void describe_jobs_attach(Syntax& syntax) {
  auto flags = std::make_shared<JobFlags>();
  syntax.required_argument("JOB", flags->job, "Its number");
  syntax.option("--from", flags->from, "ENTRY", "Begin at this entry of its log (1)");
  syntax.action([flags](Invocation& run) { return attach(run, *flags); });
}

void describe_jobs_retry(Syntax& syntax) {
  auto flags = std::make_shared<JobFlags>();
  syntax.required_argument("JOB", flags->job, "The number of one that failed, was cancelled or was interrupted");
  syntax.example("escape jobs retry 12");
  syntax.action([flags](Invocation& run) { return retry(run, *flags); });
}

void describe_jobs_resolve(Syntax& syntax) {
  auto flags = std::make_shared<JobFlags>();
  syntax.required_argument("JOB", flags->job, "The number of one that is unknown");
  syntax.option("--as", flags->as, "ok|failed", "How it ends");
  syntax.option("--reason", flags->reason, "TEXT", "Why it is settled by hand; kept with the job and in the events");
  syntax.example("escape jobs resolve 12 --as failed --reason \"web3 burnt down\"");
  syntax.action([flags](Invocation& run) { return resolve(run, *flags); });
}

void describe_jobs_cancel(Syntax& syntax) {
  auto flags = std::make_shared<JobFlags>();
  syntax.required_argument("JOB", flags->job, "Its number");
  syntax.action([flags](Invocation& run) { return cancel(run, *flags); });
}

}  // namespace escape::cli
