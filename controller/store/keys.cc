#include "controller/store/keys.h"

namespace escape::store {
namespace {

template <class Number>
std::string big_endian(Number number) {
  std::string bytes(sizeof number, '\0');
  for (std::size_t i = sizeof number; i > 0; --i) {
    bytes[i - 1] = static_cast<char>(number & 0xFF);
    number = static_cast<Number>(number >> 8);
  }
  return bytes;
}

template <class Number>
std::optional<Number> parse_big_endian(std::string_view bytes) {
  if (bytes.size() != sizeof(Number)) return std::nullopt;
  Number number = 0;
  for (const char byte : bytes) number = static_cast<Number>(number << 8 | static_cast<unsigned char>(byte));
  return number;
}

}  // namespace

std::string u32_key(std::uint32_t number) { return big_endian(number); }
std::string u64_key(std::uint64_t number) { return big_endian(number); }
std::optional<std::uint32_t> parse_u32(std::string_view bytes) { return parse_big_endian<std::uint32_t>(bytes); }
std::optional<std::uint64_t> parse_u64(std::string_view bytes) { return parse_big_endian<std::uint64_t>(bytes); }

std::string text_key(std::string_view text) {
  std::string key;
  key.reserve(text.size() + 2);
  for (const char c : text) {
    key += c;
    if (c == '\0') key += '\xff';
  }
  key += '\0';
  key += '\x01';
  return key;
}

std::string job_key(char prefix, JobId job) { return prefix + u64_key(job); }

std::string jobs_of_deployment(std::string_view environment, std::string_view deployment) {
  return job_prefix::of_deployment + text_key(environment) + text_key(deployment);
}

std::string jobs_of_environment(std::string_view environment) {
  return job_prefix::of_environment + text_key(environment);
}

std::string newest_first(std::string_view prefix, JobId job) { return std::string(prefix) + u64_key(~job); }

std::optional<JobId> job_of_index_key(std::string_view key) {
  if (key.size() < sizeof(JobId)) return std::nullopt;
  const std::optional<std::uint64_t> complement = parse_u64(key.substr(key.size() - sizeof(JobId)));
  return complement ? std::optional<JobId>(~*complement) : std::nullopt;
}

std::string deployment_key(const controller::DeploymentKey& key) { return text_key(key.environment) + key.deployment; }

std::string history_of(const controller::DeploymentKey& key) {
  return text_key(key.environment) + text_key(key.deployment);
}

std::string task_key(const TaskId& task) { return u64_key(task.job) + u32_key(task.index); }

std::string request_key(std::string_view principal, std::string_view id) {
  return text_key(principal) + std::string(id);
}

std::string log_key(JobId root, std::uint64_t sequence) { return u64_key(root) + u64_key(sequence); }

}  // namespace escape::store
