#include "agent/runner/child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/error.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/group.hpp>
#include <boost/process/io.hpp>
#include <boost/process/start_dir.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "agent/runner/cgroup.h"
#include "agent/runner/command.h"
#include "agent/runner/process.h"
#include "shared/base/fault_point.h"

namespace escape::runner {
namespace {

namespace process = boost::process;

/// What runs in the child, between fork and exec.
class Entry {
 public:
  Entry(const std::string& task_folder, const std::string& cgroup, const io::Fd& output, const io::Fd& trouble)
      : task_folder_(task_folder), cgroup_(cgroup), output_(output), trouble_(trouble), parent_(::getpid()) {}

  void become_script() const {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != parent_) ::_exit(1);  // died before that call
    ScriptProcess self;
    self.pid = ::getpid();
    self.start_time = start_time_of(::getpid()).value_or(0);
    if (!cgroup_.empty() && enter_cgroup(cgroup_)) self.cgroup = cgroup_;
    if (Result<> written = write_script_process(task_folder_, self); !written) {
      (void)io::write_all(trouble_, describe(written.error()), "pipe");
      ::_exit(1);
    }
    fault_point("script.known");
    (void)::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    ::dup2(output_.get(), STDOUT_FILENO);
    ::dup2(output_.get(), STDERR_FILENO);
    // Boost.Process leaves the /dev/null that it opened for stdin.
    (void)::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  }

 private:
  const std::string& task_folder_;
  const std::string& cgroup_;
  const io::Fd& output_;
  const io::Fd& trouble_;
  pid_t parent_;
};

/// What the child wrote before it gave up; empty when it became the script.
std::string read_trouble(io::Fd reading) {
  std::array<char, 4096> buffer;
  const ssize_t count = ::read(reading.get(), buffer.data(), buffer.size());
  return count > 0 ? std::string(buffer.data(), static_cast<std::size_t>(count)) : std::string{};
}

bool is_passed(const RunRequest& request, const std::string& name) {
  const std::vector<std::string>& without = request.not_passed;
  if (std::find(without.begin(), without.end(), name) != without.end()) return false;
  return !name.empty() && name.find('=') == std::string::npos && name.find('\0') == std::string::npos;
}

Result<> check_folder(const std::string& folder) {
  if (io::is_folder(folder)) return ok();
  return fail(ErrorKind::not_found, "the working folder '" + folder + "' does not exist");
}

}  // namespace

Result<ScriptProcess> start_child(const RunRequest& request, const std::string& task_folder, const io::Fd& output) {
  if (request.argv.empty()) return fail(ErrorKind::bad_data, "there is no command to run");
  TRYV(check_folder(request.folder));
  const auto path = request.variables.find("PATH");
  TRY(const std::string program,
      find_program(request.argv.front(), path == request.variables.end() ? "" : path->second, request.folder));
  std::string cgroup;
  if (!request.cgroup_home.empty()) {
    Result<std::string> made = make_cgroup(request.cgroup_home, io::file_name(task_folder));
    if (made) {
      cgroup = std::move(made).value();
    } else {
      std::fprintf(stderr, "%s\n", describe(made.error()).c_str());
    }
  }
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorKind::failed, std::string("no pipe: ") + std::strerror(errno));
  io::Fd trouble_out(ends[0]);
  io::Fd trouble_in(ends[1]);
  const Entry entry(task_folder, cgroup, output, trouble_in);
  try {
    // Not process::environment: its look-ups read past the end of what they compare (Boost 1.74).
    std::vector<std::string> variables;
    for (const auto& [name, value] : request.variables) {
      if (is_passed(request, name)) variables.emplace_back(name).append("=").append(value);
    }
    std::vector<char*> pointers;
    pointers.reserve(variables.size() + 1);
    for (std::string& variable : variables) pointers.push_back(variable.data());
    pointers.push_back(nullptr);
    const std::vector<std::string> arguments(request.argv.begin() + 1, request.argv.end());
    process::group group;
    std::error_code error;
    process::child child(
        process::exe = program, process::args = arguments, process::start_dir = request.folder,
        process::std_in < process::null, group,
        process::extend::on_setup = [&](auto& executor) { executor.env = pointers.data(); },
        process::extend::on_exec_setup = [&](auto&) { entry.become_script(); }, error);
    group.detach();
    if (error) {
      remove_cgroup(cgroup);
      return fail(ErrorKind::failed, "exec: \"" + request.argv.front() + "\": " + error.message());
    }
    const pid_t pid = child.id();
    child.detach();
    trouble_in.reset();
    if (std::string trouble = read_trouble(std::move(trouble_out)); !trouble.empty()) {
      (void)::waitpid(pid, nullptr, 0);
      remove_cgroup(cgroup);
      return fail(ErrorKind::storage, std::move(trouble));
    }
    // It runs: what it wrote is only looked at for whether it could enter its cgroup.
    const Result<std::optional<ScriptProcess>> started = find_script_process(task_folder);
    if (started && started.value()) return *started.value();
    return ScriptProcess{pid, 0, cgroup};
  } catch (const std::exception& reason) {
    return fail(ErrorKind::failed, "exec: \"" + request.argv.front() + "\": " + reason.what());
  }
}

}  // namespace escape::runner
