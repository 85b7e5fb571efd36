find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME tidy_style COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/check_style.py)
add_test(NAME tidy_style_catches_planted_faults COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/check_style_test.py)
set_tests_properties(tidy_style tidy_style_catches_planted_faults PROPERTIES LABELS tidy TIMEOUT 60
                     ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
