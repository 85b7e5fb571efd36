set(model_tests ${CMAKE_CURRENT_LIST_DIR}/runtime/model)
hearth_unit_test(unit_model
  SOURCES ${model_tests}/function_alias_test.cc ${model_tests}/arn_test.cc ${model_tests}/event_invoke_config_test.cc ${model_tests}/function_json_test.cc ${model_tests}/function_scaling_test.cc ${model_tests}/function_test.cc ${model_tests}/layer_test.cc ${model_tests}/log_settings_test.cc ${model_tests}/names_test.cc ${model_tests}/platform_event_test.cc
          ${model_tests}/outcome_json_test.cc ${model_tests}/secret_test.cc ${model_tests}/trace_context_test.cc
  DEPS hearth_model)
