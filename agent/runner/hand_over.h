#pragma once

#include "shared/base/result.h"
#include "shared/base/seal.h"
#include "shared/io/files.h"

/// How a supervisor gets the agent's keys: in a pipe that is its stdin. They are in no argument, environment or file.
namespace escape::runner {

/// The end of a pipe from which the keys can be read once. It keeps them, whatever becomes of this process.
Result<io::Fd> keys_in_pipe(const SealKeys& keys);

/// For a supervisor: reads what its stdin holds, if that is a pipe, and puts /dev/null there. None when an agent
/// started it that knows of no keys.
SealKeys take_keys_from_stdin();

}  // namespace escape::runner
