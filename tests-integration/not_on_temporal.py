"""Which of the tests of what the program promises cannot hold on Temporal, each with its rule and why."""

from __future__ import annotations

from collections.abc import Mapping

CAUSE = "rule 19: `__cause__` is never the step's own exception, which was raised in another process"
CLOSE = "rule 26: closing a commander stops no worker"
ENGINE = "rule 15: what a parked mission costs is Temporal's to say"
LISTS = "rule 20: lists are eventually consistent, and have no order of creation"
MANY = "rule 34: hundreds of activities at once take a dev server longer than a test may take"
ORDER = "rule 16: which of requests that are sent at once comes first is the server's to say"
SIZES = "rule 10: payloads to 2 MiB"
SLOTS = "rule 25: `max_concurrency` is of a worker, and code that waits for another mission keeps its slot"
STAND_BY = "rule 50: a step that awaits another mission keeps its slot, and it is not on record that it stands by"
STORED = "rule 31: of definitions those are known that are registered"
TAKEN_BACK = "rule 16: what was sent is not taken back when its caller is cancelled"
TIME = "rule 14: the time of a server is nobody's to move"

FILES: Mapping[str, str] = {
    "test_closing": CLOSE,
    "test_concurrency": SLOTS,
    "test_computed_times": TIME,
    "test_waiting_for_missions": STAND_BY,
    "test_waiting_in_paths": STAND_BY,
    "test_foreign_code": "rule 6: what ends the loop of a worker ends the worker",
}
"""Files of which nothing, or hardly anything, holds."""

