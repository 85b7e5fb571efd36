#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <hearth/output_file.h>

#include "examples/image_resize/thumbnail.h"

// What examples/image_resize does to each picture, in a plain loop: thumbnail_loop LONG_EDGE FROM TO PART PARTS. Takes each
// PARTS-th picture of the folder, beginning with PART; tests/bench/bucket.py starts one a core.
int main(int, char** arguments) {
  const auto number = [&](int at) { return std::stol(arguments[at]); };
  const std::filesystem::path from = arguments[2], to = arguments[3];
  const long part = number(4), parts = number(5);
  image_resize::StartLibrary();
  image_resize::Settings settings;
  settings.long_edges = {static_cast<int>(number(1))};
  long picture_number = 0;
  for (const auto& entry : std::filesystem::directory_iterator(from)) {
    if (picture_number++ % parts != part) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string picture{std::istreambuf_iterator<char>(in), {}};
    const auto thumbnails = image_resize::MakeThumbnails(picture, settings);
    hearth::OutputFile out((to / entry.path().filename()).replace_extension(".jpg"));
    out.Write(thumbnails[0].bytes);
    out.Commit();
  }
}
