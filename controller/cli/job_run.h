#pragma once

#include <string>
#include <vector>

#include "controller/cli/invocation.h"
#include "controller/cli/renderer.h"
#include "protocol/messages/client.h"

/// From a request to the exit code: submit, follow, conclude. What all `run` commands share.
namespace escape::cli {

/// The reply of that type, or an internal error naming what came instead.
template <class Wanted>
Result<Wanted> ask(Link& link, protocol::Request request) {
  const std::string word(protocol::word_of(request));
  TRY(protocol::Reply reply, link.call(std::move(request)));
  if (auto* wanted = std::get_if<Wanted>(&reply)) return std::move(*wanted);
  return fail(ErrorKind::internal, "The controller answered the request '" + word + "' with something else.",
              "The controller may be of another version of Escape: `escape version` on both sides.");
}

/// Who gives up when the person presses Ctrl-C: with `detach` the job goes on, with `cancel` it is stopped and waited
/// for.
enum class OnInterrupt { detach, cancel };

/// Makes the job and shows its log until it has settled. Errors: what the controller refuses; cancelled (130, see
/// `interrupted_exit`) when the person left; timed_out when `--timeout` ran out.
Result<protocol::JobView> submit_and_follow(Invocation& run, protocol::request::Submit submit, Renderer& renderer);
Result<protocol::JobView> follow_job(Invocation& run, Link& link, JobId job, std::uint64_t from, Renderer& renderer,
                                     OnInterrupt on_interrupt);

/// Tells why the job failed unless its log has done so, and gives the exit code (reference/conventions.md §4).
int conclude(Invocation& run, const protocol::JobView& job, const Renderer& renderer);
int exit_code_of(const protocol::JobView& job);

/// Submit, follow, conclude. `outer`: sections around the log.
Result<int> run_job(Invocation& run, protocol::request::Submit submit, std::vector<std::string> outer = {});

inline constexpr int interrupted_exit = 130;
/// An error that only says "leave with this exit code": everything is printed already.
bool is_interruption(const Error& error);
/// The exit code of an interruption, or the error itself.
Result<int> or_interrupted(Result<int> code);

}  // namespace escape::cli
