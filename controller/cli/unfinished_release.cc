#include "controller/cli/unfinished_release.h"

#include "shared/codec/codec.h"
#include "shared/codec/fields.h"
#include "shared/io/files.h"

namespace escape::cli {
namespace {

std::string file_of(const std::string& folder) { return io::join_path(folder, ".escape/release.json"); }

}  // namespace

template <class V>
void describe(V& visit, UnfinishedTrial& t) {
  visit.required("environment", t.environment);
  visit("deployment", t.deployment);
  visit("controller", t.controller);
  visit("metadata", t.metadata);
}

template <class V>
void describe(V& visit, UnfinishedRelease& r) {
  visit.required("application", r.application);
  visit.required("asked", r.asked);
  visit("options", r.options);
  visit("holder", r.holder);
  visit.required("version", r.version);
  visit("package_sha256", r.package_sha256);
  visit("metadata", r.metadata);
  visit("trials", r.trials);
}

std::optional<UnfinishedRelease> find_unfinished(const std::string& folder) {
  const Result<std::string> text = io::read_file(file_of(folder), 16 << 20);
  if (!text) return std::nullopt;
  const Result<Value> value = codec::from_json(text.value());
  if (!value) return std::nullopt;
  Result<UnfinishedRelease> release = codec::decode<UnfinishedRelease>(value.value());
  if (!release) return std::nullopt;
  return std::move(release).value();
}

Result<> keep_unfinished(const std::string& folder, const UnfinishedRelease& release) {
  return io::write_file(file_of(folder), codec::to_json(codec::encode(release), codec::JsonStyle::indented), 0644);
}

Result<> forget_unfinished(const std::string& folder, std::vector<UnfinishedTrial> trials) {
  if (trials.empty()) return io::remove_all(file_of(folder));
  UnfinishedRelease left;
  left.trials = std::move(trials);
  return keep_unfinished(folder, left);
}

}  // namespace escape::cli
