// How documents are laid out when they are written.
#pragma once

namespace agena::codec {

enum class TextStyle {
  kCompact,  // one line
  kPretty,   // indented by tabs, as rkt prints manifests
};

}  // namespace agena::codec
