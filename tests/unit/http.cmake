hearth_unit_test(unit_http
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/runtime/http/target_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/http/error_response_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/http/message_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/http/response_head_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/http/request_parser_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/http/request_parser_fuzz_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/http/route_table_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/http/deadline_lists_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/http/server_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/http/streamed_body_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/http/server_limits_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/http/server_endings_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/http/hand_over_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/http/responder_test.cc
  DEPS hearth_http)
