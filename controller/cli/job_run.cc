#include "controller/cli/job_run.h"

#include "controller/cli/interrupt.h"
#include "controller/cli/program.h"
#include "shared/base/text.h"

namespace escape::cli {
namespace {

constexpr std::string_view interruption = "interrupted by the person";

Error interruption_error() { return {ErrorKind::cancelled, std::string(interruption), {}, {}}; }

std::string come_back(JobId job) { return "come back with: escape jobs attach " + std::to_string(job); }

/// What becomes of a job that is left and that nobody else works on.
constexpr std::string_view left = "A script that runs is left to end; no step is begun after it.";
std::string go_on(JobId job) {
  return "`escape jobs attach " + std::to_string(job) +
         "` goes on with it, and so does any command that changes something in this workspace.";
}

/// Leaving a job that runs in this process: nobody would finish it, so it is stopped; a further Ctrl-C leaves at once.
/// Always ends in an error.
Result<protocol::JobView> cancel_and_wait(Invocation& run, Link& link, JobId job, std::uint64_t from,
                                          Renderer& renderer) {
  renderer.finish();
  run.console().err("Cancelling job " + std::to_string(job) + "; press Ctrl-C to leave at once.\n");
  TRYV(link.call(protocol::request::CancelJob{job}));
  const auto is_over = [&] {
    renderer.refresh();
    return false;
  };
  TRYV(link.follow(job, from, [&](const protocol::LogEntry& entry) { renderer.show(entry); }, is_over));
  renderer.finish();
  return fail(interruption_error());
}

}  // namespace

bool is_interruption(const Error& error) { return error.kind == ErrorKind::cancelled && error.message == interruption; }

Result<int> or_interrupted(Result<int> code) {
  if (!code && is_interruption(code.error())) return interrupted_exit;
  return code;
}

Result<protocol::JobView> follow_job(Invocation& run, Link& link, JobId job, std::uint64_t from, Renderer& renderer,
                                     OnInterrupt on_interrupt) {
  const InterruptWatch watch;
  const Instant begun = read_clocks().steady;
  bool is_late = false;
  std::uint64_t next = from;
  const auto show = [&](const protocol::LogEntry& entry) {
    renderer.show(entry);
    next = entry.sequence + 1;
  };
  const auto is_over = [&] {
    renderer.refresh();  // asked when all that has come is shown
    is_late = run.job_limit() && read_clocks().steady - begun > *run.job_limit();
    return is_late || watch.is_interrupted();
  };
  Result<protocol::JobView> view = link.follow(job, from, show, is_over);
  renderer.finish();
  if (view || view.error().kind != ErrorKind::cancelled || (!is_late && !watch.is_interrupted())) return view;
  const std::string told = "Job " + std::to_string(job) + " has not settled within ";
  if (on_interrupt == OnInterrupt::cancel) {
    Result<protocol::JobView> stopped = cancel_and_wait(run, link, job, next, renderer);
    if (!is_late || !is_interruption(stopped.error())) return stopped;
    return fail(ErrorKind::timed_out, told + to_short_text(*run.job_limit()) + " and was cancelled.",
                "It ran in this process, so nobody would have finished it. Give it a longer --timeout.");
  }
  const bool was_ours = link.worker() == Worker::us;
  if (is_late && was_ours) {
    return fail(ErrorKind::timed_out,
                told + to_short_text(*run.job_limit()) + ", and this command ran it. " + std::string(left), go_on(job));
  }
  if (is_late) {
    return fail(ErrorKind::timed_out, told + to_short_text(*run.job_limit()) + ". It goes on.",
                "To see how it ends, " + come_back(job));
  }
  if (was_ours) {
    run.console().err("Left job " + std::to_string(job) + ", which this command ran. " + std::string(left) + "\n" +
                      go_on(job) + "\n");
    return fail(interruption_error());
  }
  run.console().err("Detached. Job " + std::to_string(job) + " goes on; " + come_back(job) + "\n");
  return fail(interruption_error());
}

Result<protocol::JobView> submit_and_follow(Invocation& run, protocol::request::Submit submit, Renderer& renderer) {
  const bool is_workspace = !submit.workspace.empty();
  TRY(Link * link, run.link(Access::write));
  if (is_workspace) {
    TRYV(run.join_workspace(submit.workspace));
  }
  TRY(const protocol::reply::JobMade made, ask<protocol::reply::JobMade>(*link, std::move(submit)));
  return follow_job(run, *link, made.job, 1, renderer, is_workspace ? OnInterrupt::cancel : OnInterrupt::detach);
}

int exit_code_of(const protocol::JobView& job) {
  switch (job.outcome) {
    case protocol::JobOutcome::ok:
      return 0;
    case protocol::JobOutcome::cancelled:
      return exit_code(ErrorKind::cancelled);
    case protocol::JobOutcome::interrupted:
      return exit_code(ErrorKind::unknown);
    case protocol::JobOutcome::failed:
      // A host that did not answer. A job that has no tasks yet has asked the inventory only.
      if (job.error_kind == kind_name(ErrorKind::unreachable) && !job.tasks.empty()) {
        return exit_code(ErrorKind::unknown);
      }
      return exit_code(job.error_kind.empty() ? ErrorKind::failed : kind_from_name(job.error_kind));
    case protocol::JobOutcome::none:
      break;
  }
  return exit_code(ErrorKind::unknown);
}

int conclude(Invocation& run, const protocol::JobView& job, const Renderer& renderer) {
  const int code = exit_code_of(job);
  if (code == 0) return code;
  // The message may go on with the last lines of output, which the log has shown.
  const std::string why = split(job.message, '\n').front();
  const std::string told =
      why.empty() ? "Job " + std::to_string(job.number) + " was " + std::string(name_of(job.outcome)) + "." : why;
  if (!renderer.has_told(why)) {
    print_error(run.console(), {kind_from_name(job.error_kind), told, job.hint, {}}, run.globals().logger == "json");
  } else if (!job.hint.empty() && run.globals().logger != "json") {
    run.console().err(job.hint + "\n");
  }
  return code;
}

Result<int> run_job(Invocation& run, protocol::request::Submit submit, std::vector<std::string> outer) {
  Renderer renderer = run.make_renderer(std::move(outer));
  Result<protocol::JobView> view = submit_and_follow(run, std::move(submit), renderer);
  if (!view) return or_interrupted(fail(std::move(view).error()));
  return conclude(run, view.value(), renderer);
}

}  // namespace escape::cli
