#include "agent/packages/rendering.h"

#include <fmt/core.h>

#include <optional>
#include <utility>

#include "agent/packages/packages.h"
#include "shared/io/beneath.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"
#include "shared/plan/templates.h"

namespace escape::packages {
namespace {

/// Disk constants: below the working folder.
constexpr const char* sources_folder = ".escape/templates";
constexpr std::size_t digest_length = 64;
constexpr unsigned output_mode = 0644;
constexpr unsigned private_file = 0600;

Result<> cannot_write(const protocol::TemplateToRender& wish, const Error& error) {
  // As the original said it, for a folder is what is usually missing.
  const std::string why =
      error.kind == ErrorKind::not_found ? "open " + wish.target + ": no such file or directory" : describe(error);
  return fail(error.kind, fmt::format("Couldn't write output of template {} to {}: {}", wish.file, wish.target, why),
              error.hint);
}

Result<std::string> read_template(const std::string& folder, const std::string& file) {
  Result<std::optional<std::string>> text = io::find_file_beneath(folder, file);
  const auto cannot_read = [&](ErrorKind kind, const std::string& why) {
    return fail(kind, fmt::format("Failed to compile template {}: {}", file, why));
  };
  if (!text) return cannot_read(text.error().kind, describe(text.error()));
  if (!text.value()) return cannot_read(ErrorKind::not_found, "open " + file + ": no such file or directory");
  return std::move(*text.value());
}

/// What a template that is its own target was before: its digest as an output, a line end, its text as a template.
class KeptSource {
 public:
  KeptSource(const std::string& folder, const std::string& file)
      : folder_(folder), path_(io::join_path(sources_folder, path_component(file))) {}

  /// `text` itself, unless it is what was made of a template.
  Result<std::string> source_of(std::string text) const {
    TRY(const std::optional<std::string> kept, io::find_file_beneath(folder_, path_));
    const bool is_ours =
        kept && kept->size() > digest_length && kept->compare(0, digest_length, io::sha256_of(text)) == 0;
    return is_ours ? kept->substr(digest_length + 1) : std::move(text);
  }
  /// Before the output is written: else a crash would lose the template.
  Result<> keep(const std::string& source, const std::string& output) const {
    TRY(const io::Place place, io::Place::make(folder_, path_));
    return io::write_file(place.path(), io::sha256_of(output) + "\n" + source, private_file);
  }

 private:
  const std::string& folder_;
  std::string path_;
};

Result<> write_output(const std::string& folder, const protocol::TemplateToRender& wish, const std::string& text) {
  Result<io::Place> place = io::Place::find(folder, wish.target);
  if (!place) return cannot_write(wish, place.error());
  Result<> written = io::write_file(place.value().path(), text, output_mode);
  if (!written) return cannot_write(wish, place.value().in_words(std::move(written).error()));
  return ok();
}

}  // namespace

Result<> render(const std::string& folder, const protocol::TemplateToRender& wish) {
  if (wish.target.empty()) {
    return fail(ErrorKind::bad_data,
                "Can't run template. Template target has not been defined (empty 'target' key in Escape plan?)");
  }
  TRY(std::string text, read_template(folder, wish.file));
  const Result<std::string> file = io::plain_path_beneath(wish.file);
  const Result<std::string> target = io::plain_path_beneath(wish.target);
  if (!target) return cannot_write(wish, target.error());
  const bool is_its_own_target = file && file.value() == target.value();
  const KeptSource kept(folder, wish.file);
  if (is_its_own_target) {
    TRY(text, kept.source_of(std::move(text)));
  }
  const std::string beside = io::parent_path(wish.file);
  const auto load_partial = [&](const std::string& name) {
    return io::find_file_beneath(folder, io::join_path(beside, name));
  };
  TRY(const std::string output, plan::render_template(wish.file, text, wish.values, wish.escape_html, load_partial));
  if (is_its_own_target) {
    const Result<> is_kept = kept.keep(text, output);
    if (!is_kept) return cannot_write(wish, is_kept.error());
  }
  return write_output(folder, wish, output);
}

}  // namespace escape::packages
