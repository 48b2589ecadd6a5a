"""What the answer cache is called in Redis, what is indexed, and what is asked of the index. Pure.

Two hashes per entry, each with an index of its own:

    …:answer:<id>   scope, embedding; unindexed: body, outcomes     what a look-up reads in one go
    …:use:<id>      scope, route, tags, prompt, collection, entry_id,
                    hits, used_at; unindexed: entry                 what counting and purging read

They are apart because Redis indexes a hash anew with every change of it: one counted hit would take the vector out
of the HNSW graph and put it back (about 2 ms at 100,000 entries), instead of renewing a few small fields. `<id>` is
the digest of scope and key, so the exact answer is found without any index. `…:id:<entry>` holds the `<id>` of an
entry, `<entry>` being the digest of scope and entry id; `…:seen:<route>` is the stream of a route's verified
outcomes; `…:routes` the routes' names.

Every name carries the version of this layout and the embedder, so vectors of two embedders never meet. Nothing is
converted: what an older version kept ends with its TTL, and its indexes are dropped when they are empty (which does
no harm to a gateway that still uses them: it makes them again).
"""

from dataclasses import dataclass
from typing import Any, cast

from redis.commands.search.aggregation import AggregateRequest, Asc
from redis.commands.search.reducers import count, count_distinct
from redis.commands.search.reducers import sum as total
from redisvl.query import CountQuery, FilterQuery, VectorQuery
from redisvl.query.filter import FilterExpression, Tag
from redisvl.schema import IndexSchema

from thriftgate.caching.entries import PurgeFilter
from thriftgate.stores.redis.keys import NAMESPACE, key_digest

VERSION = 1
"""Goes up with every change of this layout."""
EF_RUNTIME = 200
"""Candidates of a search in the graph. Measured at 100,000 entries: recall 0.81 with 10, 1.00 with 100, in 1 ms."""
_SPARE = 4
"""So many more neighbours are asked for: an expired one may still be in the index for a moment."""

Argument = str | bytes | int | float


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one cache: a namespace, this layout, one embedder."""

    namespace: str
    base: str

    @classmethod
    def of(cls, *, fingerprint: str, dimensions: int, namespace: str = NAMESPACE) -> "Names":
        """The names for vectors of one embedder."""
        return cls(namespace, f"{namespace}:cache:v{VERSION}:{key_digest(fingerprint, str(dimensions))[:12]}")

    @property
    def answers(self) -> str:
        """The index over answers and their vectors."""
        return f"{self.base}:answers"

    @property
    def uses(self) -> str:
        """The index over what is counted and purged by."""
        return f"{self.base}:uses"

    @property
    def routes(self) -> str:
        """The hash with the names of the routes, by digest."""
        return f"{self.base}:routes"

    def answer(self, identity: str) -> str:
        """The hash of an answer."""
        return f"{self.base}:answer:{identity}"

    def use(self, identity: str) -> str:
        """The hash of an answer's use."""
        return f"{self.base}:use:{identity}"

    def pointer(self, entry: str) -> str:
        """The key that holds the identity of an entry, by the digest of its scope and entry id."""
        return f"{self.base}:id:{entry}"

    def seen(self, route: str) -> str:
        """The stream of a route's verified outcomes, by the route's digest."""
        return f"{self.base}:seen:{route}"

    def identity_of(self, key: bytes) -> str:
        """The identity at the end of the key of an answer or a use."""
        return key.decode().rsplit(":", 1)[1]

    def is_outdated(self, index: str) -> bool:
        """Whether an index is a cache of ours, but of another layout or embedder."""
        return index.startswith(f"{self.namespace}:cache:") and not index.startswith(f"{self.base}:")


def schemas(names: Names, *, dimensions: int) -> tuple[IndexSchema, IndexSchema]:
    """The two indexes, for RedisVL to create."""
    vector = {
        "algorithm": "hnsw",
        "dims": dimensions,
        "distance_metric": "cosine",
        "datatype": "float32",
        "ef_runtime": EF_RUNTIME,
    }
    tags = [{"name": name, "type": "tag"} for name in ("tags", "prompt", "collection", "entry_id")]
    grouped = [{"name": name, "type": "tag", "attrs": {"sortable": True}} for name in ("scope", "route")]
    counted = [{"name": name, "type": "numeric", "attrs": {"sortable": True}} for name in ("hits", "used_at")]
    answers = [{"name": "scope", "type": "tag"}, {"name": "embedding", "type": "vector", "attrs": vector}]
    return (
        _schema(names.answers, names.answer(""), answers),
        _schema(names.uses, names.use(""), [*grouped, *tags, *counted]),
    )


