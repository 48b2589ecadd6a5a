"""What LiteLLM's own offline guards make of the same texts: `python -m evals.safety.builtins`.

Its content filter with the five categories of prompt injection at severity `low`, action BLOCK, as a guardrail would
run it; on the same test quarter of each source as `results/safety.json`. Its heuristic `detect_prompt_injection`
compares every substring with some 250 phrases, seconds for a long text: with `--heuristic`, of each source the first
ten of at most 200 characters.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any, cast

from evals.safety.sets import data_folder, read_attacks, read_benign
from evals.safety.train import part_of, share

_RESULTS = Path(__file__).parent / "results" / "builtins.json"
_CATEGORIES = ("jailbreak", "system_prompt", "data_exfiltration", "malicious_code", "sql")
_FEW, _SHORT = 10, 200


async def measured(folder: Path) -> dict[str, Any]:
    """Both, source by source."""
    # What is measured here is LiteLLM, whose import takes ten seconds.
    from fastapi import HTTPException
    from litellm.proxy.guardrails.guardrail_hooks.litellm_content_filter import content_filter  # noqa: TID251
    from litellm.proxy.hooks import prompt_injection_detection  # noqa: TID251

    categories = [
        {"category": f"prompt_injection_{name}", "enabled": True, "action": "BLOCK", "severity_threshold": "low"}
        for name in _CATEGORIES
    ]
    content: Any = content_filter.ContentFilterGuardrail(guardrail_name="filter", categories=cast("Any", categories))
    heuristic: Any = prompt_injection_detection._OPTIONAL_PromptInjectionDetection()  # pyright: ignore[reportPrivateUsage]

    async def is_blocked(text: str) -> bool:
        try:
            await content.apply_guardrail(inputs={"texts": [text]}, request_data={}, input_type="request")
        except HTTPException:
            return True
        return False

    results: dict[str, Any] = {"content filter": {}, "detect_prompt_injection": {}}
    spent, looked = 0.0, 0
    for is_attack, sets in ((True, read_attacks(folder)), (False, read_benign(folder))):
        for name, texts in sets.items():
            tested = [text for text in texts if part_of(name, text, is_attack=is_attack) == "test"]
            if not tested:
                continue
            before = time.process_time()
            hits = sum([await is_blocked(text) for text in tested])
            spent, looked = spent + time.process_time() - before, looked + len(tested)
            results["content filter"][name] = share(hits, len(tested))
            few = [text for text in tested if len(text) <= _SHORT][:_FEW]
            if few and "--heuristic" in sys.argv:
                caught = sum(bool(heuristic.check_user_input_similarity(text)) for text in few)
                results["detect_prompt_injection"][name] = share(caught, len(few))
            print(name, results["content filter"][name], flush=True)
    results["content filter, CPU ms a text"] = round(1000 * spent / looked, 2)
    return results


def main() -> int:
    """Measure and keep."""
    folder = data_folder()
    if folder is None:
        print("evals/safety: THRIFTGATE_DATA is not there; nothing was measured")
        return 0
    results = asyncio.run(measured(folder))
    _RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
