"""What `thriftgate cache export` writes, `thriftgate cache warm` takes back."""

import json
from dataclasses import replace

from tests.cached_questions import entry

from thriftgate.caching.entries import CacheEntry, united
from thriftgate.caching.warm_file import read_warm_lines
from thriftgate.cli.cache.export import line_of
from thriftgate.types import Choice

SAID = (Choice(message={"role": "assistant", "content": "Five days."}, finish_reason="stop"),)


def kept(entry_id: str, group: str = "", *joined: str) -> CacheEntry:
    return replace(entry(entry_id, group), choices=SAID, scope="0" * 64, joined=joined)


def warmed(*entries: CacheEntry) -> list[CacheEntry]:
    """As new entries with what the file says of their groups."""
    found = read_warm_lines(json.dumps(line_of(one)) for one in entries)
    assert found.problems == []
    return [kept(f"new{line.number}", line.group, *line.joined) for line in found.lines]


def test_groups_stay_what_they_were() -> None:
    founder, member, other, bridge = kept("e1"), kept("e2", "e1"), kept("e3", "g"), kept("e4", "g", "e1")
    assert len(set(united(warmed(founder, member, other, bridge)).values())) == 1
    apart = warmed(founder, member, other)
    assert apart[0].group == apart[1].group != apart[2].group


def test_an_older_gateway_reads_what_joined_nothing() -> None:
    assert "joined" not in line_of(kept("e1"))
