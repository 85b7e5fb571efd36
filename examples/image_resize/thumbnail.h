#pragma once

#include <string>
#include <string_view>

// Makes a picture smaller. The only user of libvips in this example.

namespace image_resize {

enum class Format { kJpeg, kPng, kWebp };

struct Settings {
  int long_edge = 320;  // pixels; a smaller picture keeps its size
  Format format = Format::kJpeg;
};

struct Thumbnail {
  std::string bytes;
  int width = 0;
  int height = 0;
};

// Before a header is believed: 100 megapixels are 300 MB unpacked where a format cannot shrink while it
// loads.
inline constexpr long long kPixelsMax = 100'000'000;

std::string_view ExtensionOf(Format format);  // ".jpg"

// Once per process, after the fork that made it.
void StartLibrary();

// JPEG, PNG or WebP by content, whatever the file was called. Turned as EXIF says, in sRGB, without metadata.
// Throws hearth::FunctionError: "UnsupportedImage", "ImageTooLarge", or "BadImage" for one that is broken or
// cut off.
Thumbnail MakeThumbnail(std::string_view image, const Settings& settings);

}  // namespace image_resize
