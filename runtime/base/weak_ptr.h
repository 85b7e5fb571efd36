#pragma once

#include <memory>

namespace hearth {

// A pointer that knows when its object is gone. Callbacks hold one instead of a bare `this`.
// Thread: one; a WeakPtr is looked at on the thread that destroys the object.
template <class T>
class WeakPtr final {
 public:
  WeakPtr() = default;
  explicit WeakPtr(std::shared_ptr<T*> handle) : handle_(std::move(handle)) {}
  T* get() const { return handle_ ? *handle_ : nullptr; }
  T* operator->() const { return get(); }
  T& operator*() const { return *get(); }
  explicit operator bool() const { return get() != nullptr; }

 private:
  std::shared_ptr<T*> handle_;
};

// The last member of its owner, so that every WeakPtr is dead before any other member goes.
template <class T>
class WeakPtrFactory final {
 public:
  explicit WeakPtrFactory(T* owner) : handle_(std::make_shared<T*>(owner)) {}
  WeakPtrFactory(const WeakPtrFactory&) = delete;
  WeakPtrFactory& operator=(const WeakPtrFactory&) = delete;
  ~WeakPtrFactory() { *handle_ = nullptr; }
  WeakPtr<T> Get() const { return WeakPtr<T>(handle_); }

 private:
  std::shared_ptr<T*> handle_;
};

}  // namespace hearth
