#include "tests/simulation/mutants.h"

#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "shared/base/mutant.h"
#include "tests/simulation/simulation.h"

namespace escape::simulation {
namespace {

struct Mutant {
  std::string_view name;
  std::string_view bug;
};
constexpr std::array mutants{
    Mutant{"skip_the_sync", "the controller's batch is not synced"},
    Mutant{"send_before_commit", "the controller sends, then commits"},
    Mutant{"commit_events_apart", "changes in one batch, the events that tell them in the next"},
    Mutant{"change_without_an_event", "a job settles and no event tells it"},
    Mutant{"lose_the_lock_release", "a job settles and keeps its lock"},
    Mutant{"carry_out_a_repeated_request", "a request that is repeated under its id is carried out again"},
    Mutant{"forget_what_was_unsent", "a controller's new life does not re-derive what was not sent"},
    Mutant{"begin_before_what_is_needed", "a dependency begins before what it is given something of"},
    Mutant{"use_a_provider_together", "two dependencies of a job use the same provider at once"},
    Mutant{"reuse_an_attempt", "what its agent came back without is offered again as the same attempt"},
    Mutant{"hand_over_unknown_tasks", "a lost agent's task goes to another agent"},
    Mutant{"forget_results_at_hello", "an agent is told to forget a result that is not committed"},
    Mutant{"welcome_a_copied_key", "a key is welcome on any machine"},
    Mutant{"take_a_result_without_its_output", "a result is committed before the output that belongs to it"},
    Mutant{"take_a_late_result", "a result counts though its task has settled"},
    Mutant{"acknowledge_a_gap", "output is acknowledged that was not taken"},
    Mutant{"accept_a_lower_epoch", "an older life of the controller is obeyed"},
    Mutant{"forget_the_epoch", "an agent does not keep the epoch that it has seen"},
    Mutant{"forget_the_dedupe", "an offer of a task that is held is taken for a new one"},
    Mutant{"skip_the_settled_list", "an offer of a task that is over is taken"},
    Mutant{"send_a_result_once", "what is not acknowledged is not sent again"},
    Mutant{"forget_before_the_commit", "an agent forgets a result that was sent, not committed"},
    Mutant{"send_before_the_journal", "the agent answers, then journals"},
    Mutant{"skip_the_journals_sync", "the agent's journal is not synced"},
    Mutant{"forget_the_start_mark", "a supervisor starts a script without looking for the mark of another"},
    Mutant{"run_interrupted_again", "a script whose supervisor is gone is started again"},
    Mutant{"drop_the_tail", "the end of the output is not sent"},
};

struct Found {
  std::uint64_t seeds = 0;
  std::string by;
};

/// In a process of its own: a bug may end it.
std::optional<Found> hunt(const Mutant& mutant, double seconds) {
  int ends[2];
  if (::pipe(ends) != 0) return std::nullopt;
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    active_mutant = mutant.name;
    const auto start = std::chrono::steady_clock::now();
    for (std::uint64_t seed = 1;; ++seed) {
      const std::string number = std::to_string(seed) + "\n";
      (void)!::write(ends[1], number.data(), number.size());
      const Outcome outcome = simulate(plan_of(seed));
      if (outcome.failure) {
        (void)!::write(ends[1], outcome.failure->data(), outcome.failure->size());
        ::_exit(1);
      }
      if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > seconds) ::_exit(0);
    }
  }
  ::close(ends[1]);
  std::string told;
  std::array<char, 4096> buffer;
  for (ssize_t count = 0; (count = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
    told.append(buffer.data(), static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::nullopt;
  Found found;
  found.seeds = static_cast<std::uint64_t>(std::count(told.begin(), told.end(), '\n'));
  const std::size_t last = told.rfind('\n');
  found.by = WIFSIGNALED(status) ? std::string("a core ended the process: ") + ::strsignal(WTERMSIG(status))
                                 : told.substr(last + 1);
  return found;
}

}  // namespace

bool hunt_mutants(double minutes) {
  std::size_t survived = 0;
  for (const Mutant& mutant : mutants) {
    const std::optional<Found> found = hunt(mutant, minutes * 60);
    if (!found) ++survived;
    fmt::print("{:<34} {}\n", mutant.name,
               found ? fmt::format("found by seed {:>4}: {}", found->seeds, found->by)
                     : "SURVIVED: " + std::string(mutant.bug));
    std::fflush(stdout);
  }
  fmt::print("{} mutants, {} survived\n", mutants.size(), survived);
  return survived == 0;
}

}  // namespace escape::simulation
