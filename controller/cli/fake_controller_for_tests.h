#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controller/cli/fake_console_for_tests.h"
#include "controller/cli/program.h"
#include "controller/cli/wiring.h"
#include "shared/io/digest.h"
#include "shared/io/files.h"

namespace escape::cli {

/// Remembers what was asked; answers with what the test has set up.
struct FakeController {
  std::vector<protocol::Request> asked;
  std::function<Result<protocol::Reply>(const protocol::Request&)> answer =
      [](const protocol::Request&) -> Result<protocol::Reply> { return protocol::Reply(protocol::reply::JobMade{12}); };
  std::vector<protocol::LogEntry> log;
  protocol::JobView end;
  Worker worker = Worker::others;

  template <class Wanted>
  const Wanted* last() const {
    for (auto it = asked.rbegin(); it != asked.rend(); ++it) {
      if (const auto* found = std::get_if<Wanted>(&*it)) return found;
    }
    return nullptr;
  }
};

class FakeLink : public Link {
 public:
  explicit FakeLink(FakeController& controller) : controller_(controller) {}
  Result<protocol::Reply> call(protocol::Request request) override {
    controller_.asked.push_back(std::move(request));
    return controller_.answer(controller_.asked.back());
  }
  Result<protocol::JobView> follow(JobId job, std::uint64_t,
                                   const std::function<void(const protocol::LogEntry&)>& on_entry,
                                   const std::function<bool()>&) override {
    for (const protocol::LogEntry& entry : controller_.log) on_entry(entry);
    protocol::JobView view = controller_.end;
    view.number = job;
    return view;
  }
  Result<> follow_events(EventSequence, const std::function<bool(const protocol::EventView&)>&,
                         const std::function<bool()>&) override {
    return ok();
  }
  Worker worker() const override { return controller_.worker; }

 private:
  FakeController& controller_;
};

/// Knows the releases it was given; remembers what was published.
class FakeInventory : public InventoryAccess {
 public:
  Result<std::vector<std::string>> projects() override { return std::vector<std::string>{"quickstart", "_"}; }
  Result<std::vector<std::string>> applications(std::string_view) override {
    return std::vector<std::string>{"b", "a"};
  }
  Result<std::vector<release::Version>> versions(const release::ApplicationId&) override {
    return std::vector<release::Version>{release::Version::parse("0.10").value(),
                                         release::Version::parse("0.9").value()};
  }
  Result<release::ReleaseRecord> resolve(const release::ReleaseQuery& query) override {
    if (auto found = published.find(to_string(query)); found != published.end()) {
      auto digest = digests.find(found->first);
      return release::ReleaseRecord{release::release_id_of(found->second).value(),
                                    digest == digests.end() ? "digest" : digest->second, 1, found->second};
    }
    return fail(ErrorKind::not_found, to_string(query) + " is not there");
  }
  Result<std::string> next_version(const release::ApplicationId&, std::string_view prefix) override {
    return std::string(prefix) + "7";
  }
  Result<std::string> reserve(const release::ApplicationId&, std::string_view prefix,
                              std::string_view holder) override {
    ++reservations;
    holders.insert(std::string(holder));
    return std::string(prefix) + "8";
  }
  Result<> publish(const release::Metadata& metadata, const std::string& file) override {
    const auto lost = fail(ErrorKind::unreachable, "the inventory does not answer");
    if (trouble == Trouble::before) return lost;
    const std::string release = to_string(release::release_id_of(metadata).value());
    published[release] = metadata;
    if (Result<std::string> digest = io::sha256_of_file(file); digest) digests[release] = digest.value();
    if (trouble == Trouble::after) return lost;
    return ok();
  }
  Result<inventory::TagMove> tag(const release::ReleaseQuery& target, std::string_view tag) override {
    std::string& version = tagged[std::string(tag)];
    inventory::TagMove move{version, to_string(target.version).substr(1)};
    version = move.to;
    return move;
  }
  Result<std::vector<inventory::TaggedVersion>> tags(const release::ApplicationId&) override {
    std::vector<inventory::TaggedVersion> tags;
    for (const auto& [tag, version] : tagged) tags.push_back({tag, version});
    return tags;
  }
  Result<> remove_tag(const release::ApplicationId&, std::string_view tag) override {
    if (tagged.erase(std::string(tag)) == 0) return fail(ErrorKind::not_found, "there is no such tag");
    return ok();
  }
  std::string package_path(const release::ReleaseRecord&) override { return {}; }
  Result<std::string> package_file(const release::ReleaseRecord& record, const std::string&) override {
    const auto found = packages.find(to_string(record.id));
    if (found == packages.end()) return fail(ErrorKind::not_found, to_string(record.id) + " has no package");
    return found->second;
  }
  std::string base_url() override { return {}; }

