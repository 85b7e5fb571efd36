#include "runtime/pool/borrowed_workers.h"

#include <utility>

namespace hearth {

class BorrowedWorkers::BorrowedWorker final : public Worker {
 public:
  BorrowedWorker(BorrowedWorkers& workers, uint64_t loan, Seat seat, std::unique_ptr<WorkerProcess> process)
      : workers_(workers), loan_(loan), seat_(std::move(seat)), process_(std::move(process)) {
    workers_.borrowed_[loan_] = this;
  }
  ~BorrowedWorker() override {
    workers_.borrowed_.erase(loan_);
    workers_.lender_.GiveBack(loan_, process_->Pack(nullptr));
  }

  WorkerId id() const override { return process_->id(); }
  WorkerState state() const override { return process_->state(); }
  WorkerLife life() const override { return process_->life(); }
  void Prepare(std::function<void(Status)> done) override { process_->Prepare(std::move(done)); }
  void Run(const Event& event, OnAttempt done) override { process_->Run(event, std::move(done)); }
  bool TakesAhead() override { return process_->TakesAhead(); }
  void Abort(const Event& event, std::string why) override { process_->Abort(event, std::move(why)); }
  bool usable() const override { return process_->usable(); }
  nanoseconds init_took() const override { return process_->init_took(); }
  void SetOnIdleDeath(std::function<void()> on_death) override {
    process_->SetOnIdleDeath(std::move(on_death));
  }
  const Seat* seat() const override { return &seat_; }

  void OnNews(const WorkerNews& news) {
    if (news.exited) return process_->OnExited(*news.exited, news.max_rss_kib);
    process_->OnSandboxGone(news.sandbox_gone);
  }

 private:
  BorrowedWorkers& workers_;
  const uint64_t loan_;
  const Seat seat_;
  const std::unique_ptr<WorkerProcess> process_;
};

void BorrowedWorkers::Launch(const std::shared_ptr<const FunctionVersion>& version, OnWorker done) {
  const uint64_t ticket = next_ticket_++;
  asked_[ticket] = {version, std::move(done)};
  lender_.Borrow(version->generation, ticket);
}

void BorrowedWorkers::OnLoan(uint64_t ticket, Result<WorkerLoan> loan) {
  auto node = asked_.extract(ticket);
  CHECK_TRUE(!node.empty());  // one answer a ticket
  Asked& asked = node.mapped();
  if (!loan.ok()) return asked.done(std::move(loan).error());
  auto process = WorkerProcess::FromKit(context_, std::move(asked.version), std::move(loan->kit));
  asked.done(std::unique_ptr<Worker>(
      std::make_unique<BorrowedWorker>(*this, loan->number, std::move(loan->seat), std::move(process))));
}

void BorrowedWorkers::OnNews(uint64_t loan, const WorkerNews& news) {
  const auto found = borrowed_.find(loan);
  if (found != borrowed_.end()) found->second->OnNews(news);
}

}  // namespace hearth
