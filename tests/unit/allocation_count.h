#pragma once

#include <cstddef>
#include <functional>

namespace hearth {

// How often `step` asks for memory, in a program that counts it (allocation_count.cc): of `times` times, after as many that
// let everything that is kept grow.
double AllocationsOf(const std::function<void()>& step, size_t times = 1'000);

}  // namespace hearth
