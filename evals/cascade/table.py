"""The results as a Markdown table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def write_table(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Write both tables: promises, and frontiers with hindsight."""
    path.write_text(
        "\n".join([*_promises(results), "", *_frontiers(results), "", *_serving(results)]) + "\n", encoding="utf-8"
    )


def _promises(results: Sequence[dict[str, Any]]) -> list[str]:
    lines = [
        "Promised with 95 % confidence, on the held-out half; cost as a share of always-strong, mean over resplits.",
        "",
        "| set | promise | method | cost | cost, threshold with hindsight | mean loss "
        "| kept, held-out half as measured | resplits that accept anything |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        for key, one in result["summary"]["promises"].items():
            limit, method = key.split()
            lines.append(
                f"| {result['set']} | {100 * float(limit):g} % | {method} | {100 * one['cost']:.1f} % "
                f"| {100 * one['hindsight_cost']:.1f} % | {100 * one['loss']:.2f} % "
                f"| {one['kept_on_held_out_half']}/{one['of']} "
                f"| {one['accepts']}/{one['of']} |"
            )
    return lines


def _frontiers(results: Sequence[dict[str, Any]]) -> list[str]:
    lines = [
        "Cost at a share of the strong tier's quality, every threshold chosen with hindsight on the held-out half.",
        "",
        "| set | n | AUROC (no worse) | APGR | at | calibrated | best single signal | random mixing | oracle |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        found = result["summary"]
        estimate, low, high = found["auroc_no_worse"]
        for target in ("0.95", "0.98"):
            at = found[f"at_{target}"]
            costs = " | ".join(
                f"{100 * at[name]:.1f} %" for name in ("calibrated", "best_fixed_threshold", "random", "oracle")
            )
            lines.append(
                f"| {result['set']} | {result['n']:,} | {estimate:.3f} [{low:.3f}, {high:.3f}] "
                f"| {found['apgr'][0]:.3f} | {100 * float(target):g} % | {costs} |"
            )
    return lines


def _serving(results: Sequence[dict[str, Any]]) -> list[str]:
    lines = [
        "The artefact (5 % promise) written, read back and served question by question; own work in CPU milliseconds.",
        "",
        "| set | questions | same tier as the replay | cheap answers | loss | mean | p99 |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        one = result["served"]
        agrees = "everything escalates" if one["agrees_with_replay"] is None else f"{one['agrees_with_replay']:.1%}"
        lines.append(
            f"| {result['set']} | {one['questions']:,} | {agrees} | {one['cheap_share']:.1%} "
            f"| {one['quality_loss']:.2%} | {one['own_work_ms']['mean']:.2f} | {one['own_work_ms']['p99']:.2f} |"
        )
    return lines
