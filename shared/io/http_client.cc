#include "shared/io/http_client.h"

#include <fmt/core.h>

#include "shared/io/curl_transfer.h"
#include "shared/io/files.h"

namespace escape::io {

Result<HttpResponse> http(const HttpRequest& request) {
  if (!request.upload_file.empty()) {
    TRYV(file_size(request.upload_file));
  }
  HttpResponse response;
  const TransferSink sink{[&](const Answer&, std::string_view bytes) -> Result<> {
    if (response.body.size() + bytes.size() > request.max_response) {
      return fail(ErrorKind::bad_data, fmt::format("the answer of '{}' is larger than {} bytes", shown_url(request.url),
                                                   request.max_response));
    }
    response.body += bytes;
    return ok();
  }};
  TRY(Answer answer, transfer(request, sink));
  response.status = answer.status;
  response.headers = std::move(answer.headers);
  return response;
}

std::string_view HttpResponse::header(std::string_view lower_case_name) const {
  return find_header(headers, lower_case_name);
}

}  // namespace escape::io
