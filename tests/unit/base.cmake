find_package(nlohmann_json REQUIRED)
hearth_unit_test(unit_base
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/runtime/base/result_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/ids_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/base64_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/digest_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/json_depth_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/json_scan_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/json_text_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/log_levels_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/files_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/spawn_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/gate_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/heap_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/weak_ptr_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/clock_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/log_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/uuid_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/base/histogram_test.cc
  DEPS hearth_base nlohmann_json::nlohmann_json)
