// One process of ps-lite in a race; DMLC_ROLE in its environment says which, as ps-lite has it.
//
// A worker answers lines: "push|pull KEYS WIDTH CALLS" with the seconds that so many calls took,
// "values KEYS WIDTH SEED" with some of what it pulls after all workers have pushed. Keys are
// every second number. Nothing is copied that ps-lite can be kept from copying (ZPush, ZPull).
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "ps/ps.h"

using ps::Key;
using Values = ps::SArray<float>;

const size_t kSeen = 1000;  // numbers of a result that are compared

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Rows of more than one number: a hash table says where each is. The width comes as the command.
struct Rows {
  std::unordered_map<Key, size_t> where;
  std::vector<float> numbers;

  float* Row(Key key, size_t width) {
    auto found = where.emplace(key, numbers.size());
    if (found.second) numbers.resize(numbers.size() + width);
    return &numbers[found.first->second];
  }
};

class Handle {
 public:
  void operator()(const ps::KVMeta& about, const ps::KVPairs<float>& request,
                  ps::KVServer<float>* server) {
    if (about.cmd == 1) {
      single_(about, request, server);  // ps-lite's own
    } else {
      Wide(about, request, server);
    }
  }

 private:
  void Wide(const ps::KVMeta& about, const ps::KVPairs<float>& request,
            ps::KVServer<float>* server) {
    const size_t width = about.cmd;
    ps::KVPairs<float> answer;
    if (about.pull) {
      answer.keys = request.keys;
      answer.vals.resize(request.keys.size() * width);
    }
    for (size_t i = 0; i < request.keys.size(); ++i) {
      float* row = rows_[width].Row(request.keys[i], width);
      const float* pushed = request.vals.data() + i * width;
      if (about.push) std::transform(row, row + width, pushed, row, std::plus<float>());
      if (about.pull) std::copy(row, row + width, answer.vals.data() + i * width);
    }
    server->Response(about, answer);
  }

  ps::KVServerDefaultHandle<float> single_;
  std::unordered_map<size_t, Rows> rows_;
};

// What reaches a server before the scheduler has told it to go on blocks the thread that would hear
// of that: so workers give servers time.
const std::chrono::milliseconds kServersStart(1000);

class Worker {
 public:
  Worker() : kv_(0, 0) { std::this_thread::sleep_for(kServersStart); }

  void Answer() {
    std::string what;
    size_t count, width, number;
    while (std::cin >> what >> count >> width >> number) {
      if (count != keys_.size() || count * width != values_.size()) Prepare(count, width);
      ps::Postoffice::Get()->Barrier(0, ps::kWorkerGroup);
      if (what == "values") {
        Tell(number);
      } else {
        Time(what == "push", number);
      }
    }
  }

 private:
  void Prepare(size_t count, size_t width) {
    width_ = static_cast<int>(width);
    keys_ = ps::SArray<Key>(count);
    for (size_t i = 0; i < count; ++i) keys_[i] = 2 * i;
    values_ = Values(count * width, 0.0f);
    pulled_ = Values(count * width, 0.0f);
    Push();
    Pull();
  }

  void Push() { kv_.Wait(kv_.ZPush(keys_, values_, {}, width_)); }

  void Pull() { kv_.Wait(kv_.ZPull(keys_, &pulled_, nullptr, width_)); }

  void Time(bool push, size_t calls) {
    const double start = Seconds();
    for (size_t i = 0; i < calls; ++i) push ? Push() : Pull();
    std::cout << Seconds() - start << std::endl;
  }

  // The numbers are those of `numbers` in server_kernels.py; afterwards all are zero again.
  void Tell(size_t seed) {
    for (size_t i = 0; i < values_.size(); ++i) {
      values_[i] = static_cast<float>((i + seed + ps::MyRank()) * 31 % 17) - 8;
    }
    Push();
    ps::Postoffice::Get()->Barrier(0, ps::kWorkerGroup);
    Pull();
    ps::Postoffice::Get()->Barrier(0, ps::kWorkerGroup);
    for (size_t i = 0; i < values_.size(); ++i) values_[i] = -values_[i];
    Push();
    std::fill(values_.begin(), values_.end(), 0.0f);
    const size_t step = std::max<size_t>(pulled_.size() / kSeen, 1);
    for (size_t i = 0; i < kSeen; ++i) std::cout << pulled_[i * step % pulled_.size()] << ' ';
    std::cout << std::endl;
  }

  ps::KVWorker<float> kv_;
  int width_ = 0;
  ps::SArray<Key> keys_;
  Values values_, pulled_;
};

int main() {
  ps::Start(0);
  std::unique_ptr<ps::KVServer<float>> server;
  if (ps::IsServer()) {
    server.reset(new ps::KVServer<float>(0));
    server->set_request_handle(Handle());
  }
  if (ps::IsWorker()) Worker().Answer();
  ps::Finalize(0, true);
  return 0;
}
