#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/model/artefact_checker.h"
#include "runtime/model/layer.h"
#include "runtime/registry/code_folders.h"
#include "runtime/store/key_store.h"

namespace hearth {

// The layers that functions may name, by version. What functions use of them is the registry's to know, which owns it.
//
// Owns:    the table, kept in `keys` under "layer/NAME/NUMBER", and the last number that was given under
//          "layer-number/NAME".
// Borrows: everything given to the constructor; all outlive it.
// Thread:  loop thread; replies run later, but a refusal may come inside the call.
// Failure: nothing changes in memory before it is durable; a number that could not be stored is not used again.
class LayerTable final {
 public:
  using Reply = std::function<void(Result<LayerVersion>)>;
  using Done = std::function<void(Status)>;

  LayerTable(KeyStore& keys, CodeFolders& code, ArtefactChecker& checker, const Clock& clock)
      : keys_(keys), code_(code), checker_(checker), clock_(clock) {}

  void Load(Done done);
  // The next version of layer.name: `zip` unpacked. `arn` is the layer's; number, time and content are given here.
  void Publish(LayerVersion layer, const std::string& arn, std::string zip, Reply reply);
  void Delete(const std::string& name, uint64_t number,
              Done done);  // also of one that is not there, as Lambda
  const LayerVersion* Find(const std::string& name, uint64_t number) const;  // null: there is none
  std::vector<LayerVersion> List(const std::string& name) const;             // newest first
  std::vector<std::string> Names() const;
  // Where the content of all of them is; and whether more is on its way there.
  std::vector<std::string> Folders() const;
  bool publishing() const { return publishing_ > 0; }
  // Runs when Folders() may have become fewer, or nothing is on its way any more.
  void SetOnChanged(std::function<void()> on_changed) { on_changed_ = std::move(on_changed); }

 private:
  struct Layer {
    std::map<uint64_t, LayerVersion> versions;
    uint64_t number_last = 0;
  };
  void LoadNumbers(Done done);
  void Store(LayerVersion layer, const std::string& arn, const Reply& reply);
  void Published(const Reply& reply, Result<LayerVersion> layer);

  KeyStore& keys_;
  CodeFolders& code_;
  ArtefactChecker& checker_;
  const Clock& clock_;
  std::function<void()> on_changed_;
  std::map<std::string, Layer> layers_;
  size_t publishing_ = 0;
  WeakPtrFactory<LayerTable> weak_{this};
};

}  // namespace hearth
