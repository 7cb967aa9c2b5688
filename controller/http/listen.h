#pragma once

#include <string>

#include "shared/base/result.h"
#include "shared/io/files.h"

namespace escape::http {

struct Listener {
  io::Fd socket;
  int port = 0;
};
/// Errors: conflict when the address is in use, bad_configuration when it is none of this machine's.
Result<Listener> listen_on(const std::string& address, int port);

}  // namespace escape::http
