#include "stage1/net/resolv_conf.h"

#include <utility>
#include <vector>

#include "common/base/strings.h"

namespace agena::stage1 {
namespace {

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while ((at = line.find_first_not_of(" \t\r", at)) != std::string_view::npos) {
    const std::size_t end = line.find_first_of(" \t\r", at);
    words.emplace_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

}  // namespace

std::string render_resolv_conf(std::string_view network, const CniDns& dns) {
  std::string text = fmt::format("# Generated from network {}\n\n", network);
  if (!dns.search.empty()) text += "search " + join(dns.search, " ") + "\n";
  for (const std::string& server : dns.nameservers) text += "nameserver " + server + "\n";
  if (!dns.options.empty()) text += "options " + join(dns.options, " ") + "\n";
  if (!dns.domain.empty()) text += "domain " + dns.domain + "\n";
  return text;
}

CniDns parse_resolv_conf(std::string_view text) {
  CniDns dns;
  for (const std::string& line : split(text, '\n')) {
    std::vector<std::string> words = words_of(line);
    if (words.size() < 2) continue;
    const std::string key = words.front();
    words.erase(words.begin());
    if (key == "nameserver") dns.nameservers.push_back(words.front());
    if (key == "domain") dns.domain = words.front();
    if (key == "search") dns.search = std::move(words);
    if (key == "options") dns.options.insert(dns.options.end(), words.begin(), words.end());
  }
  return dns;
}

}  // namespace agena::stage1