TESTS: Mapping[str, str] = {
    "test_a_wait_with_other_paths_that_run_is_listed": LISTS,
    "test_all_are_iterated_over_page_by_page": LISTS,
    "test_bad_input_leaves_no_trace": STORED,
    "test_cancelling_without_the_definition_changes_nothing": "rule 46: it waits for a worker that has the definition",
    "test_child_that_begins_after_a_restart": LISTS,
    "test_child_that_cannot_go_on_is_said_and_waited_for": "rule 21: it is tried until a worker has its definition",
    "test_id_that_somebody_asks_for_meanwhile_is_taken": ORDER,
    "test_mission_that_has_ended_stays_as_it_is_and_can_be_reopened": STORED,
    "test_mission_that_is_paused_while_it_waits_for_a_slot_is_at_rest": SLOTS,
    "test_progress_is_told": "rule 23: `doctor` looks at what a storage keeps beside histories",
    "test_what_is_planned_is_what_happens": LISTS,
    "test_what_needs_the_definition_says_so": "rule 21: it waits for a worker that has the definition",
    "test_cancelling_the_sender_withdraws_a_held_signal": TAKEN_BACK,
    "test_cause_of_a_failed_mission_is_what_the_path_raised": CAUSE,
    "test_cause_of_a_failure_here_is_the_steps_exception": CAUSE,
    "test_causes_of_long_ago_are_forgotten": CAUSE,
    "test_child_that_was_let_go_and_cannot_be_cancelled_yet": "rule 49: a child is cancelled whatever its definition",
    "test_children_are_listed_by_their_parent": LISTS,
    "test_children_in_every_construct": LISTS,
    "test_concurrent_signals_for_waits_in_a_row_are_each_applied": ORDER,
    "test_context_is_that_of_the_commander": "rule 5: code runs in the context of its worker",
    "test_definition_can_be_drawn_from_storage_alone": STORED,
    "test_each_step_takes_a_slot_of_its_own": SLOTS,
    "test_each_within_each": "rule 34: items begin side by side, and activities in any order",
    "test_failure_is_the_same_after_a_restart": CAUSE,
    "test_held_signal_takes_the_place_of_one_that_was_withdrawn": TAKEN_BACK,
    "test_held_signals_are_applied_or_refused_in_order_of_arrival": ORDER,
    "test_held_updates_and_signals_keep_their_order": ORDER,
    "test_hundreds_of_children_at_once": MANY,
    "test_hundreds_of_items_are_undone": MANY,
    "test_id_that_is_taken_fails_its_item_alone": LISTS,
    "test_ids_of_children_may_be_of_any_length": "rule 47: ids are 1,000 UTF-8 bytes",
    "test_interrupted_missions_resume_in_order_of_creation_page_by_page": LISTS,
    "test_items_take_turns_with_other_missions": SLOTS,
    "test_kept_signals_are_consumed_in_order_one_by_each_wait": TIME,
    "test_key_is_remembered_without_the_definition": "rule 52: a payload that does not fit is refused by who sends it",
    "test_line_behind_a_join_keeps_the_slot": SLOTS,
    "test_many_items_of_many_steps_complete": MANY,
    "test_mission_has_the_labels_of_its_start": LISTS,
    "test_mission_that_waits_for_a_slot_is_cancelled_at_once": SLOTS,
    "test_mission_whose_lines_all_wait": TIME,
    "test_name_of_no_signal_is_told_apart_from_a_signal_out_of_turn": TIME,
    "test_no_more_user_code_than_slots_whatever_the_paths": SLOTS,
    "test_of_concurrent_signals_for_one_wait_one_is_applied": ORDER,
    "test_other_signal_is_refused": TIME,
    "test_of_concurrent_signals_the_first_valid_one_is_applied": ORDER,
    "test_outcomes_that_come_with_the_close_are_recorded": CLOSE,
    "test_parent_that_cannot_run_here_is_told_when_it_can": "rule 21: who learns of a definition is asked within 30 s",
    "test_parent_that_does_not_fit_its_definition_is_told_when_it_does": "rule 22: as above",
    "test_parent_waits_for_its_child": LISTS,
    "test_parent_waits_without_a_task": ENGINE,
    "test_parked_missions_cost_no_task_and_no_thread": ENGINE,
    "test_parked_missions_leave_memory_although_their_handles_live": ENGINE,
    "test_path_behind_the_winner_that_waits_for_a_slot_never_begins": SLOTS,
    "test_paths_that_wait_for_a_slot_begin_in_the_order_of_opening": SLOTS,
    "test_payload_of_ten_megabytes_is_a_payload": SIZES,
    "test_payload_without_json_form_is_still_no_payload": "rule 52: it is refused by who sends it, in other words",
    "test_recovery_reads_no_parked_mission": ENGINE,
    "test_scheduled_missions_are_listed_by_what_is_due_first_of_their_waits": TIME,
    "test_signal_is_kept_before_there_is_a_slot": SLOTS,
    "test_slot_is_kept_from_step_to_step_within_a_path": SLOTS,
    "test_smaller_limit_after_a_process_that_had_too_few_slots": SLOTS,
    "test_start_at_is_ignored_in_comparing": TIME,
    "test_start_at_of_another_zone_is_the_same_instant": TIME,
    "test_start_raises_where_the_mission_fails_within_the_call": CAUSE,
    "test_start_that_was_cancelled_early_is_settled_by_if_exists": TAKEN_BACK,
    "test_step_counts_again_from_the_moment_of_the_answer": SLOTS,
    "test_step_may_act_on_other_missions": SLOTS,
    "test_step_still_may_not_signal_its_own_mission": "rule 16: an error of the step's, told in other words",
    "test_step_that_awaits_another_mission_stays_possible": SLOTS,
    "test_step_that_begins_as_others_are_stopped_takes_another_slot": SLOTS,
    "test_stopped_async_code_keeps_its_slot_until_it_has_ended": SLOTS,
    "test_thousand_rounds": MANY,
    "test_two_long_lists_take_turns": SLOTS,
    "test_undo_that_fails_for_good_does_not_stop_the_others": CAUSE,
    "test_update_runs_beside_the_steps_after_a_second": SLOTS,
    "test_update_whose_code_fails_records_nothing": CAUSE,
    "test_wait_and_its_deadline_are_durable_with_the_step_before": TIME,
}
"""Tests by their names."""


def why_not(path_stem: str, test: str) -> str | None:
    """Return why a test cannot hold; None for one that has to."""
    return FILES.get(path_stem) or TESTS.get(test)
