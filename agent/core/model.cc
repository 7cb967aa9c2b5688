#include "agent/core/model.h"

#include <charconv>

#include "shared/base/text.h"

namespace escape::agent {
namespace {

template <class Number>
bool read_number(std::string_view text, Number& to) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string to_string(const TaskKey& key) { return escape::to_string(key.task) + "." + std::to_string(key.attempt); }

std::optional<TaskKey> parse_task_key(std::string_view text) {
  const std::vector<std::string> parts = split(text, '.');
  TaskKey key;
  if (parts.size() != 3 || !read_number(parts[0], key.task.job) || !read_number(parts[1], key.task.index) ||
      !read_number(parts[2], key.attempt)) {
    return std::nullopt;
  }
  return key;
}

TaskKey key_of(const protocol::Offer& offer) { return {offer.task, offer.attempt}; }

}  // namespace escape::agent
