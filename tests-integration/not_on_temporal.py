"""What the program promises and cannot hold on Temporal: which tests, each under its rule and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TESTS: Mapping[str, Sequence[str]] = {
    "rule 10: payloads to 2 MiB": ("test_payload_of_ten_megabytes_is_a_payload",),
    "rule 14: the time of a server is nobody's to move": (
        "test_computed_deadline[90-until1]",
        "test_computed_deadline[value2-until2]",
        "test_computed_deadline[value3-until3]",
        "test_deadline_that_cannot_be_fails_the_mission[value9]",
        "test_kept_signals_are_consumed_in_order_one_by_each_wait",
        "test_mission_whose_lines_all_wait",
        "test_name_of_no_signal_is_told_apart_from_a_signal_out_of_turn",
        "test_other_signal_is_refused",
        "test_scheduled_missions_are_listed_by_what_is_due_first_of_their_waits",
        "test_signal_during_a_timer_or_retry_wait_is_refused_at_once",
        "test_sleep_that_cannot_be_fails_the_mission[value9]",
        "test_start_at_is_ignored_in_comparing",
        "test_start_at_of_another_zone_is_the_same_instant",
        "test_wait_and_its_deadline_are_durable_with_the_step_before",
    ),
    "rule 15: what a parked mission costs is Temporal's to say": (
        "test_parked_missions_cost_no_task_and_no_thread",
        "test_parked_missions_leave_memory_although_their_handles_live",
    ),
    "rule 16: what was sent is not taken back when its caller is cancelled": (
        "test_caller_that_is_cancelled_withdraws_its_signal",
        "test_cancelling_the_sender_withdraws_a_held_signal",
        "test_held_signal_is_withdrawn_with_its_caller",
        "test_held_signal_takes_the_place_of_one_that_was_withdrawn",
        "test_update_takes_a_slot",
    ),
    "rule 16: which of requests that are sent at once comes first is the server's to say": (
        "test_cancel_is_idempotent_and_stops_waits_of_callers",
        "test_concurrent_update_runs_where_the_first_one_fails",
        "test_concurrent_signals_for_waits_in_a_row_are_each_applied",
        "test_first_reason_stays",
        "test_held_signals_are_applied_or_refused_in_order_of_arrival",
        "test_held_signals_are_looked_at_in_order_of_arrival",
        "test_held_signals_are_taken_in_the_order_in_which_they_came",
        "test_held_updates_and_signals_keep_their_order",
        "test_id_that_somebody_asks_for_meanwhile_is_taken",
        "test_many_items_of_many_steps_complete",
        "test_of_concurrent_signals_for_one_wait_one_is_applied",
        "test_of_concurrent_signals_the_first_valid_one_is_applied",
        "test_updates_and_signals_are_taken_one_after_another",
    ),
    "rule 17: an update runs in another process, whose trouble is told in other words": (
        "test_update_for_which_there_is_no_thread",
    ),
    "rule 19: `__cause__` is never the step's own exception, which was raised in another process": (
        "test_cause_of_a_failed_mission_is_what_the_path_raised",
        "test_cause_of_a_failure_here_is_the_steps_exception",
        "test_causes_of_long_ago_are_forgotten",
        "test_failure_is_the_same_after_a_restart",
        "test_start_raises_where_the_mission_fails_within_the_call",
        "test_undo_that_fails_for_good_does_not_stop_the_others",
        "test_update_whose_code_fails_records_nothing",
    ),
    "rule 20: lists are eventually consistent, and have no order of creation": (
        "test_a_wait_with_other_paths_that_run_is_listed",
        "test_all_are_iterated_over_page_by_page",
        "test_child_that_begins_after_a_restart",
        "test_children_are_listed_by_their_parent",
        "test_children_in_every_construct",
        "test_id_that_is_taken_fails_its_item_alone",
        "test_parent_waits_for_its_child",
        "test_what_is_planned_is_what_happens",
    ),
    "rule 21: it is tried until a worker has its definition": ("test_child_that_cannot_go_on_is_said_and_waited_for",),
    "rule 21: who learns of a definition is asked within 30 s": (
        "test_parent_that_cannot_run_here_is_told_when_it_can",
        "test_parent_that_does_not_fit_its_definition_is_told_when_it_does",
        "test_parent_waits_with_undoing_for_a_child_that_cannot_be_cancelled_yet",
    ),
    "rule 23: `doctor` looks at what a storage keeps beside histories": ("test_progress_is_told",),
    "rule 25: `max_concurrency` is of a worker, and code that waits for another mission keeps its slot": (
        "test_acceptance_does_not_wait_for_a_slot",
        "test_each_step_takes_a_slot_of_its_own",
        "test_items_take_turns_with_other_missions",
        "test_line_behind_a_join_keeps_the_slot",
        "test_mission_keeps_its_slot_from_step_to_step",
        "test_mission_that_is_paused_while_it_waits_for_a_slot_is_at_rest",
        "test_mission_that_waits_for_a_slot_is_cancelled_at_once",
        "test_mission_that_waits_for_a_slot_is_left_to_the_next_process",
        "test_missions_start_missions_three_deep_with_hardly_a_slot",
        "test_no_more_user_code_than_slots_whatever_the_paths",
        "test_path_behind_the_winner_that_waits_for_a_slot_never_begins",
        "test_paths_that_wait_for_a_slot_begin_in_the_order_of_opening",
        "test_signal_is_kept_before_there_is_a_slot",
        "test_slot_is_kept_from_step_to_step_within_a_path",
        "test_smaller_limit_after_a_process_that_had_too_few_slots",
        "test_step_may_act_on_other_missions",
        "test_step_that_begins_as_others_are_stopped_takes_another_slot",
        "test_stopped_async_code_keeps_its_slot_until_it_has_ended",
        "test_two_long_lists_take_turns",
    ),
    "rule 26: `settled()` is of a worker; a commander's has nothing to wait for, and no step holds it up": (
        "test_user_code_that_asks_its_own_mission_gets_an_error_and_no_deadlock[settled-step]",
        "test_user_code_that_asks_its_own_mission_gets_an_error_and_no_deadlock[settled-task]",
        "test_user_code_that_asks_its_own_mission_gets_an_error_and_no_deadlock[settled-thread]",
        "test_user_code_that_asks_its_own_mission_gets_an_error_and_no_deadlock[settled-update]",
    ),
    "rule 26: a commander is no worker; closing one stops no step, and a step may close it": (
        "test_step_that_closes_its_own_commander_is_told_not_to",
        "test_user_code_that_asks_its_own_mission_gets_an_error_and_no_deadlock[close-step]",
        "test_user_code_that_asks_its_own_mission_gets_an_error_and_no_deadlock[close-task]",
        "test_user_code_that_asks_its_own_mission_gets_an_error_and_no_deadlock[close-thread]",
        "test_user_code_that_asks_its_own_mission_gets_an_error_and_no_deadlock[close-update]",
    ),
    "rule 26: a worker that stops tells its steps a moment later": (
        "test_awaitable_that_a_thread_returns_while_closing_is_not_begun",
    ),
    "rule 26: what a stop has cut off is recorded by the next worker": (
        "test_running_coroutine_is_cancelled_and_recorded_as_closed",
        "test_thread_that_does_not_return_is_abandoned_after_the_grace",
    ),
    "rule 31: of definitions those are known that are registered": (
        "test_bad_input_leaves_no_trace",
        "test_definition_can_be_drawn_from_storage_alone",
        "test_mission_that_has_ended_stays_as_it_is_and_can_be_reopened",
    ),
    "rule 34: hundreds of activities at once take a dev server longer than a test may take": (
        "test_hundreds_of_children_at_once",
        "test_hundreds_of_items_are_undone",
        "test_thousand_rounds",
        "test_update_runs_beside_the_steps_after_a_second",
    ),
    "rule 34: items begin side by side, and activities in any order": ("test_each_within_each",),
    "rule 47: ids are 1,000 UTF-8 bytes": ("test_ids_of_children_may_be_of_any_length",),
    "rule 49: a child is cancelled whatever its definition": (
        "test_child_that_was_let_go_and_cannot_be_cancelled_yet",
    ),
    "rule 50: a step that awaits another mission keeps its slot, and it is not on record that it stands by": (
        "test_lost_path_gives_no_slot_back_that_its_step_had_lent",
        "test_slot_that_comes_while_another_task_of_the_step_lends_it_is_not_kept",
        "test_slot_that_was_lent_is_taken_again_before_user_code_goes_on",
        "test_step_counts_again_from_the_moment_of_the_answer",
        "test_step_runs_beside_one_that_waits_for_a_mission",
        "test_step_that_awaits_another_mission_stays_possible",
        "test_step_that_is_at_rest_is_cancelled",
        "test_step_that_is_at_rest_is_closed",
        "test_step_that_kills_its_process_after_its_wait_does_not_do_so_for_ever",
        "test_wait_for_the_end_of_another_mission_is_on_record_once",
    ),
}
"""Names of tests, with the parameters of those cases that are meant alone, by reasons."""

_REASONS = {test: reason for reason, tests in TESTS.items() for test in tests}


def why_not(test: str, case: str) -> str | None:
    """Return why a test, or one case of it, cannot hold; None for what has to."""
    return _REASONS.get(test) or _REASONS.get(case)
