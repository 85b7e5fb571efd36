hearth_unit_test(unit_registry
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/runtime/registry/alias_table_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/registry/code_folders_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/registry/event_invoke_configs_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/registry/function_files_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/registry/function_mirror_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/registry/function_registry_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/registry/layer_table_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/registry/merged_layers_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/registry/replacing_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/registry/reserved_concurrency_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/registry/secret_store_test.cc
  DEPS hearth_registry)
