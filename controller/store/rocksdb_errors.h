#pragma once

#include <rocksdb/status.h>

#include <string>

#include "shared/base/result.h"

namespace escape::store {

/// What a failed call of RocksDB means to people. `action` continues "Cannot …" ("open the database").
Error to_error(const rocksdb::Status& status, const std::string& action, const std::string& folder);

}  // namespace escape::store
