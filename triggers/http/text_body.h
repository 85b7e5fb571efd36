#pragma once

#include <string_view>

namespace hearth {

// Whether a request's body travels in the event as it is; otherwise as base64. The rule of API Gateway and
// function URLs: text, JSON, XML and JavaScript by Content-Type (a form is not text there), and it must be
// UTF-8, since JSON is. A body without Content-Type is judged by its bytes alone.
bool IsTextBody(std::string_view content_type, std::string_view body);

}  // namespace hearth
