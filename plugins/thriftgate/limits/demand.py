"""What one request takes from all its limits, as one value: all of it is granted, or nothing is taken."""

from dataclasses import dataclass

from thriftgate.limits.bucket import TokenBucket


@dataclass(frozen=True, slots=True)
class Charge:
    """Tickets of one bucket."""

    name: str
    """Of the bucket; names everywhere the same bucket."""
    bucket: TokenBucket
    n: float


@dataclass(frozen=True, slots=True)
class Slot:
    """One of the places for requests that run at the same time."""

    name: str
    most: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What a request takes; `id` names the reservation until it is settled."""

    id: str
    charges: tuple[Charge, ...] = ()
    slots: tuple[Slot, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise ValueError("a demand names each of its limits once")

    @property
    def names(self) -> tuple[str, ...]:
        """Every limit it falls under: buckets, then slots."""
        return (*(charge.name for charge in self.charges), *(slot.name for slot in self.slots))


@dataclass(frozen=True, slots=True)
class Taken:
    """Granted: what is left in each bucket, and how many run in each of the slots, this one counted."""

    remaining: tuple[float, ...]
    running: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was taken, because of `limit`, the one that would be waited for the longest.

    `retry_after` seconds from now there is enough in every bucket if nobody else asks: infinity if never, None when
    only a slot is missing, whose end nobody knows. `remaining` is what is in each bucket.
    """

    limit: str
    retry_after: float | None
    remaining: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a request used in the end, of each bucket in the order of its demand's charges."""

    demand: Demand
    used: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.used) != len(self.demand.charges):
            raise ValueError("a settlement says what was used of each charge")
