#include "controller/cli/interrupt.h"

#include <csignal>

namespace escape::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;
struct sigaction before;

void on_interrupt(int) { interrupted = 1; }

}  // namespace

InterruptWatch::InterruptWatch() {
  interrupted = 0;
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, &before);
}

InterruptWatch::~InterruptWatch() { ::sigaction(SIGINT, &before, nullptr); }

bool InterruptWatch::is_interrupted() const { return interrupted != 0; }

}  // namespace escape::cli
