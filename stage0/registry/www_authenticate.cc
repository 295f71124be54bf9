#include "stage0/registry/www_authenticate.h"

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxChallenges = 32;
constexpr std::size_t kMaxParams = 64;

// RFC 9110 5.6.2.
bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_space(char c) { return c == ' ' || c == '\t'; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool done() const { return at_ == text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  void skip() { ++at_; }
  void skip_spaces() {
    while (!done() && is_space(peek())) ++at_;
  }
  // Commas and spaces between the elements of a list.
  void skip_separators() {
    while (!done() && (is_space(peek()) || peek() == ',')) ++at_;
  }
  std::string_view token() {
    const std::size_t from = at_;
    while (!done() && is_token_char(peek())) ++at_;
    return text_.substr(from, at_ - from);
  }
  // A value behind '='.
  std::string value() {
    if (peek() != '"') {
      const std::size_t from = at_;
      while (!done() && !is_space(peek()) && peek() != ',') ++at_;
      return std::string(text_.substr(from, at_ - from));
    }
    std::string out;
    for (skip(); !done() && peek() != '"'; skip()) {
      if (peek() == '\\') {
        skip();
        if (done()) break;
      }
      out += peek();
    }
    if (!done()) skip();
    return out;
  }
  std::size_t position() const { return at_; }
  void go_to(std::size_t position) { at_ = position; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// "name = value"; false, with nothing read, if something else comes.
bool read_param(Reader& reader, AuthChallenge& challenge) {
  const std::size_t start = reader.position();
  const std::string_view name = reader.token();
  reader.skip_spaces();
  if (name.empty() || reader.peek() != '=') {
    reader.go_to(start);
    return false;
  }
  reader.skip();
  reader.skip_spaces();
  std::string value = reader.value();
  // The first of two of one name counts: what comes later may have been added by others.
  if (challenge.params.size() < kMaxParams) challenge.params.emplace(to_lower(name), std::move(value));
  return true;
}

void read_header(std::string_view text, std::vector<AuthChallenge>& challenges) {
  Reader reader(text);
  while (challenges.size() < kMaxChallenges) {
    reader.skip_separators();
    if (reader.done()) return;
    const std::string_view scheme = reader.token();
    if (scheme.empty()) {
      reader.skip();
      continue;
    }
    AuthChallenge challenge{.scheme = to_lower(scheme), .params = {}};
    reader.skip_separators();
    while (read_param(reader, challenge)) reader.skip_separators();
    challenges.push_back(std::move(challenge));
  }
}

}  // namespace

std::string AuthChallenge::param(const std::string& name) const {
  const auto it = params.find(name);
  return it == params.end() ? "" : it->second;
}

std::vector<AuthChallenge> parse_www_authenticate(std::span<const std::string> headers) {
  std::vector<AuthChallenge> challenges;
  for (const std::string& header : headers) read_header(header, challenges);
  return challenges;
}

}  // namespace agena::stage0
