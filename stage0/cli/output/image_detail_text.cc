// What the image commands but `image list` print as text.
#include <algorithm>

#include "common/base/strings.h"
#include "common/base/text_width.h"
#include "stage0/cli/output/image_text.h"
#include "stage0/image/platform.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kShortId = 7 + 12;  // "sha512-" or "sha256-" and 12 digits
constexpr std::size_t kShortCommand = 60;

// Whatever a table makes of it, a text of many lines stays one cell.
std::string one_line(std::string_view text, std::size_t most) {
  std::string line;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  if (text_width(line) <= most) return line;
  std::size_t end = most - 1;
  // Not in the middle of a character.
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80) --end;
  return line.substr(0, end) + "…";
}

std::string layer_state(const LayerDetail& layer) {
  if (!layer.present) return "missing";
  std::string state = layer.source ? "source" : "root";
  if (layer.images > 1) state += fmt::format(", shared by {}", layer.images);
  return state;
}

// Of "chain-sha256-0123…" the digits count.
std::string short_id(const std::string& id) {
  return id.substr(0, std::max(kShortId, id.find_last_of("-:") + 13));
}

std::string step_id(const HistoryEntry& step, bool full) {
  const std::string id = !step.image_id.empty() ? step.image_id
                         : step.layer           ? step.layer->str()
                                                : step.diff_id;
  if (id.empty()) return "-";
  return full ? id : short_id(id);
}

std::string step_time(const HistoryEntry& step, const ImageTableOptions& options) {
  if (!step.created) return "-";
  return options.full ? full_time(*step.created) : humanised(*step.created, options.now);
}

std::string step_size(const HistoryEntry& step, bool full) {
  if (step.empty_layer) return full ? "0" : "0B";
  if (!step.size) return "-";
  return full ? fmt::format("{}", *step.size) : human_size(*step.size);
}

}  // namespace

std::string image_detail_text(const ImageDetail& image) {
  const ImageRecord& record = image.record;
  Table facts;
  auto add = [&](const char* key, std::string value) {
    if (!value.empty()) facts.add_row({key, std::move(value)});
  };
  add("id", record.id);
  add("name", manifest_name(record));
  for (const std::string& name : image.names) add("known as", name);
  add("format", std::string(to_string(record.format)));
  if (record.oci && record.oci->manifest_digest) add("manifest", record.oci->manifest_digest->str());
  if (record.oci && record.oci->config_digest) add("config", record.oci->config_digest->str());
  add("root", record.chain_id);
  if (!image.platform.os.empty()) add("platform", to_string(image.platform));
  add("created", image.created);
  add("imported", full_time(record.import_time));
  add("last used", full_time(record.last_used));
  for (const std::string& origin : record.origins) add("from", origin);
  add("size", fmt::format("{} ({} shared with other images)", human_size(record.size()),
                          human_size(image.usage.shared)));
  if (record.manifest.app) {
    const auto& app = *record.manifest.app;
    add("exec", join(app.exec, " "));
    add("user", app.user + ":" + app.group);
    add("directory", app.working_directory);
  }
  for (const Uuid& pod : image.pods) add("pod", pod.str());
  Table layers;
  layers.add_row({"LAYER", "SIZE", "ENTRIES", "USE"});
  for (const LayerDetail& layer : image.layers)
    layers.add_row({short_id(layer.use.key.str()), human_size(layer.use.size),
                    layer.present ? fmt::format("{}", layer.entries) : "-", layer_state(layer)});
  return facts.to_string() + "\n" + layers.to_string();
}

Table history_table(const std::vector<HistoryEntry>& steps, const ImageTableOptions& options) {
  Table table;
  if (options.legend) table.add_row({"ID", "CREATED", "CREATED BY", "SIZE", "COMMENT"});
  for (const HistoryEntry& step : steps) {
    const std::string made_by = step.name.empty() ? step.created_by : step.name;
    table.add_row({step_id(step, options.full), step_time(step, options),
                   one_line(made_by, options.full ? made_by.size() + 1 : kShortCommand),
                   step_size(step, options.full), one_line(step.comment, step.comment.size() + 1)});
  }
  return table;
}

std::string diff_text(const std::vector<PathChange>& changes) {
  std::string text;
  for (const PathChange& change : changes) {
    const char letter = change.kind == ChangeKind::kAdded     ? 'A'
                        : change.kind == ChangeKind::kDeleted ? 'D'
                                                              : 'C';
    text += fmt::format("{} {}\n", letter, printable(change.path));
  }
  return text;
}

Table disk_usage_table(const StoreDiskUsage& usage) {
  Table table;
  table.add_row({"WHAT", "COUNT", "SIZE"});
  auto add = [&](const char* what, const DiskShare& share) {
    table.add_row({what, fmt::format("{}", share.count), human_size(share.bytes)});
  };
  add("images", usage.images);
  add("images of pods", usage.images_of_pods);
  table.add_row({"in no pod's image", "-", human_size(usage.reclaimable)});
  add("layers of pods alone", usage.pod_layers);
  add("unused layers", usage.unused_layers);
  add("documents", usage.documents);
  add("trash", usage.trash);
  add("partial downloads", usage.partial);
  return table;
}

}  // namespace agena::stage0
