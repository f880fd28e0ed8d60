#include "ssh/held_memory.h"

#include <malloc.h>

#include <cstdlib>

namespace kirikae::ssh {
namespace {

std::ptrdiff_t size_of(void* piece) { return static_cast<std::ptrdiff_t>(::malloc_usable_size(piece)); }

}  // namespace

void* HeldMemory::allocate(std::size_t size) {
  void* const piece = size > most ? nullptr : std::calloc(1, size);
  held_ += size_of(piece);
  return piece;
}

void* HeldMemory::reallocate(void* piece, std::size_t size) {
  const std::ptrdiff_t before = size_of(piece);
  void* const moved = size > most ? nullptr : std::realloc(piece, size);
  if (moved != nullptr) held_ += size_of(moved) - before;
  return moved;
}

void HeldMemory::release(void* piece) {
  held_ -= size_of(piece);
  std::free(piece);
}

}  // namespace kirikae::ssh
