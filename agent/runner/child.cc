#include "agent/runner/child.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/error.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/group.hpp>
#include <boost/process/io.hpp>
#include <boost/process/start_dir.hpp>
#include <exception>
#include <system_error>
#include <vector>

#include "agent/runner/command.h"

namespace escape::runner {
namespace {

namespace process = boost::process;

/// Runs in the child, between fork and exec: only calls that are safe there.
void become_script(int output) {
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
}

bool is_usable_name(const std::string& name) {
  return !name.empty() && name.find('=') == std::string::npos && name.find('\0') == std::string::npos;
}

Result<> check_folder(const std::string& folder) {
  if (io::is_folder(folder)) return ok();
  return fail(ErrorKind::not_found, "the working folder '" + folder + "' does not exist");
}

}  // namespace

Result<pid_t> start_child(const RunRequest& request, const io::Fd& output) {
  if (request.argv.empty()) return fail(ErrorKind::bad_data, "there is no command to run");
  TRYV(check_folder(request.folder));
  const auto path = request.variables.find("PATH");
  TRY(const std::string program,
      find_program(request.argv.front(), path == request.variables.end() ? "" : path->second, request.folder));
  try {
    // Not process::environment: its look-ups read past the end of what they compare (Boost 1.74).
    std::vector<std::string> variables;
    for (const auto& [name, value] : request.variables) {
      if (is_usable_name(name)) variables.push_back(name + "=" + value);
    }
    std::vector<char*> pointers;
    for (std::string& variable : variables) pointers.push_back(variable.data());
    pointers.push_back(nullptr);
    const std::vector<std::string> arguments(request.argv.begin() + 1, request.argv.end());
    process::group group;
    std::error_code error;
    process::child child(
        process::exe = program, process::args = arguments, process::start_dir = request.folder,
        process::std_in < process::null, group,
        process::extend::on_setup = [&](auto& executor) { executor.env = pointers.data(); },
        process::extend::on_exec_setup = [&](auto&) { become_script(output.get()); }, error);
    group.detach();
    if (error) {
      return fail(ErrorKind::failed, "exec: \"" + request.argv.front() + "\": " + error.message());
    }
    const pid_t pid = child.id();
    child.detach();
    return pid;
  } catch (const std::exception& reason) {
    return fail(ErrorKind::failed, "exec: \"" + request.argv.front() + "\": " + reason.what());
  }
}

}  // namespace escape::runner
