#include "controller/cli/wiring.h"

namespace escape::cli {

Link::~Link() = default;

}  // namespace escape::cli
