#include "stage0/cli/output/progress.h"

#include <gtest/gtest.h>

#include "common/sys/fd.h"
#include "common/sys/fs.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using State = LayerProgress::State;

const ProgressView::Terminal kBars = {.style = ProgressView::Style::kBars};

LayerProgress layer(std::size_t index, State state, std::uint64_t done, std::size_t count = 2) {
  return {.index = index,
          .count = count,
          .name = "sha256:" + std::string(64, static_cast<char>('a' + index)),
          .state = state,
          .done = done,
          .total = 12'582'912};
}

TEST(LayerLine, ShowsStateAndBar) {
  EXPECT_EQ(layer_line(layer(0, State::kUnpacking, 3'145'728), kBars),
            "sha256:aaaaaaaaaaaa unpacking [#######                      ] 3.0MiB/12MiB");
  EXPECT_EQ(layer_line(layer(0, State::kPresent, 0), kBars), "sha256:aaaaaaaaaaaa present   12MiB");
  EXPECT_EQ(layer_line(layer(0, State::kWaiting, 0), kBars), "sha256:aaaaaaaaaaaa waiting   12MiB");
  EXPECT_EQ(layer_line(layer(0, State::kCommitted, 12'582'912), kBars),
            "sha256:aaaaaaaaaaaa done      12MiB");
}

TEST(LayerLine, NeverExceedsTheTerminal) {
  for (std::size_t columns = 1; columns < 200; ++columns) {
    ProgressView::Terminal terminal = kBars;
    terminal.columns = columns;
    for (const State state : {State::kWaiting, State::kUnpacking, State::kUnpacked, State::kCommitted})
      for (const std::uint64_t done : {0U, 5'000'000U, 12'582'912U, 99'999'999U})
        EXPECT_LE(layer_line(layer(1, state, done), terminal).size(), columns);
  }
}

TEST(LayerLine, ColoursTheBarOnly) {
  ProgressView::Terminal terminal = kBars;
  terminal.colour = true;
  const std::string line = layer_line(layer(0, State::kUnpacking, 12'582'912), terminal);
  EXPECT_TRUE(line.contains("[\x1b[32m#############################\x1b[0m]")) << line;
}

Nanoseconds g_clock = 0;
Nanoseconds test_clock() { return g_clock; }

// What a view writes while a function feeds it.
template <class Feed>
std::string written(const ProgressView::Terminal& terminal, Feed feed) {
  const test::TempDir temp;
  const sys::UniqueFd file = sys::open_at(temp.dir(), "out", O_CREAT | O_RDWR, 0600).value();
  g_clock = kSecond;
  ProgressView view(terminal, file.get(), test_clock);
  feed(view);
  return sys::read_file(temp.dir(), "out").value();
}

TEST(ProgressView, RedrawsWhatIsNotDone) {
  const std::string text = written(kBars, [](ProgressView& view) {
    view.update(layer(0, State::kUnpacking, 0));
    g_clock += kSecond;
    view.update(layer(1, State::kPresent, 0));
    g_clock += kSecond;
    view.update(layer(0, State::kCommitted, 12'582'912));
    view.finish();
  });
  const std::string bar = layer_line(layer(0, State::kUnpacking, 0), kBars) + "\n";
  EXPECT_EQ(text, bar + "\x1b[1A\r\x1b[J" + layer_line(layer(1, State::kPresent, 0), kBars) + "\n" + bar +
                      "\x1b[1A\r\x1b[J" + layer_line(layer(0, State::kCommitted, 12'582'912), kBars) + "\n");
}

TEST(ProgressView, DrawsTenTimesASecondAtMost) {
  const std::string text = written(kBars, [](ProgressView& view) {
    for (int millisecond = 0; millisecond < 1000; ++millisecond) {
      view.update(layer(0, State::kUnpacking, static_cast<std::uint64_t>(millisecond), 1));
      g_clock += kSecond / 1000;
    }
  });
  std::size_t drawings = 0;
  for (const char c : text) drawings += c == '\n' ? 1 : 0;
  EXPECT_EQ(drawings, 10U);
}

TEST(ProgressView, WritesALineForEachDoneLayerElsewhere) {
  const ProgressView::Terminal plain = {.prefix = "fetch: "};
  const std::string text = written(plain, [](ProgressView& view) {
    view.update(layer(0, State::kUnpacking, 0));
    view.update(layer(1, State::kPresent, 0));
    view.update(layer(0, State::kCommitted, 12'582'912));
    view.finish();
  });
  EXPECT_EQ(text, "fetch: sha256:aaaaaaaaaaaa done      12MiB\nfetch: sha256:bbbbbbbbbbbb present   12MiB\n");
}

TEST(ProgressView, KeepsTheBarsOnTheScreen) {
  ProgressView::Terminal small = kBars;
  small.rows = 4;
  const std::string text = written(small, [](ProgressView& view) {
    for (std::size_t i = 0; i < 10; ++i) view.update(layer(i, State::kUnpacking, 0, 10));
    view.finish();
  });
  // The last drawing has a line for each of the three rows above the cursor.
  EXPECT_TRUE(text.ends_with(layer_line(layer(2, State::kUnpacking, 0), small) + "\n")) << text;
}

}  // namespace
}  // namespace agena::stage0
