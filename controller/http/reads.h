#pragma once

#include <string>
#include <string_view>

#include "controller/http/downloads.h"
#include "controller/http/request.h"
#include "controller/http/response.h"
#include "controller/http/route.h"
#include "controller/inventory/inventory.h"
#include "controller/store/store.h"

namespace escape::http {

/// What a read is answered from: one snapshot, so that an answer never mixes two states.
struct ReadContext {
  const store::Reader& reader;
  const inventory::PackageFolder& packages;
  DownloadCounts& downloads;
  std::optional<Error> trouble{};  ///< why nothing can be published at present
};

struct ReadRequest {
  const Route& route;
  const Target& target;
  std::string_view method;
  std::string_view range;          ///< header Range
  std::string_view if_range;       ///< header If-Range
  std::string_view if_none_match;  ///< header If-None-Match
};

/// Answers every route that changes nothing.
Response answer_read(const ReadRequest& request, const ReadContext& context);

}  // namespace escape::http
