#pragma once

#include <functional>
#include <memory>
#include <string>

#include "controller/inventory/inventory.h"
#include "shared/io/http_client.h"

namespace escape::embedded {

/// An inventory that knows no digests (the original's) with digests: a release is downloaded once into `folder` and
/// hashed when it is resolved, so that what is deployed and promoted is named to the byte here too. One that gives
/// digests is passed through.
std::unique_ptr<inventory::Client> with_digests(std::unique_ptr<inventory::Client> inner, std::string folder,
                                                std::function<Result<>(const io::Download&)> download);

}  // namespace escape::embedded
