#include "controller/core/engine.h"

namespace escape::controller {

std::string_view section_word(JobKind kind) {
  switch (kind) {
    case JobKind::deploy:
      return "Deploy";
    case JobKind::promote:
      return "Promote";
    case JobKind::build:
      return "Build";
    case JobKind::test:
      return "Test";
    case JobKind::smoke:
      return "Smoke tests";
    case JobKind::destroy:
      return "Destroy";
    case JobKind::converge:
      return "Converge";
  }
  return "";
}

JobKind kind_at(const Job& job, std::uint32_t index) {
  if (job.kind != JobKind::build) return job.kind;
  JobKind kind = JobKind::build;
  std::uint32_t first = 3;
  for (const std::string& part : job.stages) {
    if (index < first) break;
    kind = part == "test" ? JobKind::test : JobKind::destroy;
    first += part == "test" ? 1 : 3;
  }
  return kind;
}

std::vector<std::string> sections_of(const Job& job) {
  const std::string word(section_word(kind_at(job, job.current)));
  if (job.parent != 0) return {"Converge", word + " " + job.deployment};
  if (job.kind == JobKind::promote) return {"Promote", "Deploy"};
  return {word};
}

JobId root_number(const Job& job) { return job.parent != 0 ? job.parent : job.number; }

void Core::Impl::log(const Job& job, std::string_view level, std::string text, std::vector<std::string> sections) {
  protocol::LogEntry entry;
  entry.job = job.number;
  entry.time = now.wall;
  entry.level = std::string(level);
  entry.sections = std::move(sections);
  entry.text = std::move(text);
  rows.log(root_number(job), std::move(entry));
}

void Core::Impl::log(const Job& job, std::string_view level, std::string text) {
  log(job, level, std::move(text), sections_of(job));
}

}  // namespace escape::controller
