"""The poll budget: one on an idle link, growing while the event loop has work without a pause."""

from vtep.daemon.poll_stats import MAX_BUDGET, PollBudget, PollStats


def test_a_budget_grows_only_without_a_pause_and_shrinks_to_what_was_there() -> None:
    budget = PollBudget()
    budget.adapt(1, 10.0, 10.0, is_busy=False)
    budget.adapt(1, 10.01, 10.01, is_busy=False)
    assert budget.frames == 1
    budget.adapt(1, 10.0105, 10.0106, is_busy=False)  # soon after its last batch
    seen = [budget.frames]
    for _ in range(4):
        budget.adapt(budget.frames, 20.0, 20.0, is_busy=True)
        seen.append(budget.frames)
    assert seen == [4, 16, 64, MAX_BUDGET, MAX_BUDGET]
    budget.adapt(7, 20.0, 20.0, is_busy=True)
    assert budget.frames == 7
    budget.adapt(0, 20.0, 20.0, is_busy=True)
    assert budget.frames == 1


def test_a_direction_is_not_starved_by_long_batches_of_the_other() -> None:
    """A TAP gets 8 frames during each batch of the underlay, which takes 1.5 ms."""
    budget, backlog, most, now = PollBudget(), 0, 0, 0.0
    for _ in range(500):
        now += 0.0015
        backlog += 8
        got = min(backlog, budget.frames)
        backlog -= got
        most = max(most, backlog)
        budget.adapt(got, now, now, is_busy=True)  # the other descriptor's batch has just ended
    assert most < 64


def test_batches_are_counted_by_size_with_their_time() -> None:
    stats = PollStats()
    for got in (0, 1, 2, 3, 64):
        assert stats.count(got, 0.0) > 0
    assert stats.frames == 70
    assert stats.sizes == [1, 1, 2, 0, 0, 0, 0, 1]
    assert stats.busy > 0
