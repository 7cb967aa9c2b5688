#include "controller/cli/converge_watch.h"

#include <algorithm>
#include <map>
#include <set>

#include "controller/cli/interrupt.h"
#include "controller/cli/job_run.h"
#include "controller/cli/program.h"
#include "controller/cli/status.h"
#include "shared/base/printable.h"

namespace escape::cli {
namespace {

namespace request = protocol::request;
namespace reply = protocol::reply;

/// Between two looks at the environment, and between two at whether it is time to end.
constexpr Millis look_interval{1'000};
constexpr Millis end_interval{100};
/// After a converge that failed.
constexpr Millis first_rest{2'000};
constexpr Millis longest_rest{60'000};

class Watch {
  /// A job that ends as the one before it is a change too: it may have run between two looks.
  struct Shown {
    std::string text;
    JobId job = 0;
    friend bool operator==(const Shown&, const Shown&) = default;
  };

 public:
  Watch(Invocation& run, Link& link, request::Submit converge)
      : run_(run), link_(link), converge_(std::move(converge)), environment_(converge_.environment) {}

  Result<> begin() {
    TRY(const reply::Environments all, ask<reply::Environments>(link_, request::ListEnvironments{}));
    const auto found = std::ranges::find(all.environments, environment_, &reply::EnvironmentView::name);
    if (found == all.environments.end()) {
      return fail(ErrorKind::not_found, "There is no environment '" + environment_ + "'.",
                  "`escape environments list` shows the environments.");
    }
    TRY(const Profile* profile, run_.profile());
    only_follows_ = found->converge.is_automatic && profile->is_remote();
    if (link_.worker() == Worker::us) {
      // In this process jobs that were left go on once something is changed or followed; what is asked below only
      // looks.
      TRYV(link_.follow_events(0, [](const protocol::EventView&) { return false; }, [] { return true; }));
    }
    run_.console().err(only_follows_
                           ? "The controller converges " + environment_ + " by itself; Ctrl-C ends watching.\n"
                           : "Converging " + environment_ + " whenever it is not as desired; Ctrl-C ends it.\n");
    return ok();
  }

  /// Whether everything is as desired and at rest.
  Result<bool> look() {
    TRY(const bool is_busy, show_changes());
    TRY(const reply::ConvergePlan plan,
        ask<reply::ConvergePlan>(link_, request::PlanConverge{environment_, converge_.refresh}));
    const auto is_left = [](const protocol::PlannedChange& change) {
      return change.action != "none" && change.action != "held";
    };
    const auto is_due = [&](const protocol::PlannedChange& change) {
      return is_left(change) && change.action != "wait" && change.action != "error";
    };
    if (!only_follows_) {
      TRYV(notice_end());
      if (std::ranges::any_of(plan.changes, is_due)) {
        TRYV(converge());
      }
    }
    return !is_busy && job_ == 0 && std::ranges::none_of(plan.changes, is_left);
  }

 private:
  /// Whether anything is being worked on.
  Result<bool> show_changes() {
    TRY(const reply::Deployments all, ask<reply::Deployments>(link_, request::ListDeployments{environment_}));
    std::map<std::string, Shown> now;
    bool is_busy = false;
    for (const protocol::DeploymentCell& cell : all.cells) {
      now[cell.deployment] = {status_cell(cell) + (cell.drift.empty() ? "" : " * " + steady(cell)), cell.job};
      is_busy = is_busy || cell.status.starts_with("running_");
    }
    for (const auto& [name, shown] : now) {
      if (auto before = shown_.find(name); before == shown_.end() || before->second != shown) line(name, shown.text);
    }
    for (const auto& [name, shown] : shown_) {
      if (!now.contains(name)) line(name, "gone");
    }
    shown_ = std::move(now);
    return is_busy;
  }

  /// The drift without how long it still waits, which is another with each look.
  static std::string steady(const protocol::DeploymentCell& cell) {
    return cell.drift.substr(0, cell.drift.find("; it will be retried in "));
  }

  void line(const std::string& name, const std::string& text) {
    run_.console().out(to_rfc3339(read_clocks().wall).substr(11, 8) + "  " + name + "  " + printable(text) + "\n");
  }

  Result<> notice_end() {
    if (job_ == 0) return ok();
    TRY(const reply::Job shown, ask<reply::Job>(link_, request::ShowJob{job_}));
    if (shown.job.phase != protocol::JobPhase::settled) return ok();
    job_ = 0;
    if (shown.job.outcome == protocol::JobOutcome::ok) {
      rest_ = Millis{0};
      return ok();
    }
    rest_ = std::clamp(2 * rest_, first_rest, longest_rest);
    rested_at_ = read_clocks().steady + rest_;
    run_.console().err("Job " + std::to_string(shown.job.number) + ": " + shown.job.message + "\n");
    return ok();
  }

  Result<> converge() {
    if (job_ != 0 || (rested_at_ && read_clocks().steady < *rested_at_)) return ok();
    TRY(const reply::Jobs active,
        ask<reply::Jobs>(link_, request::ListJobs{.environment = environment_, .deployment = {}, .active_only = true}));
    const auto is_converge = [](const protocol::JobView& job) { return job.kind == protocol::JobKind::converge; };
    if (std::ranges::any_of(active.jobs, is_converge)) return ok();  // somebody else's does it
    TRY(const reply::JobMade made, ask<reply::JobMade>(link_, converge_));
    job_ = made.job;
    converge_.refresh = false;  // once
    run_.console().err("Job " + std::to_string(job_) + " converges " + environment_ + ".\n");
    return ok();
  }

  Invocation& run_;
  Link& link_;
  request::Submit converge_;
  std::string environment_;
  bool only_follows_ = false;
  std::map<std::string, Shown> shown_;  ///< by deployment
  JobId job_ = 0;                       ///< ours, under way
  Millis rest_{0};
  std::optional<Instant> rested_at_;
};

}  // namespace

Result<int> watch_converge(Invocation& run, const request::Submit& converge, bool until_done) {
  TRY(Link * link, run.link(Access::write));
  const InterruptWatch interrupts;
  const Instant begun = read_clocks().steady;
  Watch watch(run, *link, converge);
  TRYV(watch.begin());
  while (true) {
    TRY(const bool is_as_desired, watch.look());
    if (run.console().output_error) return 0;  // nobody can watch; what has begun goes on
    if (until_done && is_as_desired) {
      run.console().err("The environment " + converge.environment + " is as desired.\n");
      return 0;
    }
    for (Millis waited{0}; waited < look_interval; waited += end_interval) {
      if (interrupts.is_interrupted()) return interrupted_exit;
      if (run.job_limit() && read_clocks().steady - begun > *run.job_limit()) {
        const bool was_ours = link->worker() == Worker::us;
        const std::string told =
            "Watched " + converge.environment + " for " + to_short_text(*run.job_limit()) +
            (was_ours ? ". What has begun goes on with the next command that changes something in this workspace."
                      : ". What has begun goes on.");
        const std::string hint = "`escape status -e " + converge.environment + "` shows what is not as desired.";
        if (until_done) return fail(ErrorKind::timed_out, told, hint);
        run.console().err(told + "\n");  // the end that was asked for
        return 0;
      }
      run.pause(end_interval);
    }
  }
}

}  // namespace escape::cli
