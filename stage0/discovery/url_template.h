// Templates of image URLs as discovery pages give them (appc 0.8.11, discovery.md): "{name}", "{version}",
// "{os}", "{arch}" and other labels, and "{ext}" stand for values.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::stage0 {

// The template with every {NAME} replaced, once, from left to right; values are percent-encoded but for what
// may stand in an image's name. kInvalidInput if a value is missing, a brace has no partner, or the result
// would be longer than 8 KiB or hold spaces or control characters.
Result<std::string> render_url_template(std::string_view text,
                                        const std::map<std::string, std::string>& values);

}  // namespace agena::stage0
