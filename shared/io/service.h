#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "shared/base/result.h"
#include "shared/io/files.h"

/// What a daemon owes its surroundings: signals as a descriptor, readiness to systemd.
namespace escape::io {

/// Blocks the signals for the whole process (call before any thread starts) and gives a descriptor that becomes
/// readable when one arrives.
Result<Fd> signals_as_descriptor(std::initializer_list<int> signals);
/// The signal that arrived, or 0.
int take_signal(const Fd& signals);
/// As many descriptors as the system lets this process have: one for each connection, and more for the database, which
/// must not run out because of them. How many there are now.
std::uint64_t raise_descriptor_limit();
/// "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=…": a datagram to $NOTIFY_SOCKET; nothing without one.
void notify_service_manager(std::string_view state);

/// An eventfd: `wake` from any thread makes the descriptor readable.
class Waker {
 public:
  Waker();
  int descriptor() const { return fd_.get(); }
  void wake();
  void clear();

 private:
  Fd fd_;
};

}  // namespace escape::io
