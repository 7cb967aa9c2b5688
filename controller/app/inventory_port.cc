#include "controller/app/inventory_port.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>

#include "controller/app/mailbox.h"
#include "controller/app/seen_files.h"
#include "controller/app/server.h"
#include "controller/http/server.h"
#include "controller/inventory/overlay.h"
#include "shared/base/crypto.h"
#include "shared/base/log.h"
#include "shared/io/files.h"

namespace escape::controller {
namespace {

// Long enough for any upload, short enough that a leaked one is soon worth nothing.
constexpr Micros token_life{std::chrono::hours(1)};
// A command that asks again gets the token that it has, so that there is about one for each principal.
constexpr Micros token_is_fresh = token_life / 2;

/// Tokens for publishing over HTTP, each bound to the principal who asked for it over CURVE. Kept in memory: after a
/// restart people's commands ask for another. Thread: any.
class Tokens {
 public:
  std::pair<std::string, Timestamp> issue(const std::string& principal, Timestamp now) {
    std::lock_guard hold(mutex_);
    std::erase_if(tokens_, [&](const auto& each) { return each.second.valid_until < now; });
    for (const auto& [token, known] : tokens_) {
      if (known.principal == principal && known.valid_until - now > token_is_fresh) return {token, known.valid_until};
    }
    std::string token = random_hex(32);
    const Timestamp until = now + token_life;
    tokens_[token] = {principal, until};
    return {std::move(token), until};
  }
  void revoke(const std::string& principal) {
    std::lock_guard hold(mutex_);
    std::erase_if(tokens_, [&](const auto& each) { return each.second.principal == principal; });
  }
  Result<std::string> principal_of(std::string_view token, Timestamp now) const {
    std::lock_guard hold(mutex_);
    auto found = tokens_.find(std::string(token));
    if (found == tokens_.end() || found->second.valid_until < now) {
      return fail(ErrorKind::no_permission, "Publishing needs a token of this controller.",
                  "Log in with `escape login --controller …`; the command asks for tokens by itself.");
    }
    return found->second.principal;
  }

 private:
  struct Token {
    std::string principal;
    Timestamp valid_until;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Token> tokens_;
};

/// Why nothing can be committed at present. Thread: any.
class SharedTrouble {
 public:
  void set(const std::optional<Error>& why) {
    std::lock_guard hold(mutex_);
    why_ = why;
  }
  std::optional<Error> get() const {
    std::lock_guard hold(mutex_);
    return why_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<Error> why_;
};

/// The controller's own inventory: rows beside its other rows, packages beside the database.
class OwnInventory : public InventoryPort {
 public:
  OwnInventory(store::Database& database, const std::string& folder)
      : database_(database), packages_(io::join_path(folder, "packages")) {}

  Result<> serve(const ServerOptions::Http& http) {
    TRYV(packages_.remove_leftovers());
    http::ServerOptions options{
        .listen = http.address,
        .port = http.port,
        .snapshot = [this] { return database_.snapshot(); },
        .packages = packages_,
        .trouble = [this] { return trouble_.get(); },
        .commit = [this](http::WriteJob job,
                         http::WriteDone done) { mailbox_.post({std::move(job), std::move(done)}); }};
    if (!http.open_writes) {
      options.authorize = [this](std::string_view token, std::string_view, std::string_view) {
        return tokens_.principal_of(token, read_clocks().wall);
      };
    }
    TRY(http_, http::HttpServer::start(std::move(options)));
    return ok();
  }

  Result<release::ReleaseRecord> resolve(const release::ReleaseQuery& query) override {
    TRY(release::ReleaseRecord record, inventory::Index(database_).resolve(query));
    record.seen = seen_.see(record, [&]() -> Result<std::string> { return packages_.path_of(record.sha256); });
    return record;
  }
  std::string package_path(const protocol::PackageSource& package) override { return package.path; }
  int descriptor() const override { return mailbox_.descriptor(); }

  InventoryWrites decide_writes() override {
    InventoryWrites decided;
    inventory::Overlay so_far(database_);
    for (Write& write : mailbox_.take_all()) {
      Result<std::vector<store::Write>> rows = write.job.decide(so_far);
      if (!rows) {
        write.done(fail(std::move(rows).error()));
        continue;
      }
      so_far.apply(rows.value());
      if (!rows.value().empty() && write.job.published) {
        decided.published.push_back({write.job.published->record, write.job.published->principal});
      }
      if (const http::TagChange* change = write.job.tagged.get(); change && change->from != change->to) {
        decided.tagged.push_back({change->application, change->tag, change->from, change->to, change->principal});
      }
      std::ranges::move(rows.value(), std::back_inserter(decided.rows));
      decided.waiting.push_back(std::move(write.done));
    }
    return decided;
  }

  void set_trouble(const std::optional<Error>& why) override { trouble_.set(why); }
  void refuse_writes(const Error& why) override {
    for (Write& write : mailbox_.take_all()) write.done(fail(why));
  }
  int http_port() const override { return http_ ? http_->port() : 0; }
  std::string base_url() const override { return {}; }
  protocol::Reply issue_token(const std::string& principal, Timestamp now) override {
    auto [token, until] = tokens_.issue(principal, now);
    return protocol::reply::Token{std::move(token), until};
  }
  void revoke_tokens(const std::string& principal) override { tokens_.revoke(principal); }

 private:
  struct Write {
    http::WriteJob job;
    http::WriteDone done;
  };
  store::Database& database_;
  inventory::PackageFolder packages_;
  SeenPackages seen_;
  Tokens tokens_;
  SharedTrouble trouble_;
  Mailbox<Write> mailbox_;
  std::unique_ptr<http::HttpServer> http_;  // last: its threads use all above
};

/// Somebody else's: the user's own folder, or a server that the profile names. Publishing does not pass through here.
class OtherInventory : public InventoryPort {
 public:
  OtherInventory(inventory::Client& client, const std::string& folder)
      : client_(client), seeing_(client, io::join_path(folder, "seen-packages")) {}

  Result<release::ReleaseRecord> resolve(const release::ReleaseQuery& query) override { return seeing_.resolve(query); }
  std::string package_path(const protocol::PackageSource& package) override {
    Result<release::ReleaseId> id = release::parse_release_id(package.release);
    if (!id) return package.path;
    return client_.package_path({.id = id.value(), .sha256 = package.sha256, .size = package.size, .metadata = {}});
  }
  int descriptor() const override { return -1; }
  InventoryWrites decide_writes() override { return {}; }
  void set_trouble(const std::optional<Error>&) override {}
  void refuse_writes(const Error&) override {}
  int http_port() const override { return 0; }
  std::string base_url() const override { return client_.base_url(); }
  protocol::Reply issue_token(const std::string&, Timestamp) override {
    return protocol::reply::Failed{"refused", "This controller serves no inventory.", ""};
  }
  void revoke_tokens(const std::string&) override {}

 private:
  inventory::Client& client_;
  SeeingClient seeing_;
};

}  // namespace

Result<std::unique_ptr<InventoryPort>> InventoryPort::make(const ServerOptions& options, store::Database& database) {
  if (options.inventory)
    return std::unique_ptr<InventoryPort>(new OtherInventory(*options.inventory, options.data_folder));
  auto own = std::make_unique<OwnInventory>(database, options.data_folder);
  if (options.http) {
    TRYV(own->serve(*options.http));
  }
  return std::unique_ptr<InventoryPort>(std::move(own));
}

}  // namespace escape::controller
