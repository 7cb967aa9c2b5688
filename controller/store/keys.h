#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "controller/core/model.h"
#include "shared/base/ids.h"

/// The whole key layout. Keys sort the way they are read; a key never changes its meaning (raise `schema_version`
/// instead).
///
///   notation   u32, u64   big-endian, so that byte order is number order
///              ~u64       big-endian of the complement: newest first
///              (text)     bytes with NUL as 00 ff, ended by 00 01: any text, and no text is a prefix of another's key
///              text       the bytes to the end of the key
///
///   table          key                                   value
///   meta           "instance"                            16 bytes: made with the data folder, never changes
///                  "epoch"                               u64: starts of the controller so far
///                  "schema"                              u32: schema_version of the last writer
///                  "job_floor"                           u64: jobs up to this number were given in a life that was
///                                                        lost (restore.cc)
///                  "migration"                           u32 schema, text: how far a migration to it has come
///                  "sealed_with"                         ids (8 bytes each) of the keys that values may be sealed with
///                  "rewrite"                             empty: old bytes of values that were sealed are still in
///                  files
///   environments   name                                  row Environment
///   deployments    (environment) name                    row Deployment
///   jobs           'd' (environment) (deployment) ~job   empty: jobs of a deployment, newest first
///                  'e' (environment) ~job                empty: jobs of an environment, newest first
///                  'j' job                               row Job
///                  'l' job                               empty: the job has not settled
///                  'p' job                               row JobPlan
///   tasks          job u32 index                         row Task
///   agents         name                                  row Agent
///   principals     'i' key                               row Invitation
///                  'p' name                              row Principal
///   locks          (environment) deployment              row Lock
///   requests       (principal) id                        row AnsweredRequest
///   events         sequence                              row EventView
///   job_log        root job, sequence                    row LogEntry
///   history        (environment) (deployment) sequence   row DeploymentChange, of a deployment that may be gone
///   inventory      drawn in controller/inventory
///
/// job, sequence: u64. A row is a msgpack map {"v": row_version, fields …} (row_codec.h).
///
/// The last job number and the newest event are the last keys of their tables: whatever removes old rows keeps the
/// newest one.
namespace escape::store {

namespace meta_key {
inline constexpr std::string_view instance = "instance";
inline constexpr std::string_view epoch = "epoch";
inline constexpr std::string_view schema = "schema";
inline constexpr std::string_view job_floor = "job_floor";
inline constexpr std::string_view migration = "migration";
inline constexpr std::string_view sealed_with = "sealed_with";
inline constexpr std::string_view rewrite = "rewrite";
}  // namespace meta_key

std::string u32_key(std::uint32_t number);
std::string u64_key(std::uint64_t number);
/// Absent when the bytes are not exactly such a number.
std::optional<std::uint32_t> parse_u32(std::string_view bytes);
std::optional<std::uint64_t> parse_u64(std::string_view bytes);
/// "(text)" above.
std::string text_key(std::string_view text);

namespace job_prefix {
inline constexpr char of_deployment = 'd';
inline constexpr char of_environment = 'e';
inline constexpr char row = 'j';
inline constexpr char live = 'l';
inline constexpr char plan = 'p';
}  // namespace job_prefix
namespace principal_prefix {
inline constexpr char invitation = 'i';
inline constexpr char principal = 'p';
}  // namespace principal_prefix

std::string job_key(char prefix, JobId job);
/// What every index key of the deployment's (or environment's) jobs begins with.
std::string jobs_of_deployment(std::string_view environment, std::string_view deployment);
std::string jobs_of_environment(std::string_view environment);
/// The index key: the prefix above and the complement of the number.
std::string newest_first(std::string_view prefix, JobId job);
/// The job at the end of an index key.
std::optional<JobId> job_of_index_key(std::string_view key);

std::string deployment_key(const controller::DeploymentKey& key);
/// What every key of the deployment's history begins with.
std::string history_of(const controller::DeploymentKey& key);
std::string task_key(const TaskId& task);
std::string request_key(std::string_view principal, std::string_view id);
std::string log_key(JobId root, std::uint64_t sequence);

}  // namespace escape::store
