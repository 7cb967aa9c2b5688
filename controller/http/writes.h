#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "controller/http/request.h"
#include "controller/http/response.h"
#include "controller/http/route.h"
#include "controller/http/server.h"

namespace escape::http {

/// A write, ready for the writer, and what to answer once it is done.
struct PlannedWrite {
  WriteJob job;
  std::function<Response(const Result<>&)> answer;
};

/// Every writing route but the upload. Error: what can be refused without looking at the index.
Result<PlannedWrite> plan_write(const Route& route, const Target& target, std::string_view body,
                                const std::string& principal, Timestamp now);

/// Which release an upload is for. Error: bad_data with the original's texts.
Result<release::ReleaseId> release_of_upload(const Route& route);
/// The upload's last step, when its package is stored.
PlannedWrite plan_completion(const inventory::Entry& entry, const release::ReleaseId& id,
                             const inventory::PackageFolder::Upload::Stored& stored, const std::string& principal);

}  // namespace escape::http
