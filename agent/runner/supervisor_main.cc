#include <cstdio>
#include <string_view>

#include "agent/runner/adopter.h"
#include "agent/runner/supervisor.h"

int main(int argument_count, char** arguments) {
  if (argument_count == 2) return escape::runner::supervise(arguments[1]);
  if (argument_count == 3 && std::string_view(arguments[1]) == "--adopt") return escape::runner::adopt(arguments[2]);
  std::fputs(
      "usage: escape-supervisor [--adopt] TASK-FOLDER\n"
      "Started by the agent, once for each script; not meant for people.\n",
      stderr);
  return 64;
}
