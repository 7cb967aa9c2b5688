#include <cstdio>

#include "agent/runner/supervisor.h"

int main(int argument_count, char** arguments) {
  if (argument_count != 2) {
    std::fputs(
        "usage: escape-supervisor TASK-FOLDER\nStarted by the agent, once for each script; not meant for people.\n",
        stderr);
    return 64;
  }
  return escape::runner::supervise(arguments[1]);
}
