hearth_unit_test(unit_telemetry
  SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/log_files_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/log_store_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/log_format_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/log_json_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/log_text_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/loop_lag_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/metric_text_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/metrics_page_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/piece_queue_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/metrics_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/process_source_test.cc
    ${CMAKE_CURRENT_LIST_DIR}/runtime/telemetry/series_table_test.cc
  DEPS hearth_telemetry hearth_store)
target_compile_definitions(unit_telemetry PRIVATE HEARTH_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
