#include "stage1/attach/detach_keys.h"

namespace agena::stage1 {
namespace {

constexpr char kCtrlP = 0x10;
constexpr char kCtrlQ = 0x11;
constexpr char kEscape = 0x1D;  // ^]
constexpr int kEscapes = 3;

}  // namespace

bool DetachKeys::feed(std::string_view typed, Nanoseconds monotonic, std::string& out) {
  for (const char c : typed) {
    if (held_ && c == kCtrlQ) return true;
    if (held_) out.push_back(kCtrlP);
    held_ = c == kCtrlP;
    if (!held_) out.push_back(c);
    if (c != kEscape) {
      escapes_ = 0;
      continue;
    }
    if (escapes_ == 0 || monotonic - first_escape_ > kSecond) {
      escapes_ = 0;
      first_escape_ = monotonic;
    }
    if (++escapes_ == kEscapes) return true;
  }
  return false;
}

}  // namespace agena::stage1
