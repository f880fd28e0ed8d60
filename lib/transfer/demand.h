// Demand: whether the readers of a stream wait for more of it. For any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

namespace kirikae::transfer {

class Demand {
 public:
  using Id = std::uint64_t;

  Id join();
  void leave(Id reader);
  // What a reader's last read came to: nothing was there yet, or something was.
  void note(Id reader, bool waits);
  // Whether each reader has waited since the last call, if only for a moment; false where there is none.
  bool ran_dry();

 private:
  struct Reader {
    bool waits = false;
    bool has_waited = false;
  };
  std::mutex mutex_;
  Id next_ = 0;
  std::map<Id, Reader> readers_;
};

}  // namespace kirikae::transfer
