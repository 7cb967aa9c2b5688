#include "controller/http/upload.h"

#include <microhttpd.h>

#include "shared/base/text.h"

namespace escape::http {
namespace {

/// What is handed to the disk at once.
constexpr std::size_t part_buffer = 64 << 10;
constexpr std::string_view part_name = "file";

std::string header(MHD_Connection* connection, const char* name) {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value ? value : "";
}

Result<> check_content_type(std::string_view type) {
  if (!type.starts_with("multipart/form-data")) {
    return fail(ErrorKind::bad_data, "request Content-Type isn't multipart/form-data");
  }
  if (type.find("boundary=") == std::string_view::npos) {
    return fail(ErrorKind::bad_data, "no multipart boundary param in Content-Type");
  }
  return ok();
}

}  // namespace

struct PackageUpload::PartReader {
  static MHD_Result on_data(void* upload, MHD_ValueKind, const char* key, const char*, const char*, const char*,
                            const char* data, uint64_t offset, size_t size) {
    const bool goes_on = static_cast<PackageUpload*>(upload)->take(key ? key : "", {data, size}, offset);
    return goes_on ? MHD_YES : MHD_NO;
  }
};

Result<std::unique_ptr<PackageUpload>> PackageUpload::begin(MHD_Connection* connection, release::ReleaseId id,
                                                            inventory::PackageFolder packages,
                                                            std::uint64_t max_bytes) {
  TRYV(check_content_type(header(connection, "Content-Type")));
  std::unique_ptr<PackageUpload> upload(new PackageUpload(std::move(id), max_bytes));
  TRY(upload->file_, packages.begin());
  upload->parts_ = MHD_create_post_processor(connection, part_buffer, &PartReader::on_data, upload.get());
  if (!upload->parts_) return fail(ErrorKind::bad_data, "no multipart boundary param in Content-Type");
  return upload;
}

PackageUpload::~PackageUpload() {
  if (parts_) MHD_destroy_post_processor(parts_);
}

void PackageUpload::refuse(Error error) {
  error_ = std::move(error);
  file_.reset();  // what is on the disk goes before the answer does
}

bool PackageUpload::take(std::string_view part, std::string_view bytes, std::uint64_t offset) {
  if (part != part_name) return true;
  if (has_file_ && offset == 0 && received_ != 0) {
    refuse({ErrorKind::bad_data, "The upload has more than one part named 'file'"});
    return false;
  }
  has_file_ = true;
  received_ += bytes.size();
  if (received_ > max_bytes_) {
    refuse({ErrorKind::refused,
            "The package is larger than the " + std::to_string(max_bytes_) + " bytes that this inventory takes"});
    return false;
  }
  if (Result<> done = file_->append(bytes); !done) {
    refuse(std::move(done).error());
    return false;
  }
  return true;
}

void PackageUpload::receive(std::string_view bytes) {
  if (error_) return;
  if (MHD_post_process(parts_, bytes.data(), bytes.size()) == MHD_YES || error_) return;
  refuse({ErrorKind::bad_data, "The upload is not a multipart form that can be read"});
}

Result<> PackageUpload::end_of_body() {
  const bool is_whole = MHD_destroy_post_processor(parts_) == MHD_YES;
  parts_ = nullptr;
  if (!error_ && !has_file_) refuse({ErrorKind::bad_data, "http: no such file"});
  if (!error_ && !is_whole) refuse({ErrorKind::bad_data, "The upload ends in the middle of the package"});
  if (error_) return fail(*error_);
  return ok();
}

Result<PackageUpload::Stored> PackageUpload::store(const store::Reader& reader) {
  Result<Stored> stored = check_and_store(reader);
  file_.reset();
  return stored;
}

Result<PackageUpload::Stored> PackageUpload::check_and_store(const store::Reader& reader) {
  TRY(auto entry, inventory::Index(reader).find(id_));
  if (!entry) return fail(ErrorKind::not_found, "Nothing is registered as " + to_string(id_));
  if (entry->is_visible() && entry->sha256 != file_->sha256()) {
    return fail(ErrorKind::conflict, "The package of " + to_string(id_) + " is there already, with other bytes");
  }
  TRYV(inventory::check_package(file_->path(), id_));
  TRY(auto package, file_->finish());
  return Stored{std::move(*entry), std::move(package)};
}

}  // namespace escape::http
