#include <fmt/core.h>

#include "controller/core/engine.h"

namespace escape::controller {

namespace {

std::vector<std::string> sections_under(const Job& job, const std::string& word) {
  if (is_set(job)) return {"Promote"};
  if (job.kind == JobKind::promote) return {"Promote", job.parent != 0 ? "Deploy " + job.deployment : "Deploy"};
  if (job.kind == JobKind::rollback) return {"Rollback", "Deploy"};
  if (job.parent != 0) return {"Converge", word + " " + job.deployment};
  return {word};
}

}  // namespace

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
    case JobKind::errand:
      return "Errand";
    case JobKind::rollback:
      return "Rollback";
  }
  return "";
}

/// Where in a job something is said, outermost first: {"Deploy"}, a child's {"Converge", "Deploy app"}.
std::vector<std::string> Core::Impl::sections_of(const Job& job) {
  return sections_under(job, std::string(section_word(kind_at(job, job.current))));
}

/// The same for one step of it: {"Deploy", "Dependency _/db-v1.0"}.
std::vector<std::string> Core::Impl::sections_at(const Job& job, std::uint32_t index) {
  std::vector<std::string> sections = sections_under(job, std::string(section_word(kind_at(job, index))));
  const Step* step = step_at(job, index);
  if (!step) return sections;
  const std::vector<Unit>& units = expansion_of(job.number).units;
  std::vector<std::string> dependencies;
  for (std::uint32_t unit = step->line; unit != 0; unit = units[unit].parent) {
    dependencies.push_back("Dependency " + units[unit].release);
  }
  sections.insert(sections.end(), dependencies.rbegin(), dependencies.rend());
  const bool is_provider = step->part == Step::Part::activate || step->part == Step::Part::deactivate;
  if (is_provider) sections.push_back(fmt::format("Provider {} (${})", units[step->unit].release, step->interface));
  return sections;
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

void Core::Impl::log_at(const Job& job, std::uint32_t index, std::string_view level, std::string text) {
  log(job, level, std::move(text), sections_at(job, index));
}

}  // namespace escape::controller
