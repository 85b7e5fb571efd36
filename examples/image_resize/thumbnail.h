#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

// Makes a picture smaller. The only user of libvips in this example.

namespace image_resize {

enum class Format { kJpeg, kPng, kWebp };
enum class Frames { kFirst, kAll };  // of a picture that moves

struct Settings {
  std::vector<int> long_edges = {320};  // pixels; a smaller picture keeps its size
  Format format = Format::kJpeg;
  Frames frames = Frames::kFirst;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

struct Thumbnail {
  std::string bytes;
  int long_edge = 0;  // as asked for
  int width = 0;
  int height = 0;  // of one frame
  int frames = 1;
};

// Before a header is believed: 100 megapixels, over all frames that are unpacked, are 300 MB where a format cannot
// shrink while it loads.
inline constexpr long long kPixelsMax = 100'000'000;
// A GIF says in 20 bytes that there is one frame more.
inline constexpr int kFramesMax = 500;

std::string_view ExtensionOf(Format format);  // ".jpg"

// Once per process, after the fork that made it.
void StartLibrary();

// JPEG, PNG, WebP or GIF by content, whatever the file was called. Turned as EXIF says, in sRGB, without metadata; one
// thumbnail for each long edge. Throws hearth::FunctionError: "UnsupportedImage", "ImageTooLarge" (pixels),
// "TooManyFrames", "ImageTooSlow" (past the deadline), or "BadImage" for one that is broken or cut off.
std::vector<Thumbnail> MakeThumbnails(std::string_view image, const Settings& settings);

}  // namespace image_resize
