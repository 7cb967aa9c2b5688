#include <fmt/core.h>

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
    case JobKind::errand:
      return "Errand";
    case JobKind::rollback:
      return "Rollback";
  }
  return "";
}

/// Where in the job its current step is, outermost first: {"Deploy", "Dependency _/db-v1.0"}.
std::vector<std::string> Core::Impl::sections_of(const Job& job) {
  const std::string word(section_word(kind_at(job, job.current)));
  std::vector<std::string> sections{word};
  if (job.parent != 0) sections = {"Converge", word + " " + job.deployment};
  if (job.kind == JobKind::promote) sections = {"Promote", "Deploy"};
  if (job.kind == JobKind::promote && job.parent != 0) sections = {"Promote", "Deploy " + job.deployment};
  if (is_set(job)) sections = {"Promote"};
  if (job.kind == JobKind::rollback) sections = {"Rollback", "Deploy"};
  const Step* step = job.task_count == 0 ? nullptr : step_at(job, job.current);
  if (!step) return sections;
  const std::vector<Unit>& units = expansion_of(job.number).units;
  const bool is_provider = step->part == Step::Part::activate || step->part == Step::Part::deactivate;
  std::vector<std::string> dependencies;
  for (std::uint32_t unit = is_provider ? step->for_unit : step->unit; unit != 0 && !units[unit].is_provider;
       unit = units[unit].parent) {
    dependencies.push_back("Dependency " + units[unit].release);
  }
  sections.insert(sections.end(), dependencies.rbegin(), dependencies.rend());
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

}  // namespace escape::controller
