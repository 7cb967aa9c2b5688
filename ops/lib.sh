# Shared by the scripts of this folder: say what is done, install what is missing, build. Sourced, not run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Bold on a terminal, plain everywhere else.
bold='' plain=''
if [ -t 1 ] && [ -t 2 ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '%s==> %s%s\n' "$bold" "$*" "$plain" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "'$*' needs root, and there is no sudo here. Run this script as root once."
  fi
}

# What the build needs, and what the tests need beside it (root's tools for network namespaces, a terminal to type into).
build_packages=(
  g++ cmake ninja-build pkg-config mold ccache ca-certificates
  libzmq3-dev cppzmq-dev libmsgpack-cxx-dev librocksdb-dev libboost-dev libboost-system-dev libboost-filesystem-dev
  libyaml-cpp-dev nlohmann-json3-dev libspdlog-dev libfmt-dev libmicrohttpd-dev libcurl4-openssl-dev libarchive-dev
  libkainjow-mustache-dev libsodium-dev libssl-dev libcli11-dev libgtest-dev libgmock-dev iproute2 procps
)
test_packages=(curl git libbenchmark-dev faketime zsh fish)
check_packages=(clang-19 clang-tidy-19 clang-format-19)
fuzz_packages=(clang-19 libclang-rt-19-dev)

install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  command -v apt-get >/dev/null || die "this needs Debian 12 (apt-get); missing here: ${missing[*]}"
  say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  as_root apt-get update -qq || die "apt-get update failed: is there a network and a Debian mirror?"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install ${missing[*]}"
}

# build PRESET [TARGET…]
build() {
  local preset=$1
  shift
  (cd "$root" && cmake --preset "$preset" >/dev/null && cmake --build --preset "$preset" ${1:+--target "$@"} -- -k 1) >&2 ||
    die "the build failed (see above)"
}
