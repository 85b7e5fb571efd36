hearth_unit_test(unit_telemetry
  SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/log_store_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/log_text_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/metrics_test.cc
  DEPS hearth_telemetry)
