#pragma once

#include <string>
#include <string_view>

namespace escape::events {

/// What an event is about: decides its subject and content.
enum class About { environment, artifact, job, task, service, agent, principal, invitation, controller };

/// How one of our short kinds is called outside.
struct Kind {
  std::string type{};  ///< "service.upgraded", or "escape-agent.lost" where CDEvents has no word
  About about = About::controller;
  bool is_ours() const { return type.starts_with("escape-"); }
  /// "dev.cdevents.service.upgraded.0.3.0", "dev.cdeventsx.escape-agent.lost.0.1.0".
  std::string full_type() const;
};

/// A kind that is in no table becomes `escape-<subject>.<predicate>`, so that an older reader's subscription by topic
/// never loses what a newer core tells.
Kind kind_of(std::string_view our_kind);

}  // namespace escape::events
