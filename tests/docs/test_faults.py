"""What was found by trying the product against public bug reports, and the tests that hold it now.

An entry is a kind of fault, by the number it has in `../shared/faults/round2.md`. Its tests ask a running gateway over
HTTP; what is no matter of a request (commands, files, containers) is held where it is.
"""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOUND = Path(os.environ.get("THRIFTGATE_DATA", ROOT.parent / "shared" / "data")).parent / "faults" / "round2.md"

OVER_HTTP: dict[str, tuple[str, str]] = {
    "K1": ("a fault of the client's data closes no deployment",
           "test_an_attachment_that_cannot_be_had_closes_nothing_to_others "
           "test_what_cannot_be_fetched_closes_nothing_wherever_it_stands"),
    "K2": ("nothing that a client names is resolved",
           "test_a_schema_of_a_client_is_never_fetched test_a_pattern_of_a_client_takes_no_time "
           "test_nothing_that_a_client_names_is_fetched test_what_a_callers_json_schema_names_is_never_fetched "
           "test_a_variable_is_data_whatever_it_looks_like"),
    "K3": ("linear work over a client's text",
           "test_a_long_text_is_answered_wherever_it_stands test_hostile_bodies_hurt_nobody"),
    "K4": ("what is shipped works with what people have",
           "test_with_one_providers_key_what_is_printed_answers_and_so_does_the_demo "
           "test_with_both_keys_either_provider_may_be_down"),
    "K5": ("parameters of each dialect are taken",
           "test_thinking_reaches_an_anthropic_tier_unchanged test_parameters_that_litellm_renames_are_taken "
           "test_what_a_dialect_has_is_taken_by_the_shipped_route"),
    "K6": ("no derived parameter beside the client's own",
           "test_max_completion_tokens_goes_alone test_a_tier_gets_one_limit_of_tokens"),
    "K7": ("a verdict of one model is not one about the request",
           "test_what_a_cheap_tier_refuses_is_asked_of_the_next "
           "test_a_request_that_every_provider_rejects_is_the_clients_400 "
           "test_a_shape_that_is_no_answer_is_the_next_tiers_chance"),
    "K8": ("a client can tell its own fault from ours",
           "test_too_long_is_the_clients_400 test_a_tier_of_another_dialect_says_too_long_in_the_clients "
           "test_when_to_come_back_reaches_every_client test_the_last_tiers_class_reaches_the_client "
           "test_a_callers_timeout_is_one_deadline_and_closes_nothing test_a_stream_with_nothing_in_it_is_a_failure "
           "test_a_plain_models_error_names_no_class_and_no_group "
           "test_a_count_that_fails_says_whose_fault_it_is test_a_refusal_is_one_whatever_stands_beside"),
    "K9": ("all that was sent is in the scope",
           "test_two_documents_are_two_questions test_an_answer_to_another_conversation_is_never_served "
           "test_whatever_differs_keeps_answers_apart"),
    "K10": ("what did not finish is neither accepted nor kept",
            "test_a_whole_answer_that_did_not_finish_is_escalated_and_not_kept "
            "test_an_unfinished_answer_of_the_last_tier_is_told_as_such_and_not_kept "
            "test_a_message_that_did_not_finish_is_escalated_and_not_kept "
            "test_a_stream_that_did_not_finish_is_never_a_hit test_the_mark_of_an_end_within_an_answer_ends_nothing "
            "test_a_whole_answer_read_in_another_dialect_that_did_not_finish_is_never_a_hit "
            "test_a_response_read_as_messages_is_finished_only_where_it_says_so"),
    "K11": ("one price function",
            "test_usage_that_cannot_be_believed_is_estimated_and_says_so "
            "test_a_request_is_charged_once_whole_or_streamed "
            "test_odd_usage_of_a_stream_takes_neither_its_ending_nor_its_summary"),
    "K12": ("differences that the embedder does not see",
            "test_another_number_in_the_question_is_no_hit "
            "test_a_twin_that_the_embedder_cannot_tell_apart_has_an_answer_of_its_own"),
    "K13": ("streams are put together", "test_thinking_of_a_stream_is_one_block_with_its_signature"),
    "K14": ("empty deltas make no block",
            "test_a_tool_call_streams_in_pieces_that_join_to_its_arguments "
            "test_a_route_of_one_tier_is_the_plain_model"),
    "K15": ("Anthropic's own reaches an Anthropic tier",
            "test_what_only_anthropic_has_reaches_it_through_a_route test_what_no_tier_would_get_is_refused_by_name "
            "test_a_tier_that_would_not_get_it_is_left_out test_an_anthropic_tier_gets_what_an_anthropic_client_sent"),
    "K16": ("unknown fields pass", "test_a_route_of_one_tier_is_the_plain_model"),
    "K17": ("exact is exact", "test_a_twin_that_the_embedder_cannot_tell_apart_has_an_answer_of_its_own"),
    "K18": ("an alias is the route", "test_an_alias_is_the_route"),
    "K19": ("depth is bounded",
            "test_a_request_that_is_nested_too_deeply_is_a_400_in_words test_a_deep_schema_within_the_bound_is_served"),
    "K20": ("endpoints that no route serves", "test_an_endpoint_that_no_route_serves_says_so"),
    "K21": ("content that is not text",
            "test_audio_is_an_answer test_the_last_tiers_answer_of_any_content_reaches_the_client"),
    "K22": ("a provider's odd field is not fatal",
            "test_an_odd_answer_of_a_cheap_tier_costs_no_client_its_answer "
            "test_an_odd_answer_of_the_only_tier_is_an_answer_or_an_error_in_words "
            "test_an_odd_message_of_a_cheap_tier_costs_no_client_its_answer "
            "test_a_shape_that_is_no_answer_of_the_only_tier_is_an_error_in_words"),
    "N1": ("the breaker closes no route",
           "test_a_dead_primary_and_a_bad_request_close_the_route_to_nobody "
           "test_a_dead_primary_and_a_refusal_close_the_route_to_nobody"),
    "N2": ("a closed group is tried again",
           "test_what_one_request_makes_fail_is_there_for_the_next "
           "test_a_group_that_is_down_is_tried_again_once_a_second_and_not_by_every_request"),
    "N3": ("a restart is no outage",
           "test_under_steady_load_no_request_fails_across_reloads_and_a_broken_file_keeps_the_old_proxy "
           "test_streams_that_outlive_the_drain_are_cut_with_an_error_event_and_booked"),
    "N7": ("a forced tool is structured output",
           "test_a_single_forced_tool_is_structured_output_and_its_arguments_are_checked "
           "test_a_forced_tool_cascades_and_is_kept_in_every_dialect"),
    "N8": ("the limit of tokens splits no cache",
           "test_an_answer_that_ended_below_the_askers_limit_is_the_same_answer"),
    "N12": ("prices of `model_info` are prices",
            "test_a_price_in_model_info_is_charged_and_booked_whole_and_streamed"),
    "N13": ("a clean stop loses no rows",
            "test_what_was_answered_and_what_is_in_flight_is_booked_and_traced test_every_worker_writes_what_it_knows"),
    "N14": ("who may look may not purge",
            "test_who_may_only_look_may_not_purge test_who_may_only_look_changes_nothing_anywhere"),
}  # fmt: skip
ELSEWHERE: dict[str, tuple[str, str]] = {
    "K12": (
        "835 pairs with the real embedder, both ways, alone and in a long sentence",
        "test_no_other_question_is_answered_from_the_cache",
    ),
    "K13": (
        "every chunking of every dialect's answers",
        "test_a_stream_cut_anywhere_assembles_to_the_whole_answer test_a_replay_assembles_to_the_answer_it_was_made_of",
    ),
    "K22": (
        "the transports and readers of two dozen providers",
        "test_an_answer_that_nobody_can_read_is_its_providers_fault "
        "test_a_deployment_that_is_not_set_up_is_no_fault_of_a_request",
    ),
    "K11": (
        "a table of prices, whole and streamed, in the ledger and in LiteLLM's charge",
        "test_a_call_costs_the_hand_sum_of_its_usage_in_the_ledger_and_in_litellms_charge "
        "test_a_price_of_a_second_is_charged_for_the_time_that_a_call_took",
    ),
    "N4": ("the acceptance rule is in the scope", "test_another_bar_for_answers_is_another_scope"),
    "N5": (
        "what `check` says: a file for each mistake, with its words",
        "test_a_bad_configuration_is_refused_with_all_its_mistakes",
    ),
    "N6": ("commands find their gateway", "test_the_key_is_found_where_the_gateway_left_it"),
    "N16": (
        "models about to retire are named",
        "test_the_end_of_a_model_is_announced_three_months_before_by_its_latest_dated_name",
    ),
    "N15": ("health checks are booked apart", "test_a_health_check_is_booked_apart_from_what_somebody_asked_for"),
    "N11": ("containers", "test_a_stop_waits_longer_than_the_gateway_may_drain"),
}
SAID: dict[str, tuple[str, str]] = {
    "N9": ("what the first bill claims", "README.md"),
    "N10": ("the page", "docs/design/page.md"),
}
"""Entries that no test decides, and the document that says how it is."""


def test_every_entry_is_held_by_tests_that_exist() -> None:
    http = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "proxy").rglob("test_*.py"))
    every = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for table, written in ((OVER_HTTP, http), (ELSEWHERE, every)):
        missing = [name for _, names in table.values() for name in names.split() if f"def {name}(" not in written]
        assert not missing
    assert all((ROOT / path).exists() for _, path in SAID.values())


def test_no_entry_is_forgotten() -> None:
    if not FOUND.exists():
        pytest.skip(f"{FOUND} is not here")
    entries = set(re.findall(r"^\*\*([KN]\d+)\.", FOUND.read_text(encoding="utf-8"), re.MULTILINE))
    assert len(entries) > 30
    assert entries == OVER_HTTP.keys() | ELSEWHERE.keys() | SAID.keys()
