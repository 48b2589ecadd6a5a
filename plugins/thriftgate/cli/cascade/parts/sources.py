"""Where `thriftgate cascade calibrate` has its labels from, and what it takes from the configuration.

Failure behaviour: lines that cannot be used are named on standard error and end the command, exit code 2; a ledger
without a single audit of the route is said, exit code 1.
"""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thriftgate.cli.report.parts.ledger_opening import opened_ledger
from thriftgate.cli.waiting import waiting

if TYPE_CHECKING:
    from thriftgate.cascade.calibration.label_file import LabelFile, TierPrice
    from thriftgate.cascade.calibration.labels import Label
    from thriftgate.config import ThriftgateConfig
    from thriftgate.services.checking.audit_labels import AuditLabels

_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSource:
    """Labels, and what is to be said of them."""

    name: str
    labels: "Sequence[Label]"
    prompt_version: str
    problems: Sequence[str] = ()
    """Lines that cannot be used."""
    questions: Sequence[str | None] = ()
    """The text of each label's question; None where it was not kept."""
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    """Audits that are no labels, by the reason."""


class Setting:
    """Tiers, prices and promise, from the configuration and the command line."""

    def __init__(self, config_file: Path | None, route: str | None, tiers: str | None, prices: tuple[str, ...]) -> None:
        self.tiers = tuple(name.strip() for name in tiers.split(",")) if tiers else ("small", "large")
        self.route = route or ""
        self.max_quality_loss, self.delta, self.loss = 0.02, 0.05, "net"
        self.prices: dict[str, TierPrice] = {}
        self.deployments: dict[str, tuple[str, ...]] = {}
        if config_file is not None:
            self._read(config_file, route, keep_tiers=tiers is not None)
        self.prices.update(_price(text) for text in prices)
        if len(self.tiers) < 2 or len(set(self.tiers)) < len(self.tiers):
            raise click.UsageError(f"a cascade needs two different tiers or more, not: {', '.join(self.tiers)}")

    def _read(self, config_file: Path, named: str | None, *, keep_tiers: bool) -> None:
        from thriftgate.cascade.calibration.label_file import TierPrice
        from thriftgate.config.load import load
        from thriftgate.errors import ConfigurationError

        try:
            config = load(config_file, os.environ, require_keys=False)
        except ConfigurationError as error:
            raise click.ClickException(str(error)) from None
        self.route = cascaded_route(config.thriftgate, named)
        cascade = config.thriftgate.routes[self.route].cascade
        if not keep_tiers:
            self.tiers = tuple(tier.model for tier in cascade.tiers)
        self.max_quality_loss = cascade.promised or self.max_quality_loss
        self.loss = "net" if cascade.max_regressions is None else "regressions"
        self.delta = cascade.delta
        for tier in self.tiers:
            group = config.models.find(tier)
            if group is not None and group.price is not None:
                self.prices[tier] = TierPrice(group.price.input, group.price.output)
            if group is not None:
                self.deployments[tier] = tuple(one.model for one in group.deployments)


def cascaded_route(section: "ThriftgateConfig", named: str | None) -> str:
    """The route that is meant; the only one with two tiers or more where none is named. Raises click.UsageError."""
    cascaded = [name for name, route in section.routes.items() if len(route.cascade.tiers) > 1]
    if named is not None and named in section.routes:
        return named
    if named is not None or len(cascaded) != 1:
        raise click.UsageError(f"--route must be one of: {', '.join(section.routes)}")
    return cascaded[0]


def _price(text: str) -> "tuple[str, TierPrice]":
    from thriftgate.cascade.calibration.label_file import TierPrice

    tier, _, amounts = text.partition("=")
    into, _, out = amounts.partition("/")
    try:
        return tier, TierPrice(float(into) / 1e6, float(out or into) / 1e6)
    except ValueError:
        raise click.UsageError(f"--price reads TIER=IN/OUT, for example small=0.15/0.60, not '{text}'") from None


def labels_of_file(path: Path, setting: Setting, *, prompt_version: str, skip_bad_lines: bool) -> LabelSource:
    """The labels of a file of JSON lines; exits with code 2 when lines cannot be used and may not be skipped.

    They come in an order of their own: the same lines in another order are split alike, and prove the same.
    """
    from thriftgate.cascade.calibration.label_file import read_labels

    with path.open(encoding="utf-8", errors="replace") as lines:
        found = read_labels(lines, tiers=setting.tiers, prices=setting.prices)
    _refuse_bad_lines(found, path.name, skip=skip_bad_lines)
    if found.deployments is not None:
        # The answers' own word counts for more than what the configuration says today.
        setting.deployments = dict(found.deployments)
    version = prompt_version or found.prompt_version or ""
    in_order = sorted(zip(found.questions, found.labels, strict=True), key=lambda read: (read[0], str(read[1])))
    return LabelSource(
        name=path.name,
        labels=[label for _, label in in_order],
        problems=found.problems,
        prompt_version=version,
        questions=[question for question, _ in in_order],
    )


def labels_of_ledger(config: Path | None, setting: Setting, *, since: str | None) -> LabelSource:
    """The labels that the ledger's audits of a route make."""
    from thriftgate.cli.report.command import parse_since

    route = setting.route
    if config is None:
        raise click.UsageError("name a file with labels, or --config and --route whose audits are the labels")
    if len(setting.tiers) != 2:
        raise click.UsageError(
            f"audits compare one cheaper tier with the strongest, and '{route}' has {len(setting.tiers)} tiers: "
            "label questions in a file instead"
        )
    start = parse_since(since, now=time.time()) if since else None
    with waiting("reading the audits …"):
        found = asyncio.run(_read(config, route, setting.tiers, start))
    if not found.labels and not found.left_out:
        raise click.ClickException(
            f"the ledger has no audit of '{route}': they come together while it is used, if its cascade has an "
            "`audit.share` above 0"
        )
    return LabelSource(
        name=f"audits of {route}",
        labels=found.labels,
        prompt_version=found.prompt_version,
        questions=found.questions,
        left_out=found.left_out,
    )


async def _read(config: Path, route: str, tiers: Sequence[str], since: float | None) -> "AuditLabels":
    from thriftgate.config import load_section
    from thriftgate.services.checking.audit_labels import read_audit_labels

    section = load_section(config, os.environ)
    async with opened_ledger(section, config.parent) as ledger:
        return await read_audit_labels(ledger, route=route, tiers=tiers, since=since)


def _refuse_bad_lines(found: "LabelFile", name: str, *, skip: bool) -> None:
    for problem in found.problems[:_MOST_PROBLEMS]:
        click.echo(f"{name}, {problem}", err=True)
    if len(found.problems) > _MOST_PROBLEMS:
        click.echo(f"{name}: and {len(found.problems) - _MOST_PROBLEMS} more", err=True)
    if found.problems and not skip:
        click.echo(
            f"{len(found.problems)} lines cannot be used; put them right, or go on with --skip-bad-lines", err=True
        )
        raise SystemExit(2)
