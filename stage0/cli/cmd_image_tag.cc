// `image tag`: give an image further names.
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/commands.h"
#include "stage0/store/docker_name.h"
#include "stage0/store/similar.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

Result<int> cmd_image_tag(const Invocation& call) {
  const auto& arguments = call.args.arguments;
  std::vector<std::string> names;
  // All are checked before the first is given.
  for (std::size_t i = 1; i < arguments.size(); ++i)
    names.push_back(TRY_CTX(parse_docker_name(arguments[i]), "name '{}'", printable(arguments[i])).str());
  Store store = TRY(Store::open(TRY(call.engine()).data_dir, Store::Mode::kReadWrite));
  const ImageRecord record = TRY(find_named_image(store, arguments.front()));
  for (const std::string& name : names) TRY_CTX(store.add_name(record.id, name), "name '{}'", name);
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
