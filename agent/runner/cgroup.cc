#include "agent/runner/cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "shared/base/sha256.h"
#include "shared/base/text.h"
#include "shared/io/files.h"

namespace escape::runner {
namespace {

constexpr const char* home_prefix = "escape-";
constexpr std::size_t digest_digits = 16;
/// A name is taken only by what an earlier task with this number left running.
constexpr int names_to_try = 100;
constexpr int remove_tries = 20;
constexpr int remove_pause_millis = 5;
/// Without cgroup.kill: a process may fork until the group is frozen.
constexpr int kill_rounds = 10;

bool write_control(const std::string& cgroup, const char* file, std::string_view text) {
  const io::Fd control(::open((cgroup + "/" + file).c_str(), O_WRONLY | O_CLOEXEC));
  return control && ::write(control.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::vector<std::string> groups_below(const std::string& cgroup) {
  std::vector<std::string> groups;
  Result<std::vector<std::string>> names = io::list_folder(cgroup);
  if (!names) return groups;
  for (const std::string& name : names.value()) {
    if (std::string path = io::join_path(cgroup, name); io::is_folder(path)) groups.push_back(std::move(path));
  }
  return groups;
}

struct Mount {
  std::string root;
  std::string place;
};

/// proc(5): "36 35 98:0 /root /place options… - type source options".
std::optional<Mount> find_mount(std::string_view mountinfo) {
  for (const std::string& line : split(mountinfo, '\n')) {
    const std::size_t dash = line.find(" - cgroup2 ");
    if (dash == std::string::npos) continue;
    const std::vector<std::string> fields = split(std::string_view(line).substr(0, dash), ' ');
    if (fields.size() >= 5) return Mount{fields[3], fields[4]};
  }
  return std::nullopt;
}

}  // namespace

Result<std::string> own_cgroup(std::string_view mountinfo, std::string_view memberships) {
  const std::optional<Mount> mount = find_mount(mountinfo);
  if (!mount) return fail(ErrorKind::not_found, "no cgroup v2 file system is mounted");
  constexpr std::string_view version_2 = "0::";
  for (const std::string& line : split(memberships, '\n')) {
    if (!line.starts_with(version_2)) continue;
    std::string path = line.substr(version_2.size());
    // Mounted from further down than the root (a container): its paths begin there.
    if (mount->root != "/" && (path + "/").starts_with(mount->root + "/")) path = path.substr(mount->root.size());
    if (path.find("/..") != std::string::npos) break;
    return path == "/" || path.empty() ? mount->place : mount->place + path;
  }
  return fail(ErrorKind::not_found, "this process is in no cgroup that can be seen from here");
}

Result<std::string> make_cgroup_home(const std::string& data_folder) {
  TRY(const std::string mountinfo, io::read_file("/proc/self/mountinfo"));
  TRY(const std::string memberships, io::read_file("/proc/self/cgroup"));
  TRY(const std::string own, own_cgroup(mountinfo, memberships));
  // Moving a child down from here needs this too (cgroup-v2, "Delegation Containment").
  if (::access((own + "/cgroup.procs").c_str(), W_OK) != 0) {
    return fail(ErrorKind::no_permission, "the cgroup '" + own + "' can't be written: " + std::strerror(errno));
  }
  for (const std::string& other : groups_below(own)) {
    // Of an agent that is gone; one with scripts is not empty, whether they have begun or not.
    if (io::file_name(other).starts_with(home_prefix)) (void)::rmdir(other.c_str());
  }
  std::string home = own + "/" + home_prefix + sha256_hex(data_folder).substr(0, digest_digits);
  if (::mkdir(home.c_str(), 0755) != 0 && errno != EEXIST) {
    return fail(ErrorKind::no_permission, "the cgroup '" + home + "' can't be made: " + std::strerror(errno));
  }
  return home;
}

Result<std::string> make_cgroup(const std::string& home, const std::string& name) {
  for (int number = 1; number <= names_to_try; ++number) {
    std::string path = io::join_path(home, name);
    if (number > 1) path += "-" + std::to_string(number);
    // Another agent that starts may have removed the empty home.
    (void)::mkdir(home.c_str(), 0755);
    if (::mkdir(path.c_str(), 0755) == 0) return path;
    if (errno != EEXIST && errno != ENOENT) {
      return fail(ErrorKind::failed, "the cgroup '" + path + "' can't be made: " + std::strerror(errno));
    }
  }
  return fail(ErrorKind::failed, "no free name for the cgroup '" + home + "/" + name + "'");
}

void remove_empty_cgroups(const std::string& home, const std::set<std::string>& keep) {
  for (const std::string& path : groups_below(home)) {
    const std::string name = io::file_name(path);
    if (!keep.contains(name.substr(0, name.find('-')))) remove_cgroup(path);
  }
}

bool enter_cgroup(const std::string& cgroup) { return write_control(cgroup, "cgroup.procs", "0"); }

bool has_processes(const std::string& cgroup) {
  const Result<std::string> events = io::read_file(cgroup + "/cgroup.events");
  return events && events.value().find("populated 1") != std::string::npos;
}

std::vector<pid_t> processes_of(const std::string& cgroup) {
  std::vector<pid_t> all;
  if (const Result<std::string> text = io::read_file(cgroup + "/cgroup.procs")) {
    for (const std::string& line : split(text.value(), '\n')) {
      pid_t pid = 0;
      const bool is_number = std::from_chars(line.data(), line.data() + line.size(), pid).ec == std::errc{};
      if (is_number && pid > 0) all.push_back(pid);  // 0: of another pid namespace
    }
  }
  for (const std::string& below : groups_below(cgroup)) {
    for (const pid_t pid : processes_of(below)) all.push_back(pid);
  }
  return all;
}

void kill_cgroup(const std::string& cgroup) {
  if (!write_control(cgroup, "cgroup.kill", "1")) kill_each(cgroup);
}

void kill_each(const std::string& cgroup) {
  (void)write_control(cgroup, "cgroup.freeze", "1");
  for (int round = 0; round < kill_rounds; ++round) {
    const std::vector<pid_t> pids = processes_of(cgroup);
    for (const pid_t pid : pids) (void)::kill(pid, SIGKILL);
    if (pids.empty()) break;
  }
  (void)write_control(cgroup, "cgroup.freeze", "0");
}

void remove_cgroup(const std::string& cgroup) {
  if (has_processes(cgroup)) return;
  for (const std::string& below : groups_below(cgroup)) remove_cgroup(below);
  // What was killed a moment ago may not have left it entirely.
  for (int i = 0; ::rmdir(cgroup.c_str()) != 0 && errno == EBUSY && i < remove_tries && !has_processes(cgroup); ++i) {
    (void)::poll(nullptr, 0, remove_pause_millis);
  }
}

}  // namespace escape::runner
