// Command lines written as one string.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/strings.h"

namespace agena::stage0::test_cli {

// Words between single spaces; "''" is an empty argument. Keeps the storage that the views point into.
class Argv {
 public:
  explicit Argv(std::string_view line) {
    if (!line.empty()) words_ = split(line, ' ');
    for (std::string& word : words_)
      if (word == "''") word.clear();
    views_.assign(words_.begin(), words_.end());
  }
  const std::vector<std::string_view>& views() const { return views_; }

 private:
  std::vector<std::string> words_;
  std::vector<std::string_view> views_;
};

// The views between single spaces again, empty ones as "''".
inline std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words)
    text += (text.empty() ? "" : " ") + (word.empty() ? "''" : std::string(word));
  return text;
}

}  // namespace agena::stage0::test_cli
