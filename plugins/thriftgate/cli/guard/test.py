"""`thriftgate guard test`: what the guards find in a text, and why.

Failure behaviour: nothing is sent or kept. A section `guards` that is not there, in a file or for want of one, is
read as its defaults.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thriftgate.cli.gateway.check import DEFAULT_CONFIG
from thriftgate.cli.waiting import waiting
from thriftgate.config import EmbedderConfig, load_section
from thriftgate.config.sections.guards import GuardsConfig

if TYPE_CHECKING:
    from thriftgate.services.guards.inspecting import Explanation

_SHOWN = 5


@click.command("test", short_help="Say what the guards find in a text, and why.")
@click.argument("text")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path),
    help=f"LiteLLM's file; its section `guards`. Default: {DEFAULT_CONFIG}, where there is one.",
)  # fmt: skip
@click.option("--model", default="", help="A route or model whose own actions hold.")
@click.option("--answer", "is_answer", is_flag=True, help="Look at TEXT as at an answer, not as at a request.")
@click.option("--tool", "is_tool", is_flag=True, help="Look at TEXT as at what a tool gave back.")
@click.option("--words-only", is_flag=True, help="Without any model: by words and phrases alone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    text: str, *, config_file: Path | None, model: str, is_answer: bool, is_tool: bool, words_only: bool, as_json: bool
) -> None:
    """Look at TEXT (`-` reads standard input) with every guard, and print each finding with rule, score and span."""
    text = sys.stdin.read() if text == "-" else text
    config, base_dir, embedder = GuardsConfig(), Path.cwd(), EmbedderConfig()
    if config_file is None and Path(DEFAULT_CONFIG).is_file():
        config_file = Path(DEFAULT_CONFIG)
    if config_file is not None:
        loaded = load_section(config_file, os.environ)
        config, base_dir, embedder = loaded.guards or config, config_file.absolute().parent, loaded.embedder
    place = "answer" if is_answer else "tool" if is_tool else "user"
    with waiting("reading the model and looking …"):
        found = asyncio.run(
            _looked(text, config, base_dir, model=model, place=place, embedding=None if words_only else embedder)
        )
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    if model and model not in config.models:
        click.echo(f"nothing differs for '{model}': what the section says holds")
    _show(found, model)


def _show(found: Mapping[str, Any], model: str) -> None:
    is_shadow = any(one["shadow"] for one in found["findings"])
    click.secho(
        f"action: {found['action']}{' (shadow: findings are noted, nothing else)' if is_shadow else ''}", bold=True
    )
    for one in found["findings"]:
        if "span" not in one:
            click.echo(f"{one['guard']}: {one['rule']}")
            continue
        start, end = one["span"]
        click.echo(
            f"{one['guard']}: {one['rule']}, score {one['score']:.2f}, characters {start}-{end}: {one['action']}"
        )
    if not found.get("is_protected", True):
        click.echo(f"nothing is looked at: `protect` is false for '{model}'")
    elif not found["findings"]:
        click.echo("nothing was found")
    for name in found.get("not_looked_at", ()):
        click.echo(f"not looked at: {name}, for which a running gateway is needed")
    for one in found.get("pieces", ()):
        layer = f" ({one['layer']})" if one["layer"] else ""
        phrases = f": {', '.join(one['phrases'])}" if one["phrases"] else ""
        by_model = f", with its vector {one['with_vector']:.2f}" if "with_vector" in one else ""
        click.echo(f"  by words {one['score']:.2f}{by_model}, characters {one['start']}-{one['end']}{layer}{phrases}")
    if "model" in found:
        click.echo(f"  the model of attacks: {found['model']}")


async def _looked(
    text: str, config: GuardsConfig, base_dir: Path, *, model: str, place: str, embedding: EmbedderConfig | None
) -> dict[str, Any]:
    # numpy, the weights and the model take a second, which `--help` need not wait for.
    from thriftgate.guards.injection import explained
    from thriftgate.proxy.compose.guards import attack_model, guard_service
    from thriftgate.services.guards.decisions import audit_lines
    from thriftgate.services.guards.inspecting import Said
    from thriftgate.stores.embedders import embedder_of

    data_dir = base_dir / ".thriftgate"
    embedder, attacks = None, None
    if embedding is not None and place != "answer":
        attacks = attack_model(config, data_dir)
        if config.injection.known is not None:
            embedder = embedder_of(embedding, data_dir, remembers=False)
    try:
        service = guard_service(config, base_dir=base_dir, model=attacks, embedder=embedder, analyzer=None)
        policy = service.policies.policy_of(model)
        if policy is None:
            return {"action": "off", "findings": [], "is_protected": False}
        if place == "answer":
            decision = await service.answer(text, policy, None)
            wanted = {"pii": config.pii is not None, "system_prompt": policy.action("system_prompt") != "off"}
            return {
                "action": decision.action,
                "findings": list(audit_lines(decision)),
                "not_looked_at": [name for name, is_wanted in wanted.items() if is_wanted],
            }
        if attacks is not None and policy.looks_for_attacks(place):
            with suppress(Exception):  # it is named by the look
                await attacks.warm_up()  # as long as that takes: nobody else waits here
        decision, told = await service.explain(Said(text, place), policy)
        found: dict[str, Any] = {
            "action": decision.action,
            "findings": list(audit_lines(decision)),
            **({"not_looked_at": ["judge"]} if policy.action("judge") != "off" else {}),
        }
        if told is None:
            guard = "tools" if place == "tool" else "injection"
            is_off = policy.action(guard) == "off"
            why = f"`{guard}` is off" if is_off else "the text was refused before it was read"
            return {**found, "pieces": [], "model": f"not asked: attacks are not looked for, as {why}"}
        shown = sorted(zip(told.pieces, told.scores, strict=True), key=lambda one: -max(one[1], one[0].score))[:_SHOWN]
        return {
            **found,
            "score": round(told.worst.score, 4) if told.worst else 0.0,
            "pieces": [
                {"start": one.start, "end": one.end, "layer": one.layer, "score": round(one.score, 4),
                 "phrases": explained(one.text),
                 **({"with_vector": round(score, 4)} if one.text in told.asked else {})}
                for one, score in shown
            ],
            "model": _asked(told, is_left_out=embedding is None),
        }  # fmt: skip
    finally:
        for one in (embedder, attacks):
            if one is not None:
                await one.close()


def _asked(told: "Explanation", *, is_left_out: bool) -> str:
    if not told.has_model:
        why = "left out (--words-only)" if is_left_out else "there is none (`guards.injection.model` is none)"
        return f"{why}; what counts is by words alone"
    if told.failure is not None:
        return f"failed ({type(told.failure).__name__}); what counts is by words alone"
    if not told.asked:
        return "not asked: whatever it said, the verdict would be the same"
    return f"asked about {len(told.asked)} of {len(told.pieces)} windows, those where it can decide"
