#include "agent/packages/preparation.h"

#include <algorithm>

#include "agent/packages/downloads.h"
#include "agent/packages/rendering.h"
#include "shared/io/beneath.h"
#include "shared/io/files.h"

namespace escape::packages {
namespace {

/// Values of variables may be in it.
constexpr unsigned private_file = 0600;

Result<> write_file(const std::string& folder, const protocol::FileToWrite& file) {
  Result<io::Place> place = io::Place::make(folder, file.path);
  if (!place) return fail(std::move(place).error().in("making the file '" + file.path + "'"));
  Result<> written = io::write_file(place.value().path(), file.text, private_file);
  if (!written) return fail(place.value().in_words(std::move(written).error()));
  return ok();
}

/// A folder before those in it: a part that is replaced takes along what lies in it.
std::vector<protocol::PackagePart> outermost_first(std::vector<protocol::PackagePart> parts) {
  std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.folder < b.folder; });
  return parts;
}

void begin(const Preparation& wanted, const std::string& what) {
  if (wanted.begin) wanted.begin(what);
}

Result<> fill(Packages& packages, const Preparation& wanted, const std::string& folder) {
  const auto go_on = [&]() -> Result<> {
    if (!wanted.package.is_cancelled || !wanted.package.is_cancelled()) return ok();
    return fail(ErrorKind::cancelled, "The task was cancelled.");
  };
  for (const protocol::PackagePart& part : outermost_first(wanted.parts)) {
    begin(wanted, "getting the package of '" + part.package.release + "' for '" + part.folder + "'");
    TRYV(packages.add_part(wanted.package, folder, part));
    TRYV(go_on());
  }
  for (const protocol::FileToWrite& file : wanted.files) {
    TRYV(write_file(folder, file));
  }
  for (const release::Download& wish : wanted.downloads) {
    begin(wanted, "downloading '" + io::shown_url(wish.url) + "' to '" + wish.dest + "'");
    TRYV(download(folder, wish, wanted));
    TRYV(go_on());
  }
  for (const protocol::TemplateToRender& wish : wanted.templates) {
    begin(wanted, "rendering the template '" + wish.file + "'");
    TRYV(render(folder, wish));
    TRYV(go_on());
  }
  return ok();
}

}  // namespace

Result<std::string> prepare(Packages& packages, const Preparation& wanted) {
  // Another step may be preparing the same folder: that is waited for here, too.
  begin(wanted, wanted.package.source.workspace.empty()
                    ? "getting the package of '" + wanted.package.source.release + "'"
                    : "waiting for its turn in '" + wanted.package.source.workspace + "'");
  return packages.prepare(wanted.package, [&](const std::string& folder) { return fill(packages, wanted, folder); });
}

}  // namespace escape::packages
