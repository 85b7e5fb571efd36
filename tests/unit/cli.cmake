hearth_unit_test(unit_cli
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/runtime/cli/application_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/cli/arguments_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/cli/http_client_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/cli/package_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/cli/project_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/cli/rebuild_watch_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/cli/text_test.cc
  DEPS hearth_cli)
target_compile_definitions(unit_cli PRIVATE HEARTH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
