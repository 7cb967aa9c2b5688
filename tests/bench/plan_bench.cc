// What compiling a plan costs, beside yaml-cpp reading the same text; and a plan that includes 2,000 files, beside
// md5sum, sha256sum and tar of the same files.

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "shared/plan/fake_files_for_tests.h"
#include "shared/plan/plan.h"
#include "tests/bench/figures.h"
#include "tests/support/process.h"

namespace escape::testing {
namespace {

constexpr int file_count = 2000;
constexpr std::size_t file_bytes = 4096;

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

/// Everything a plan of some size has, and nothing that other releases would have to be found for.
std::string large_plan() {
  std::string text = "name: prj/app\nversion: 1.0\ndescription: Of some size\nmetadata:\n";
  for (int i = 0; i < 20; ++i) text += "  key" + std::to_string(i) + ": $__concat(\"a\", $this.name, \"b\")\n";
  text += "inputs:\n";
  for (int i = 0; i < 50; ++i) {
    text += "- {id: input" + std::to_string(i) +
            ", type: integer, items: [1, 2, 3], default: 2, description: One of many}\n";
  }
  text += "templates:\n";
  for (int i = 0; i < 10; ++i) text += "- {file: t" + std::to_string(i) + ".tpl, mapping: {x: $this.inputs.input1}}\n";
  text += "errands:\n";
  for (int i = 0; i < 10; ++i) text += "  errand" + std::to_string(i) + ": {run: /bin/true, inputs: [one, two]}\n";
  for (const std::string& stage : plan::stage_names()) text += stage + ": {inline: \"echo " + stage + "\\n\"}\n";
  return text;
}

void compile(const std::string& text) {
  plan::FakeFiles files;
  const Result<plan::Plan> plan = plan::parse_plan(text, "escape.yml");
  if (!plan) give_up(describe(plan.error()));
  const Result<release::Metadata> metadata = plan::compile(plan.value(), files, {});
  if (!metadata) give_up(describe(metadata.error()));
}

/// Takes every event and does nothing.
class Deaf : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

void read_yaml(const std::string& text) {
  std::istringstream in(text);
  YAML::Parser parser(in);
  Deaf deaf;
  while (parser.HandleNextDocument(deaf)) {
  }
}

/// Microseconds of one run: the best of many, as the machine has other things to do.
double microseconds(int times, const std::function<void()>& run) {
  double best = 1e12;
  for (int i = 0; i < times; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - begin;
    best = std::min(best, taken.count());
  }
  return best;
}

void measure_compile(const char* what, const std::string& text, int times) {
  std::printf("%-40s %6zu bytes: compiled in %8.1f us, read by yaml-cpp in %8.1f us\n", what, text.size(),
              microseconds(times, [&] { compile(text); }), microseconds(times, [&] { read_yaml(text); }));
}

/// Forty folders of fifty files, none like another.
void write_files(const std::string& folder) {
  for (int i = 0; i < file_count; ++i) {
    const std::string inside = folder + "/data/" + std::to_string(i % 40);
    std::filesystem::create_directories(inside);
    std::string content;
    for (unsigned word = static_cast<unsigned>(i) + 1; content.size() < file_bytes;) {
      word = word * 1664525 + 1013904223;
      content += std::to_string(word) + "\n";
    }
    write_text(inside + "/" + std::to_string(i) + ".txt", content);
  }
}

void measure_files(int times) {
  const std::string folder = make_folder();
  write_files(folder);
  write_text(folder + "/escape.yml", "name: bench/files\nversion: 1.0\nincludes: [data]\n");
  const auto command = [&](const std::vector<std::string>& words) {
    return measure(times, [&] {
      Process process(words, {.folder = folder,
                              .environment = {{"XDG_CONFIG_HOME", folder + "/config"}, {"CI", "true"}},
                              .output_file = folder + "/out",
                              .error_file = folder + "/err"});
      if (process.wait_blocking() != 0) give_up("'" + words[0] + "' failed:\n" + read_text(folder + "/err"));
    });
  };
  const std::string escape = std::string(ESCAPE_BUILD_DIR) + "/bin/escape";
  std::printf("\na plan that includes %d files of %zu bytes, %d runs each%8s%11s\n", file_count, file_bytes, times,
              "median", "p99");
  print("escape plan preview: compiled, their MD5 in release.json", command({escape, "plan", "preview"}));
  print("  md5sum", command({"sh", "-c", "md5sum data/*/*"}));
  print("  sha256sum", command({"sh", "-c", "sha256sum data/*/*"}));
  print("escape run package: compiled, packed, synced", command({escape, "run", "package", "-f"}));
  print("  tar -cz, synced", command({"sh", "-c", "tar -czf all.tgz data && sync all.tgz"}));
  print("  md5sum, and tar -cz, synced",
        command({"sh", "-c", "md5sum data/*/* && tar -czf all.tgz data && sync all.tgz"}));
  print("escape version", command({escape, "version"}));
  std::filesystem::remove_all(folder);
}

int run(int times) {
  measure_compile("a plan of two lines", "name: app\nversion: 1.0\n", times * 100);
  measure_compile("a plan of some size", large_plan(), times * 20);
  measure_files(times);
  return 0;
}

}  // namespace
}  // namespace escape::testing

int main(int argc, char** argv) { return escape::testing::run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 20); }
