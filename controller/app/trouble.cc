#include "controller/app/trouble.h"

namespace escape::controller {

Error Trouble::refusal() const {
  const bool is_damaged = why.message.find("damaged") != std::string::npos;
  return {ErrorKind::temporary,
          "The controller takes no changes since " + to_rfc3339(since) + ": " + describe(why),
          is_damaged
              ? why.hint
              : "Give its disk room (16 MiB at least) or put it right: the controller goes on by itself. What was "
                "confirmed is kept, and running scripts go on.",
          {}};
}

}  // namespace escape::controller
