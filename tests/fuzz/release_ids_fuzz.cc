// Texts that people and peers write for releases, versions and invitations, one to a line: what is read is printed so
// that it reads the same, and the order of keys is the order of versions.
#include "protocol/session/token.h"
#include "shared/base/check.h"
#include "shared/release/release_id.h"
#include "tests/fuzz/input.h"

namespace escape::release {
namespace {

void check_query(std::string_view text) {
  const Result<ReleaseQuery> query = parse_release_query(text);
  if (!query) {
    CHECK(query.error().kind == ErrorKind::bad_data && !query.error().message.empty());
    CHECK(!parse_release_id(text));
    return;
  }
  const Result<ReleaseQuery> again = parse_release_query(to_string(query.value()));
  CHECK(again.has_value());
  CHECK(again.value() == query.value());
  const auto* exact = std::get_if<Exact>(&query.value().version);
  const Result<ReleaseId> id = parse_release_id(text);
  CHECK(id.has_value() == (exact != nullptr));
  if (!id) return;
  const Result<ReleaseId> same = parse_release_id(to_string(id.value()));
  CHECK(same.has_value() && same.value() == id.value());
  CHECK(to_string(id.value()).ends_with("/" + without_project(id.value())));
}

void check_version_query(std::string_view text) {
  const Result<VersionQuery> query = parse_version_query(text);
  if (!query) return;
  const Result<VersionQuery> again = parse_version_query(to_string(query.value()));
  CHECK(again.has_value());
  CHECK(again.value() == query.value());
}

void check_order(std::string_view left, std::string_view right) {
  const Result<Version> a = Version::parse(left);
  const Result<Version> b = Version::parse(right);
  if (a) CHECK(a.value().text() == left);
  if (!a || !b) return;
  const auto order = a.value() <=> b.value();
  CHECK((sort_key(a.value()) < sort_key(b.value())) == (order < 0));
  CHECK((sort_key(a.value()) == sort_key(b.value())) == (order == 0));
  (void)next_version(left, {a.value(), b.value()});
  (void)next_version("", {a.value(), b.value()});
}

void check_names(std::string_view text) {
  for (const auto check : {check_package_name, check_project_name, check_environment_name, check_deployment_name}) {
    const Result<> done = check(text);
    if (!done) CHECK(!done.error().message.empty());
    // A name becomes a part of paths, keys and messages.
    if (done) CHECK(text.find('\0') == text.npos && text.find("..") == text.npos);
  }
}

void check_token(std::string_view text) {
  const Result<protocol::InvitationToken> token = protocol::parse_token(text);
  if (!token) return;
  const Result<protocol::InvitationToken> again = protocol::parse_token(to_text(token.value()));
  CHECK(again.has_value());
  CHECK(again.value() == token.value());
}

}  // namespace
}  // namespace escape::release

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace escape::release;
  escape::fuzz::Input input(data, size);
  std::string before;
  while (!input.is_empty()) {
    const std::string line(input.line());
    check_query(line);
    check_version_query(line);
    check_names(line);
    check_token(line);
    check_order(line, before);
    before = line;
  }
  return 0;
}
