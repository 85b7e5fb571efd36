#pragma once

#include <string>

namespace hearth {

// docs/metrics.md, which a test holds to be this: every metric of model/metric_definitions.h, by group.
std::string MetricsPage();

}  // namespace hearth
