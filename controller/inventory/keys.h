#pragma once

#include <string>
#include <string_view>

#include "shared/release/release_id.h"
#include "shared/release/version.h"

/// Keys of store::Table::inventory. P is a project, N an application's name, V a version's text; each ends in a NUL
/// byte, which no valid name holds. S is release::sort_key, so the last key of an application is its highest version:
/// `latest` and `0.0.@` are one seek from the end, whatever the number of releases.
///
///     n/P·            Namespace
///     u/P·N·          Unit: what the highest visible version says of the application
///     r/P·N·V         Entry: metadata, and the digest once the package is stored
///     v/P·N·S         the visible versions of that order ("1.0" and "01.0" share S), in the order in which they became
///     visible k/P·N·S         the versions of that order that are taken: visible, waiting for their package, or
///     reserved h/P·N·V         reservation: for whom, for which prefix, until when g/P·N·TAG       the version that a
///     tag points to d/P·N·V         how often the package was downloaded
namespace escape::inventory::keys {

inline constexpr std::string_view all_namespaces = "n/";
inline constexpr std::string_view all_releases = "r/";

std::string of_namespace(std::string_view project);
std::string of_unit(const release::ApplicationId& application);
std::string of_release(const release::ApplicationId& application, std::string_view version);
std::string of_reservation(const release::ApplicationId& application, std::string_view version);
std::string of_tag(const release::ApplicationId& application, std::string_view tag);
std::string of_downloads(const release::ApplicationId& application, std::string_view version);

/// Prefix of an application's tags.
std::string tags_of(const release::ApplicationId& application);
/// Prefix of the units of a project.
std::string units_of(std::string_view project);
/// Prefix of an application's visible or taken versions, and of its reservations.
std::string visible_of(const release::ApplicationId& application);
std::string taken_of(const release::ApplicationId& application);
std::string reservations_of(const release::ApplicationId& application);

/// What follows the last but one separator of a `n/` or `u/` key: the project's or the application's name.
std::string_view name_in(std::string_view key);

}  // namespace escape::inventory::keys
