#pragma once

#include <optional>

#include "protocol/messages/agent.h"

namespace escape::controller {

/// What the controller holds of a task when its agent greets.
enum class OurTask {
  none,       ///< no such task: this controller never made it
  ended,      ///< its job has settled, or this step of it has
  stopped,    ///< its job was settled by a cancellation that could not reach it (a process of a workspace)
  stray,      ///< its job was settled by hand while the agent was out of reach
  elsewhere,  ///< bound to another agent
  earlier,    ///< we have a later attempt
  later,      ///< we have an earlier attempt only
  planned,    ///< no offer has left
  offered,    ///< an offer has left; whether it came is not known (also as `unknown`)
  accepted,   ///< the agent has said that it holds it (also as `unknown`)
};

/// What happens because of both. One word for both sides: what the agent is told in `Welcome`, and what becomes of
/// ours.
enum class Verdict {
  nothing,         ///< no word about it
  adopt,           ///< it is theirs and goes on
  adopt_and_stop,  ///< it is theirs, and they are told to stop it
  stop,            ///< they are told to stop it; ours has settled
  forget,          ///< they are told to forget it: not started, never; running, it ends and nobody asks; a result goes
  offer,           ///< it is offered, again
  give_up,         ///< nothing has run and nobody wants it any more: the job ends as cancelled
  interrupt,       ///< they had it and have it no more: it is interrupted
  late,            ///< it goes on, is told of, and changes nothing
  late_unstarted,  ///< forget, and that is told
  late_lost,       ///< told that nothing came of it
};

/// The whole comparison at a greeting (PROTOCOL.md, "Reconcile"): what we hold × what the agent holds (nothing, or the
/// phase it names). `stop_wanted`: somebody asked for the job's cancellation. A script that runs is never cut off
/// because of a disagreement, only because a person asked for it.
Verdict compare(OurTask ours, std::optional<protocol::AgentTaskPhase> theirs, bool stop_wanted);

}  // namespace escape::controller
