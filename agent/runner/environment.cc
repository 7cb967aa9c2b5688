#include "agent/runner/environment.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "shared/io/files.h"

namespace escape::runner {
namespace {

constexpr const char* default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::map<std::string, std::string> clean_base(const std::map<std::string, std::string>& own) {
  std::map<std::string, std::string> base;
  for (const char* name : {"PATH", "HOME", "USER", "LANG", "TMPDIR"}) {
    if (const auto found = own.find(name); found != own.end()) base.insert(*found);
  }
  base.try_emplace("HOME", io::home_folder());
  base["TERM"] = "dumb";
  return base;
}

}  // namespace

std::map<std::string, std::string> script_environment(const protocol::Offer& offer,
                                                      const std::map<std::string, std::string>& own, bool inherit) {
  std::map<std::string, std::string> all = inherit ? own : clean_base(own);
  all.try_emplace("PATH", default_path);
  const std::string path = all["PATH"];
  for (const auto& [name, value] : offer.variables) all[name] = value;
  all["PATH"] = path;
  all["ESCAPE_PLATFORM"] = platform_name();
  all["ESCAPE_ARCH"] = arch_name();
  all["ESCAPE_ENVIRONMENT"] = offer.environment;
  all["ESCAPE_DEPLOYMENT"] = offer.deployment;
  all["PYTHONUNBUFFERED"] = "1";
  return all;
}

std::map<std::string, std::string> own_environment() {
  std::map<std::string, std::string> all;
  for (char** entry = ::environ; entry && *entry; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) all.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return all;
}

std::string platform_name() { return "linux"; }

std::string arch_name() {
  static const std::pair<std::string_view, std::string_view> known[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"},
                                                                        {"i686", "386"},     {"i386", "386"},
                                                                        {"armv7l", "arm"},   {"ppc64le", "ppc64le"}};
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  for (const auto& [machine, arch] : known) {
    if (machine == name.machine) return std::string(arch);
  }
  return name.machine;
}

}  // namespace escape::runner
