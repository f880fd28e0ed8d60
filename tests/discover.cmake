# Read by ctest before it runs: asks a Catch2 program (either major version) for its tests and adds each.
# Given: folder, program, timeout (seconds), catch_version.
cmake_policy(VERSION 3.25)
if(NOT EXISTS ${program})
  add_test("${folder}: was built" ${program})  # fails, and says what is missing
  return()
endif()

# The names of the tests that match `spec`, one list element each. Characters that lists can't hold are stood in for.
function(list_tests out spec)
  if(catch_version VERSION_LESS 3)
    set(listing --list-test-names-only)
  else()
    set(listing --list-tests --verbosity quiet)
  endif()
  # Catch2 2 exits with the number of tests, so the status says nothing.
  execute_process(COMMAND ${program} ${spec} ${listing} OUTPUT_VARIABLE names OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(REPLACE ";" "<semicolon>" names "${names}")
  string(REPLACE "[" "<open>" names "${names}")
  string(REPLACE "]" "<close>" names "${names}")
  string(REPLACE "\n" ";" names "${names}")
  set(${out} "${names}" PARENT_SCOPE)
endfunction()

list_tests(all "~[.]")
list_tests(slow "[slow]")
list_tests(many "[many]")
foreach(name IN LISTS all)
  set(labels ${folder})
  set(seconds ${timeout})
  if(name IN_LIST slow)
    list(APPEND labels slow)
    set(seconds 3600)
  elseif(DEFINED ENV{KIRIKAE_THOROUGH})
    math(EXPR seconds "4 * ${timeout}")
  endif()
  if(name IN_LIST many)
    set(alone TRUE)
  else()
    set(alone FALSE)
  endif()
  string(REPLACE "<semicolon>" ";" name "${name}")
  string(REPLACE "<open>" "[" name "${name}")
  string(REPLACE "<close>" "]" name "${name}")
  # These mean something in a test specification; so does a hyphen at the start, to the command line.
  string(REGEX REPLACE "([][,\\\\]|^-)" "\\\\\\1" pattern "${name}")
  add_test("${folder}: ${name}" ${program} "${pattern}")
  set_tests_properties("${folder}: ${name}" PROPERTIES
    LABELS "${labels}" TIMEOUT ${seconds} RUN_SERIAL ${alone} FAIL_REGULAR_EXPRESSION "No test cases matched"
    SKIP_REGULAR_EXPRESSION "this test is skipped: ")
endforeach()
