// What standard output is: whether a person reads it, how wide the window is, and whether colours are wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agena::stage0 {

// How text for people is written.
struct Screen {
  bool is_terminal = false;  // otherwise programs read it: the form never changes
  std::size_t columns = 80;  // of the window; of terminals that do not say, 80
  bool has_colour = false;   // a terminal, NO_COLOR is not set, TERM is set and not "dumb"
};

// Standard output, asked anew at each call.
Screen stdout_screen();

// Width of help texts: that of the window, at most what help has anyway.
std::size_t help_width();

enum class Tone : std::uint8_t { kPlain, kGood, kWarning, kBad, kFaint, kBold };

// The text, between escape sequences where the screen has colours.
std::string toned(std::string_view text, Tone tone, const Screen& screen);

}  // namespace agena::stage0
