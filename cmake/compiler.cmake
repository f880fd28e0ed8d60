# Flags that every target of ours is built with. Options are set by the presets.
option(KIRIKAE_WERROR "Treat warnings as errors" OFF)
option(KIRIKAE_LTO "Link-time optimisation" OFF)
option(KIRIKAE_HARDEN "Hardening flags, as Debian builds its own packages" OFF)
option(KIRIKAE_UNITY "Compile several files of a target as one, which takes half the time where all is compiled" OFF)
set(KIRIKAE_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

add_library(kirikae_flags INTERFACE)
target_compile_options(kirikae_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Wcast-align)
# Two warnings misfire where files are compiled as one: what is local in a file hides what another one has at namespace scope, and what is in an
# anonymous namespace of an included file is taken for a header's.
set(is_unity $<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>)
target_compile_options(kirikae_flags INTERFACE $<IF:${is_unity},$<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>,-Wshadow>)
if(KIRIKAE_WERROR)
  target_compile_options(kirikae_flags INTERFACE -Werror)
endif()
if(KIRIKAE_SANITIZE)
  add_compile_options(-fsanitize=${KIRIKAE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  # GCC 12 takes std::regex for uninitialized memory where it is instrumented (GCC bug 105562).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-error=maybe-uninitialized)
  endif()
  add_link_options(-fsanitize=${KIRIKAE_SANITIZE})
endif()
if(KIRIKAE_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()
if(KIRIKAE_HARDEN)
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS)
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

# kirikae_unity(TARGET): names in anonymous namespaces are unique within a target, so that it doesn't matter which of its files come together.
function(kirikae_unity target)
  if(KIRIKAE_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 11)
  endif()
endfunction()
