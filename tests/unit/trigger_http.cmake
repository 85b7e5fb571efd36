hearth_unit_test(unit_trigger_http
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/triggers/http/answer_stream_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/http/http_event_json_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/http/http_answer_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/http/http_answer_odd_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/http/url_trigger_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/http/route_trigger_test.cc
  DEPS hearth_trigger_http)