def nearest_command(names: Names, scope: str, vector: bytes, *, limit: int) -> tuple[Argument, ...]:
    """FT.SEARCH for the nearest answers of a scope (its digest); `vector` is float32, little-endian."""
    query = VectorQuery(
        vector,
        "embedding",
        return_fields=["body", "outcomes", "embedding"],
        filter_expression=_tag("scope", scope),
        num_results=limit + _SPARE,
        ef_runtime=EF_RUNTIME,
    )
    parameters = [part for pair in query.params.items() for part in pair]
    return ("FT.SEARCH", names.answers, *query.get_args(), "PARAMS", len(parameters), *parameters)


def matching(names: Names, what: FilterExpression, *, limit: int) -> tuple[Argument, ...]:
    """FT.SEARCH for the keys of some uses."""
    query = FilterQuery(what, num_results=limit).no_content()
    return ("FT.SEARCH", names.uses, *query.get_args())


def count_command(names: Names, what: FilterExpression) -> tuple[Argument, ...]:
    """FT.SEARCH for the number of uses."""
    return ("FT.SEARCH", names.uses, *CountQuery(what).get_args())


def least_used(names: Names, route: str, *, limit: int) -> tuple[Argument, ...]:
    """FT.AGGREGATE for the keys of a route's least used entries: fewest hits, then oldest last use."""
    request = AggregateRequest(str(of_route(route))).load("@__key")
    request.sort_by(Asc("@hits"), Asc("@used_at"), max=limit)  # pyright: ignore[reportArgumentType]
    return ("FT.AGGREGATE", names.uses, *request.limit(0, limit).dialect(2).build_args())


def every_key(names: Names, what: FilterExpression, *, page: int, max_idle: int) -> tuple[Argument, ...]:
    """FT.AGGREGATE for the keys of all matching uses, `page` at a time; the cursor lives `max_idle` seconds."""
    request = AggregateRequest(str(what)).load("@__key").cursor(count=page, max_idle=max_idle).dialect(2)
    return ("FT.AGGREGATE", names.uses, *request.build_args())


def per_route(names: Names) -> tuple[Argument, ...]:
    """FT.AGGREGATE for the number of entries, hits and scopes of each route."""
    request = AggregateRequest("*").group_by(
        "@route",
        count().alias("entries"),
        total("@hits").alias("hits"),
        count_distinct("@scope").alias("scopes"),
    )
    return ("FT.AGGREGATE", names.uses, *request.limit(0, 10_000).dialect(2).build_args())


def everything() -> FilterExpression:
    """The filter that every entry passes."""
    return FilterExpression("*")


def of_route(route: str) -> FilterExpression:
    """The filter for a route (its digest)."""
    return _tag("route", route)


def purged(what: PurgeFilter) -> FilterExpression:
    """The filter for what is to be forgotten; every given condition must hold."""
    given = {
        "route": what.route,
        "scope": what.scope,
        "tags": what.tag,
        "collection": what.collection,
        "entry_id": what.entry_id,
        "prompt": what.prompt_version,
    }
    found = everything()
    for field, text in given.items():
        if text is not None:
            found = found & _tag(field, key_digest(text))
    for version in what.prompt_versions_not:
        found = found & cast("FilterExpression", Tag("prompt") != key_digest(version))
    return found


def _tag(field: str, value: str) -> FilterExpression:
    # RedisVL overloads `==` to build filters, which its types do not say.
    return cast("FilterExpression", Tag(field) == value)


def _schema(name: str, prefix: str, fields: list[dict[str, Any]]) -> IndexSchema:
    index = {"name": name, "prefix": prefix, "storage_type": "hash"}
    return IndexSchema.from_dict({"index": index, "fields": fields})
