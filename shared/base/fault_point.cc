#include "shared/base/fault_point.h"

#ifdef ESCAPE_FAULT_POINTS

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

namespace escape {
namespace {

constexpr const char* variable = "ESCAPE_FAULT";

struct Fault {
  std::string name;
  long pass = 1;
  std::string file;
};

std::optional<Fault> read_fault() {
  const char* given = std::getenv(variable);
  if (!given) return std::nullopt;
  Fault fault;
  fault.name = given;
  if (const std::size_t at = fault.name.find('@'); at != std::string::npos) {
    fault.file = fault.name.substr(at + 1);
    fault.name.resize(at);
  }
  if (const std::size_t colon = fault.name.find(':'); colon != std::string::npos) {
    fault.pass = std::atol(fault.name.c_str() + colon + 1);
    fault.name.resize(colon);
  }
  return fault;
}

}  // namespace

void fault_point(std::string_view name) {
  static std::optional<Fault> fault = read_fault();
  if (!fault || fault->name != name || --fault->pass != 0) return;
  if (!fault->file.empty()) {
    const int file = ::open(fault->file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return;
    ::close(file);
  }
  (void)::kill(::getpid(), SIGKILL);
}

bool has_fault_points() { return true; }

std::vector<std::string> fault_environment() {
  const char* given = std::getenv(variable);
  return given ? std::vector<std::string>{std::string(variable) + "=" + given} : std::vector<std::string>{};
}

}  // namespace escape

#else

namespace escape {

void fault_point(std::string_view) {}
bool has_fault_points() { return false; }
std::vector<std::string> fault_environment() { return {}; }

}  // namespace escape

#endif
