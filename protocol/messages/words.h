#pragma once

#include <string_view>

#include "protocol/messages/agent.h"
#include "protocol/messages/client.h"

/// The word of every message on the wire. A word never changes its meaning; a message without one does not compile.
namespace escape::protocol {

template <class Message>
inline constexpr std::string_view word;

template <>
inline constexpr std::string_view word<Join> = "join";
template <>
inline constexpr std::string_view word<Hello> = "hello";
template <>
inline constexpr std::string_view word<Ping> = "ping";
template <>
inline constexpr std::string_view word<Accepted> = "accepted";
template <>
inline constexpr std::string_view word<Declined> = "declined";
template <>
inline constexpr std::string_view word<Output> = "output";
template <>
inline constexpr std::string_view word<Finished> = "finished";
template <>
inline constexpr std::string_view word<Bye> = "bye";

template <>
inline constexpr std::string_view word<Joined> = "joined";
template <>
inline constexpr std::string_view word<Welcome> = "welcome";
template <>
inline constexpr std::string_view word<Refused> = "refused";
template <>
inline constexpr std::string_view word<Pong> = "pong";
template <>
inline constexpr std::string_view word<Offer> = "offer";
template <>
inline constexpr std::string_view word<OutputAck> = "output_ack";
template <>
inline constexpr std::string_view word<ResultCommitted> = "result_committed";
template <>
inline constexpr std::string_view word<Cancel> = "cancel";

template <>
inline constexpr std::string_view word<ClientRequest> = "request";
template <>
inline constexpr std::string_view word<ClientCredit> = "credit";
template <>
inline constexpr std::string_view word<ClientReply> = "reply";

template <>
inline constexpr std::string_view word<request::Hello> = "hello";
template <>
inline constexpr std::string_view word<request::Enrol> = "enrol";
template <>
inline constexpr std::string_view word<request::Submit> = "submit";
template <>
inline constexpr std::string_view word<request::DescribePromotion> = "describe_promotion";
template <>
inline constexpr std::string_view word<request::PlanConverge> = "plan_converge";
template <>
inline constexpr std::string_view word<request::ListJobs> = "list_jobs";
template <>
inline constexpr std::string_view word<request::ShowJob> = "show_job";
template <>
inline constexpr std::string_view word<request::Attach> = "attach";
template <>
inline constexpr std::string_view word<request::Detach> = "detach";
template <>
inline constexpr std::string_view word<request::CancelJob> = "cancel_job";
template <>
inline constexpr std::string_view word<request::ListAgents> = "list_agents";
template <>
inline constexpr std::string_view word<request::Invite> = "invite";
template <>
inline constexpr std::string_view word<request::RemoveAgent> = "remove_agent";
template <>
inline constexpr std::string_view word<request::ListPrincipals> = "list_principals";
template <>
inline constexpr std::string_view word<request::RemovePrincipal> = "remove_principal";
template <>
inline constexpr std::string_view word<request::ListEnvironments> = "list_environments";
template <>
inline constexpr std::string_view word<request::ApplyEnvironment> = "apply_environment";
template <>
inline constexpr std::string_view word<request::RemoveEnvironment> = "remove_environment";
template <>
inline constexpr std::string_view word<request::ListDeployments> = "list_deployments";
template <>
inline constexpr std::string_view word<request::ShowDeployment> = "show_deployment";
template <>
inline constexpr std::string_view word<request::ExportState> = "export_state";
template <>
inline constexpr std::string_view word<request::CreateDeployment> = "create_deployment";
template <>
inline constexpr std::string_view word<request::SetDeployment> = "set_deployment";
template <>
inline constexpr std::string_view word<request::RequestDeployment> = "request_deployment";
template <>
inline constexpr std::string_view word<request::ListEvents> = "list_events";
template <>
inline constexpr std::string_view word<request::InventoryToken> = "inventory_token";
template <>
inline constexpr std::string_view word<request::RetryJob> = "retry_job";
template <>
inline constexpr std::string_view word<request::ResolveJob> = "resolve_job";
template <>
inline constexpr std::string_view word<request::ListErrands> = "list_errands";
template <>
inline constexpr std::string_view word<request::PlanJob> = "plan_job";
template <>
inline constexpr std::string_view word<request::ListHistory> = "list_history";
template <>
inline constexpr std::string_view word<request::SetHold> = "set_hold";
template <>
inline constexpr std::string_view word<request::DiffEnvironments> = "diff_environments";
template <>
inline constexpr std::string_view word<request::ImportState> = "import_state";

template <>
inline constexpr std::string_view word<reply::Hello> = "hello";
template <>
inline constexpr std::string_view word<reply::Enrolled> = "enrolled";
template <>
inline constexpr std::string_view word<reply::JobMade> = "job_made";
template <>
inline constexpr std::string_view word<reply::Promotion> = "promotion";
template <>
inline constexpr std::string_view word<reply::ConvergePlan> = "converge_plan";
template <>
inline constexpr std::string_view word<reply::Jobs> = "jobs";
template <>
inline constexpr std::string_view word<reply::Job> = "job";
template <>
inline constexpr std::string_view word<reply::LogBatch> = "log_batch";
template <>
inline constexpr std::string_view word<reply::JobDone> = "job_done";
template <>
inline constexpr std::string_view word<reply::Done> = "done";
template <>
inline constexpr std::string_view word<reply::Agents> = "agents";
template <>
inline constexpr std::string_view word<reply::Invitation> = "invitation";
template <>
inline constexpr std::string_view word<reply::Principals> = "principals";
template <>
inline constexpr std::string_view word<reply::Environments> = "environments";
template <>
inline constexpr std::string_view word<reply::Deployments> = "deployments";
template <>
inline constexpr std::string_view word<reply::Deployment> = "deployment";
template <>
inline constexpr std::string_view word<reply::State> = "state";
template <>
inline constexpr std::string_view word<reply::Events> = "events";
template <>
inline constexpr std::string_view word<reply::Token> = "token";
template <>
inline constexpr std::string_view word<reply::Errands> = "errands";
template <>
inline constexpr std::string_view word<reply::Plan> = "plan";
template <>
inline constexpr std::string_view word<reply::History> = "history";
template <>
inline constexpr std::string_view word<reply::Differences> = "differences";
template <>
inline constexpr std::string_view word<reply::Imported> = "imported";
template <>
inline constexpr std::string_view word<reply::Failed> = "failed";

}  // namespace escape::protocol
