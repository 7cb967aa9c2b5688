#include <array>
#include <utility>

#include "protocol/messages/agent.h"
#include "protocol/messages/client.h"

namespace escape::protocol {
namespace {

template <class Enum, std::size_t N>
using Words = std::array<std::pair<Enum, std::string_view>, N>;

template <class Enum, std::size_t N>
std::string_view find_word(const Words<Enum, N>& words, Enum value) {
  for (const auto& [known, word] : words)
    if (known == value) return word;
  return "?";
}

template <class Enum, std::size_t N>
bool find_value(const Words<Enum, N>& words, std::string_view text, Enum& to) {
  for (const auto& [known, word] : words) {
    if (word != text) continue;
    to = known;
    return true;
  }
  return false;
}

constexpr Words<AgentTaskPhase, 3> agent_task_phases{{{AgentTaskPhase::accepted, "accepted"},
                                                      {AgentTaskPhase::running, "running"},
                                                      {AgentTaskPhase::finished, "finished"}}};
constexpr Words<TaskOutcome, 6> task_outcomes{{{TaskOutcome::ok, "ok"},
                                               {TaskOutcome::failed, "failed"},
                                               {TaskOutcome::timed_out, "timed_out"},
                                               {TaskOutcome::cancelled, "cancelled"},
                                               {TaskOutcome::not_started, "not_started"},
                                               {TaskOutcome::interrupted, "interrupted"}}};
constexpr Words<JobKind, 9> job_kinds{{{JobKind::deploy, "deploy"},
                                       {JobKind::smoke, "smoke"},
                                       {JobKind::destroy, "destroy"},
                                       {JobKind::promote, "promote"},
                                       {JobKind::converge, "converge"},
                                       {JobKind::build, "build"},
                                       {JobKind::test, "test"},
                                       {JobKind::errand, "errand"},
                                       {JobKind::rollback, "rollback"}}};
constexpr Words<JobPhase, 3> job_phases{
    {{JobPhase::queued, "queued"}, {JobPhase::running, "running"}, {JobPhase::settled, "settled"}}};
constexpr Words<JobOutcome, 5> job_outcomes{{{JobOutcome::none, "none"},
                                             {JobOutcome::ok, "ok"},
                                             {JobOutcome::failed, "failed"},
                                             {JobOutcome::cancelled, "cancelled"},
                                             {JobOutcome::interrupted, "interrupted"}}};
constexpr Words<TaskPhase, 6> task_phases{{{TaskPhase::planned, "planned"},
                                           {TaskPhase::offered, "offered"},
                                           {TaskPhase::accepted, "accepted"},
                                           {TaskPhase::unknown, "unknown"},
                                           {TaskPhase::settled, "settled"},
                                           {TaskPhase::skipped, "skipped"}}};

}  // namespace

std::string_view name_of(AgentTaskPhase phase) { return find_word(agent_task_phases, phase); }
bool parse_enum(std::string_view text, AgentTaskPhase& to) { return find_value(agent_task_phases, text, to); }
std::string_view name_of(TaskOutcome outcome) { return find_word(task_outcomes, outcome); }
bool parse_enum(std::string_view text, TaskOutcome& to) { return find_value(task_outcomes, text, to); }
std::string_view name_of(JobKind kind) { return find_word(job_kinds, kind); }
bool parse_enum(std::string_view text, JobKind& to) { return find_value(job_kinds, text, to); }
std::string_view name_of(JobPhase phase) { return find_word(job_phases, phase); }
bool parse_enum(std::string_view text, JobPhase& to) { return find_value(job_phases, text, to); }
std::string_view name_of(JobOutcome outcome) { return find_word(job_outcomes, outcome); }
bool parse_enum(std::string_view text, JobOutcome& to) { return find_value(job_outcomes, text, to); }
std::string_view name_of(TaskPhase phase) { return find_word(task_phases, phase); }
bool parse_enum(std::string_view text, TaskPhase& to) { return find_value(task_phases, text, to); }

}  // namespace escape::protocol
