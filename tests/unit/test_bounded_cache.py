"""A cache that reaches its bound evicts the oldest entry."""

from vtep.bounded_cache import BoundedCache


def test_the_oldest_entry_makes_room() -> None:
    cache: BoundedCache[int, str] = BoundedCache(3)
    for number in range(5):
        assert cache.put(number, str(number)) == str(number)
        assert len(cache) <= 3
    assert list(cache) == [2, 3, 4]
