#pragma once

#include <string>
#include <string_view>

#include "protocol/messages/client.h"
#include "shared/base/result.h"

namespace escape::cli {

/// What an environment should hold, as people write it for `escape environments apply -f FILE`:
///
///     environment: stage          # or -e
///     protected: true             # optional
///     inputs: {region: eu}        # optional
///     deployments:
///       quickstart/hello-world: {release: quickstart/hello-world-latest, inputs: {who: Stage}}
///
/// `environment`: what `-e` says, empty when it was not given; it must agree with the file. Strict. Errors: bad_data
/// "FILE: line 3: …"; usage when nobody names the environment.
Result<protocol::request::ApplyEnvironment> parse_apply_file(std::string_view text, const std::string& file,
                                                             const std::string& environment);

}  // namespace escape::cli
