#pragma once

#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/time.h"

/// A controller's data folder, kept somewhere else and brought back: the programs `escape-controller backup` and
/// `restore`. The folder of a backup:
///
///     db/            the database of one moment, while the controller runs or not
///     packages/      every release's package
///     controller.key
///                    (not the key to the secrets in the database: sealed values and their key belong apart)
///     manifest.json  what it is of, and size and SHA-256 of each file
///     complete       SHA-256 of manifest.json; written last: without it the backup is half made
namespace escape::controller {

/// What a backup holds, as its manifest says.
struct BackupSummary {
  Timestamp made_at{};
  std::uint64_t epoch = 0;
  std::uint64_t last_job = 0;
  std::uint64_t last_event = 0;
  std::uint64_t releases = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> secrets_keys{};  ///< ids (hex) of the keys that its secrets are sealed with
};

/// Asks the controller that works on `data_folder` for a moment of its database, or takes it itself when none runs.
/// `folder` must be missing or empty; everything in it is on the disk, and was read and found whole, when this returns.
/// Files are hard links where the file system allows it. `key_file` is read, not copied. Errors: conflict (folder not
/// empty), not_found (no data), storage, bad_configuration (the wrong key file).
Result<BackupSummary> make_backup(const std::string& data_folder, const std::string& key_file,
                                  const std::string& folder);

/// What a restored controller gives to what was lost with the life after the backup.
struct RestoreSummary {
  BackupSummary backup;
  std::uint64_t epoch = 0;      ///< above every one that an agent can have seen
  std::uint64_t job_floor = 0;  ///< the next job is above every one that can have been given
};

/// Checks every file first, and that `key_file` holds the keys to the backup's secrets; then fills `data_folder`, which
/// must be missing or empty but for that file. Agents take the restored
/// controller for a later life of the one they know, which a plain copy of its folder is not; numbers of jobs and
/// events that the lost life may have given are passed over. Errors: conflict (folder not empty, or in use), bad_data
/// (not a whole backup), bad_configuration (the key is missing), storage.
Result<RestoreSummary> restore_backup(const std::string& folder, const std::string& data_folder,
                                      const std::string& key_file, Timestamp now);

/// Refused: a restore into the folder began and did not end.
Result<> check_not_half_restored(const std::string& data_folder);

}  // namespace escape::controller