  std::map<std::string, release::Metadata> published;
  std::map<std::string, std::string> tagged;
  std::map<std::string, std::string> packages;  ///< files, for those that have one
  int reservations = 0;
  std::set<std::string> holders;               ///< who has reserved
  std::map<std::string, std::string> digests;  ///< of what was published
  enum class Trouble { none, before, after };
  Trouble trouble = Trouble::none;  ///< the connection breaks while it publishes: nothing came, or the answer is lost
};

/// Hands every call on, since a command owns its inventory and the test keeps the fake.
class BorrowedInventory : public InventoryAccess {
 public:
  explicit BorrowedInventory(FakeInventory& inner) : inner_(inner) {}
  Result<std::vector<std::string>> projects() override { return inner_.projects(); }
  Result<std::vector<std::string>> applications(std::string_view project) override {
    return inner_.applications(project);
  }
  Result<std::vector<release::Version>> versions(const release::ApplicationId& id) override {
    return inner_.versions(id);
  }
  Result<release::ReleaseRecord> resolve(const release::ReleaseQuery& query) override { return inner_.resolve(query); }
  Result<std::string> next_version(const release::ApplicationId& id, std::string_view prefix) override {
    return inner_.next_version(id, prefix);
  }
  Result<std::string> reserve(const release::ApplicationId& id, std::string_view prefix,
                              std::string_view holder) override {
    return inner_.reserve(id, prefix, holder);
  }
  Result<> publish(const release::Metadata& metadata, const std::string& file) override {
    return inner_.publish(metadata, file);
  }
  Result<inventory::TagMove> tag(const release::ReleaseQuery& target, std::string_view name) override {
    return inner_.tag(target, name);
  }
  Result<std::vector<inventory::TaggedVersion>> tags(const release::ApplicationId& id) override {
    return inner_.tags(id);
  }
  Result<> remove_tag(const release::ApplicationId& id, std::string_view name) override {
    return inner_.remove_tag(id, name);
  }
  std::string package_path(const release::ReleaseRecord& record) override { return inner_.package_path(record); }
  Result<std::string> package_file(const release::ReleaseRecord& record, const std::string& cache) override {
    return inner_.package_file(record, cache);
  }
  std::string base_url() override { return inner_.base_url(); }

 private:
  FakeInventory& inner_;
};

/// The program with everything around it faked.
struct Cli {
  FakeInventory inventory;
  std::vector<PackFile> packed;
  FakeController controller;
  FakeConsole console;
  Web web{.send = [](const io::HttpRequest& request) -> Result<io::HttpResponse> {
            return fail(ErrorKind::unreachable, "there is no '" + request.url + "' in this test");
          },
          .open_browser = [](const std::string&) -> Result<> { return ok(); },
          .pause = [](Millis) {}};
  std::string home = io::make_temporary_folder("escape-cli-test").value();
  Cli() {
    (void)io::write_file(home + "/config.yml", "");
    controller.end.phase = protocol::JobPhase::settled;
    controller.end.outcome = protocol::JobOutcome::ok;
  }
  ~Cli() { (void)io::remove_all(home); }
  Cli(const Cli&) = delete;
  Cli& operator=(const Cli&) = delete;
  int run(std::vector<std::string> arguments) {
    console.printed.clear();
    console.told.clear();
    Wiring wiring;
    wiring.open_embedded = [this](const Profile&, Access, std::optional<Millis>) -> Result<std::unique_ptr<Link>> {
      return std::unique_ptr<Link>(new FakeLink(controller));
    };
    wiring.join_workspace = [](Link&, const Profile&, const std::string&,
                               std::optional<Millis>) -> Result<std::unique_ptr<WorkspaceAgent>> {
      return std::make_unique<WorkspaceAgent>();
    };
    wiring.open_inventory = [this](const Profile&, Link*) -> Result<std::unique_ptr<InventoryAccess>> {
      return std::unique_ptr<InventoryAccess>(new BorrowedInventory(inventory));
    };
    wiring.pack = [this](const std::string& target, const std::string&, std::vector<PackFile> files) -> Result<> {
      packed = std::move(files);
      return io::write_file(target, "a package of " + std::to_string(packed.size()) + " files");
    };
    wiring.unpack = [](const std::string& archive, const std::string& top, const std::string& folder) -> Result<> {
      return io::unpack_archive(archive, top, folder);
    };
    wiring.web = web;
    arguments.insert(arguments.begin(), {"-c", home + "/config.yml"});
    return run_command(arguments, wiring, console, nullptr);
  }
};

}  // namespace escape::cli
