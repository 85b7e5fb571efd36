#pragma once

#include <cstddef>
#include <string_view>

namespace hearth {

// Deepest JSON that is taken from outside where it is copied or written again, which our JSON library does by
// recursion: a megabyte of "[" would end the daemon. Real documents stay below 20.
inline constexpr size_t kForeignJsonDepthMax = 256;

// Whether arrays and objects of that text lie in each other more than `levels` deep. One pass, no memory; of
// a text that is no JSON the answer means nothing.
bool NestsDeeperThan(std::string_view json, size_t levels);

}  // namespace hearth
