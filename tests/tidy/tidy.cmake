find_package(Python3 REQUIRED COMPONENTS Interpreter)

foreach(pair IN ITEMS tidy_style:check_style tidy_style_catches_planted_faults:check_style_test dev_script:dev_script_test
             docs:docs_test tidy_bench_plots:bench_plot_test tidy_bench_all:bench_all_test)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 name)
  list(GET pair 1 script)
  add_test(NAME ${name} COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/${script}.py)
  set_tests_properties(${name} PROPERTIES LABELS tidy TIMEOUT 60 ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
endforeach()
