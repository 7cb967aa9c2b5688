#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/core/model.h"
#include "agent/runner/files.h"
#include "protocol/messages/agent.h"
#include "shared/base/result.h"

namespace escape::runner {

/// Larger outputs files fail the step: outputs are values for people and later steps, not data.
inline constexpr std::size_t max_outputs_bytes = 1 << 20;

/// `.escape/` in the working folder, and in it the outputs file if the step gets one (spec/variables.md §8).
Result<> prepare_outputs_file(const std::string& folder, const protocol::Offer& offer);

/// What the script left there, into the task's folder, sealed; at most one byte more than `max_outputs_bytes`. A
/// missing file is fine. Without keys in clear: for an agent that has none.
Result<> copy_outputs_file(const std::string& outputs_file, const std::string& task_folder, const SealKeys& keys);

/// Values of variables were in it, before the script and after. What cannot be removed stays.
void remove_outputs_file(const RunRequest& request);

/// How the run ended, as the controller is told: outcome, exit status, a sentence (masked), the outputs.
agent::TaskResult to_task_result(const RunResult& run, const RunRequest& request, const protocol::Offer& offer,
                                 const std::string& task_folder, const SealKeys& keys);

/// A task whose script did not run, and why: its message says "Run the job again." where that alone may help.
agent::TaskResult not_started_result(const Error& why);
/// The same job may go better another time: nothing that it says is wrong.
bool may_help_to_run_again(ErrorKind kind);
/// A task whose script ran and vanished.
agent::TaskResult interrupted_result(const std::string& why, std::uint64_t output_bytes);

/// (name, value) of the request's secret variables.
std::vector<std::pair<std::string, std::string>> secrets_of(const RunRequest& request);

}  // namespace escape::runner
