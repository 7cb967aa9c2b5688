#pragma once

namespace escape {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

/// For bugs only: logs and aborts, so that systemd restarts the program and the store recovers. Input is never CHECKed.
#define CHECK(condition) ((condition) ? void(0) : ::escape::check_failed(#condition, __FILE__, __LINE__))
