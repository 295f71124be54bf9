#include "stage0/discovery/meta_tags.h"

#include <libxml/HTMLparser.h>
#include <libxml/tree.h>

#include <array>
#include <memory>
#include <optional>

#include "common/base/strings.h"
#include "common/sys/shared_library.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxTags = 100;
constexpr std::array<std::string_view, 2> kNames = {"ac-discovery", "ac-discovery-pubkeys"};

struct XmlFunctions {
  decltype(::xmlInitParser)* init_parser = nullptr;
  decltype(::htmlReadMemory)* html_read_memory = nullptr;
  decltype(::xmlDocGetRootElement)* doc_get_root_element = nullptr;
  decltype(::xmlFreeDoc)* free_doc = nullptr;
  decltype(::xmlGetProp)* get_prop = nullptr;
  xmlFreeFunc* free = nullptr;  // a variable of the library
};

Result<XmlFunctions> find_functions() {
  const auto library = TRY(sys::SharedLibrary::open("libxml2.so.2", "libxml2"));
  XmlFunctions xml;
  TRY(library.load("xmlInitParser", xml.init_parser));
  TRY(library.load("htmlReadMemory", xml.html_read_memory));
  TRY(library.load("xmlDocGetRootElement", xml.doc_get_root_element));
  TRY(library.load("xmlFreeDoc", xml.free_doc));
  TRY(library.load("xmlGetProp", xml.get_prop));
  TRY(library.load("xmlFree", xml.free));
  xml.init_parser();
  return xml;
}

Result<const XmlFunctions*> xml_functions() {
  static const Result<XmlFunctions> functions = find_functions();
  if (!functions) return std::unexpected(functions.error());
  return &*functions;
}

std::string_view text_of(const xmlChar* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

bool is_element(const xmlNode& node, std::string_view name) {
  return node.type == XML_ELEMENT_NODE && to_lower(text_of(node.name)) == name;
}

std::string attribute(const XmlFunctions& xml, const xmlNode& node, const char* name) {
  xmlChar* value = xml.get_prop(&node, reinterpret_cast<const xmlChar*>(name));
  std::string text(text_of(value));
  if (value != nullptr) (*xml.free)(value);
  return text;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && !is_space(text[i])) continue;
    if (i > begin) words.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  return words;
}

}  // namespace

std::optional<MetaTag> make_meta_tag(std::string_view name, std::string_view content) {
  const std::string lower = to_lower(trim(name));
  if (lower != kNames[0] && lower != kNames[1]) return std::nullopt;
  const auto words = words_of(content);
  if (words.size() != 2) return std::nullopt;
  return MetaTag{.name = lower, .prefix = std::string(words[0]), .value = std::string(words[1])};
}

Result<std::vector<MetaTag>> read_meta_tags(std::string_view html) {
  if (html.size() > kMaxPageBytes)
    return fail(ErrorKind::kInvalidInput, "the discovery page is larger than {} bytes", kMaxPageBytes);
  std::vector<MetaTag> tags;
  if (html.empty()) return tags;
  const XmlFunctions& xml = *TRY(xml_functions());
  constexpr int kOptions = HTML_PARSE_NONET | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_RECOVER |
                           HTML_PARSE_NODEFDTD | HTML_PARSE_NOBLANKS;
  const auto free_document = [&](xmlDoc* document) { xml.free_doc(document); };
  const std::unique_ptr<xmlDoc, decltype(free_document)> document(
      xml.html_read_memory(html.data(), static_cast<int>(html.size()), nullptr, "UTF-8", kOptions),
      free_document);
  const xmlNode* root = document ? xml.doc_get_root_element(document.get()) : nullptr;
  if (root == nullptr) return tags;
  for (const xmlNode* part = root->children; part != nullptr; part = part->next) {
    if (!is_element(*part, "head")) continue;
    for (const xmlNode* node = part->children; node != nullptr && tags.size() < kMaxTags; node = node->next) {
      if (!is_element(*node, "meta")) continue;
      auto tag = make_meta_tag(attribute(xml, *node, "name"), attribute(xml, *node, "content"));
      if (tag) tags.push_back(*std::move(tag));
    }
  }
  return tags;
}

}  // namespace agena::stage0
