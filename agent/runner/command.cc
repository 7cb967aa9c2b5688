#include "agent/runner/command.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shared/base/text.h"
#include "shared/io/files.h"

namespace escape::runner {
namespace {

std::string first_word(std::string_view text) {
  const std::string_view line = trimmed(text);
  return std::string(line.substr(0, line.find_first_of(" \t\n")));
}

Result<> make_executable(const std::string& path, const std::string& shown, std::string_view step) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return fail(ErrorKind::not_found, "Referenced " + std::string(step) + " script '" + shown + "' does not exist",
                  "Add the file to the plan's `includes`, release again and deploy that version.");
    }
    return fail(ErrorKind::storage, "Couldn't look at the script '" + path + "': " + std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) return ok();
  const mode_t wanted = (status.st_mode | 0555) & 07777;
  if (wanted == (status.st_mode & 07777) || ::chmod(path.c_str(), wanted) == 0) return ok();
  if (::access(path.c_str(), R_OK | X_OK) == 0) return ok();  // someone else's file, but good as it is
  return fail(ErrorKind::no_permission, "Couldn't make the script '" + path + "' executable: " + std::strerror(errno));
}

bool is_program(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

Error not_in_path(const std::string& name) {
  return {ErrorKind::not_found,
          "exec: \"" + name + "\": executable file not found in $PATH",
          "Install the program on the agent's host, or write './" + name + "' if it is a file of the package.",
          {}};
}

}  // namespace

Result<Command> make_command(const release::ExecStage& stage, std::string_view step, const std::string& folder,
                             const std::string& inline_path) {
  Command command;
  if (!stage.cmd.empty()) {
    command.argv.push_back(stage.cmd);
    command.argv.insert(command.argv.end(), stage.args.begin(), stage.args.end());
    return command;
  }
  if (!stage.inline_script.empty()) {
    command.argv = {"sh", inline_path};
    command.inline_script = stage.inline_script;
    return command;
  }
  const std::string script(trimmed(stage.script));
  if (script.empty()) return fail(ErrorKind::bad_data, "The " + std::string(step) + " step has nothing to run");
  const std::string file = first_word(script);
  const std::string path = file.front() == '/' ? file : io::join_path(folder, file);
  TRYV(make_executable(path, file, step));
  const bool has_place = std::string_view("./\\").find(script.front()) != std::string_view::npos;
  command.argv = {"sh", "-c", (has_place ? "" : "./") + script + " " + outputs_file};
  return command;
}

std::string failure_text(const std::vector<std::string>& argv, std::string_view why) {
  return "Failed to successfully execute command '" + join(argv, " ") + "': " + std::string(why);
}

Result<std::string> find_program(const std::string& name, const std::string& path, const std::string& folder) {
  if (name.find('/') != std::string::npos) {
    const std::string file = name.front() == '/' ? name : io::join_path(folder, name);
    if (!io::exists(file)) {
      return fail(ErrorKind::not_found, "exec: \"" + name + "\": stat " + name + ": no such file or directory");
    }
    if (!is_program(file)) return fail(ErrorKind::no_permission, "exec: \"" + name + "\": permission denied");
    return file;
  }
  for (const std::string& place : split(path, ':')) {
    if (place.empty() || name.empty()) continue;  // an empty piece would be the working folder: never searched
    const std::string file = io::join_path(place.front() == '/' ? place : io::join_path(folder, place), name);
    if (is_program(file)) return file;
  }
  return fail(not_in_path(name));
}

}  // namespace escape::runner
