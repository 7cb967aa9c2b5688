#include <charconv>
#include <memory>

#include "controller/cli/commands.h"
#include "controller/cli/common_flags.h"
#include "controller/cli/job_run.h"
#include "controller/cli/table.h"
#include "controller/cli/views.h"

namespace escape::cli {
namespace {

struct JobFlags {
  std::string job;
  std::string environment;
  std::string deployment;
  std::string limit = "50";
  std::string before;
  std::string from = "1";
  bool is_active_only = false;
  bool as_json = false;
};

Result<std::uint64_t> number_of(const std::string& text, std::string_view what) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return fail(ErrorKind::usage, "'" + text + "' is not " + std::string(what) + ".");
}

std::string result_of(const protocol::JobView& job) {
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
  line("Made", shown_time(job.created_at));
  line("Started", shown_time(job.started_at));
  line("Settled", shown_time(job.settled_at));
  line("Why", job.message);
  line("Next", job.hint);
  if (!job.tasks.empty()) {
    Table table({"TASK", "STEP", "AGENT", "PHASE", "OUTCOME", "EXIT", "TOOK", "MESSAGE"});
    for (const protocol::TaskView& task : job.tasks) {
      table.add({to_string(task.task), task.step, task.agent.empty() ? "-" : task.agent,
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
  TRY(Link * link, run.link(Access::read));
  Renderer renderer = run.make_renderer();
  Result<protocol::JobView> view = follow_job(run, *link, number, from, renderer, OnInterrupt::detach);
  if (!view) return or_interrupted(fail(std::move(view).error()));
  return conclude(run, view.value(), renderer);
}

Result<int> cancel(Invocation& run, const JobFlags& flags) {
  TRY(const JobId number, number_of(flags.job, "the number of a job"));
  TRY(Link * link, run.link(Access::write));
  TRY(const protocol::reply::Done done, ask<protocol::reply::Done>(*link, protocol::request::CancelJob{number}));
  run.console().err((done.text.empty() ? "Job " + std::to_string(number) + " is being cancelled." : done.text) + "\n");
  return 0;
}

}  // namespace

void describe_jobs_list(Syntax& syntax) {
  auto flags = std::make_shared<JobFlags>();
  syntax.option("-e,--environment", flags->environment, "NAME", "Of this environment");
  syntax.option("-d,--deployment", flags->deployment, "NAME", "Of this deployment");
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

void describe_jobs_cancel(Syntax& syntax) {
  auto flags = std::make_shared<JobFlags>();
  syntax.required_argument("JOB", flags->job, "Its number");
  syntax.action([flags](Invocation& run) { return cancel(run, *flags); });
}

}  // namespace escape::cli
