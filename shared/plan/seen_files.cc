#include "shared/plan/seen_files.h"

#include "shared/plan/expressions.h"
#include "shared/script/script.h"

namespace escape::plan {
namespace {

class Paths {
 public:
  void add(const std::string& text) {
    if (!script::is_expression(text)) return;
    const Result<script::Expression> expression = script::parse(text);
    if (!expression) return;
    for (std::string& path : script::files_read(expression.value())) found_.insert(std::move(path));
  }
  void add(const Value& value) {
    if (const std::string* text = value.as_string()) return add(*text);
    const Value::List* list = value.as_list();
    if (!list) return;
    for (const Value& element : *list) add(element);
  }
  void add(const Value::Object& mapping) {
    for (const auto& [id, value] : mapping) add(value);
  }
  void add(const std::vector<release::Variable>& variables) {
    for (const release::Variable& variable : variables) {
      if (variable.fallback) add(*variable.fallback);
      add(variable.items);
    }
  }
  void add(const release::ExecStage& stage) {
    add(stage.cmd);
    add(stage.script);
    for (const std::string& arg : stage.args) add(arg);
  }
  std::set<std::string> take() { return std::move(found_); }

 private:
  std::set<std::string> found_;
};

release::SeenFile see(const std::string& path, PlanHost& host, std::size_t& bytes_left) {
  using Kind = release::SeenFile::Kind;
  const Result<script::Host::PathKind> kind = host.look_at(path);
  if (!kind || kind.value() == script::Host::PathKind::absent) return {};
  if (kind.value() == script::Host::PathKind::folder) return {.kind = Kind::folder};
  Result<std::string> text = host.read_file(path);
  if (!text) return {.kind = Kind::file, .trouble = text.error().message};
  if (text.value().size() > most_seen_file_bytes) {
    return {.kind = Kind::file, .trouble = "'" + path + "' is larger than 128 KiB"};
  }
  if (text.value().size() > bytes_left) {
    return {.kind = Kind::file, .trouble = "'" + path + "' and what else the release reads is larger than 512 KiB"};
  }
  bytes_left -= text.value().size();
  return {.kind = Kind::file, .text = std::move(text).value()};
}

}  // namespace

std::set<std::string> paths_read(const release::Metadata& metadata) {
  Paths paths;
  paths.add(metadata.inputs);
  paths.add(metadata.outputs);
  for (const auto& [name, stage] : metadata.stages) paths.add(stage);
  for (const auto& [name, errand] : metadata.errands) {
    paths.add(errand.inputs);
    paths.add(errand.run);
  }
  for (const release::Template& one : metadata.templates) paths.add(one.mapping);
  for (const release::Dependency& dependency : metadata.depends) {
    paths.add(dependency.mapping);
    paths.add(dependency.build_mapping);
    paths.add(dependency.deploy_mapping);
    for (const auto& [variable, text] : dependency.consumes) paths.add(text);
  }
  return paths.take();
}

release::SeenFiles see_files(const release::Metadata& metadata, Files& files) {
  PlanHost host(files);
  release::SeenFiles seen;
  std::size_t bytes_left = most_seen_bytes;
  for (const std::string& path : paths_read(metadata)) {
    if (seen.size() == most_seen_paths) break;
    seen.emplace(path, see(path, host, bytes_left));
  }
  return seen;
}

}  // namespace escape::plan
