#include "controller/cli/git.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "shared/base/text.h"
#include "shared/io/files.h"

namespace escape::cli {
namespace {

// A commit message is the longest answer.
constexpr std::size_t longest_answer = 1 << 20;

bool is_in_work_tree(std::string folder) {
  while (true) {
    if (io::exists(io::join_path(folder, ".git"))) return true;
    const std::string parent = io::parent_path(folder);
    if (parent == folder || parent.empty()) return false;
    folder = parent;
  }
}

std::string read_all(int descriptor) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    if (text.size() < longest_answer) text.append(buffer, static_cast<std::size_t>(got));
  }
}

/// As the original records it: no line has blanks around it, and none is empty.
std::string without_blanks(std::string_view text) {
  std::vector<std::string> lines;
  for (const std::string& line : split(text, '\n')) {
    if (!trimmed(line).empty()) lines.emplace_back(trimmed(line));
  }
  return join(lines, "\n");
}

std::string answer(const std::string& folder, const std::vector<std::string>& arguments) {
  Result<std::string> text = run_git(folder, arguments);
  return text ? std::string(trimmed(text.value())) : std::string();
}

}  // namespace

Result<std::string> run_git(const std::string& folder, const std::vector<std::string>& arguments) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorKind::internal, "no pipe for git");
  const io::Fd reading(ends[0]);
  io::Fd writing(ends[1]);
  std::vector<std::string> words{"git", "-C", folder};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDERR_FILENO);
  pid_t child = 0;
  const int started = ::posix_spawnp(&child, "git", &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  writing.reset();
  if (started != 0) return fail(ErrorKind::failed, "git can't be run", "Install git, or leave the git flags out.");
  std::string output = read_all(reading.get());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return output;
  return fail(ErrorKind::failed, std::string(trimmed(output)));
}

plan::GitFacts read_git_facts(const std::string& folder) {
  plan::GitFacts facts;
  if (!is_in_work_tree(folder)) return facts;
  const std::string commit = answer(folder, {"log", "-1", "--format=%H%n%an <%ae>%n%B"});
  if (commit.empty()) return facts;
  const std::size_t first = commit.find('\n');
  const std::size_t second = first == std::string::npos ? first : commit.find('\n', first + 1);
  facts.revision = commit.substr(0, first);
  if (first != std::string::npos) facts.author = commit.substr(first + 1, second - first - 1);
  if (second != std::string::npos) facts.message = without_blanks(commit.substr(second + 1));
  facts.branch = answer(folder, {"rev-parse", "--abbrev-ref", "HEAD"});
  facts.repository = answer(folder, {"config", "--get", "remote.origin.url"});
  return facts;
}

}  // namespace escape::cli
