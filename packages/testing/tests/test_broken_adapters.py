"""The contract catches what breaks it: each broken adapter fails the tests that name its promise, and no others."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType

import pytest

from mission_control.testing import PersistenceAdapterContract, conformance

from .broken import answers, commits, due, lifecycle, listings, schedules, values, waits
from .broken.memory import Memory

FAILS: dict[type[Memory], set[str]] = {
    answers.LosesAnswers: {
        "answers_are_durable_with_their_commit",
        "answers_of_a_stale_member_are_not_written",
    },
    answers.ForgetsAnswers: {"answers_are_durable_with_their_commit"},
    answers.AnswersWhatIsStale: {"answers_of_a_stale_member_are_not_written"},
    commits.LosesTheLastMission: {
        "a_commit_writes_a_schedule_with_its_mission",
        "a_mission_shows_what_started_it",
        "a_page_goes_on_after_any_id",
        "children_are_listed_behind_their_parent",
        "closing_finishes_a_commit_under_way",
        "every_member_of_a_batch_is_written",
        "every_shape_of_summary_is_kept",
        "every_type_of_record_is_kept",
        "missions_of_one_batch_are_listed_in_its_order",
        "nesting_and_emptiness_are_kept",
        "numbers_are_kept",
        "odd_keys_are_kept",
        "odd_text_is_kept",
        "outcomes_come_in_the_order_of_the_batch",
        "reads_may_overlap",
        "scheduled_missions_wait_for_a_timer_or_a_retry",
        "the_next_due_time_of_a_kind",
        "waits_of_any_name_are_told_apart",
        "what_waits_for_a_time_becomes_due",
    },
    commits.LosesTheLastRecord: {
        "a_batch_may_create_and_continue_missions",
        "a_cancelled_commit_is_whole_or_nothing",
        "an_id_that_is_asked_for_twice_is_answered_twice",
        "an_id_that_is_taken_earlier_in_the_batch",
        "an_unknown_mission_is_none_in_its_place",
        "closing_finishes_a_commit_under_way",
        "every_member_of_a_batch_is_written",
        "reads_may_overlap",
        "reopened_storage_has_every_record",
        "the_others_are_written_beside_a_stale_member",
    },
    commits.LoadsByTheTextOfSeq: {"reads_may_run_beside_a_commit", "records_are_appended"},
    commits.CommitsHalf: {"a_commit_that_raises_is_whole_or_nothing"},
    commits.BreaksForEverWhenItRaises: {"a_commit_follows_one_that_raised"},
    commits.IgnoresTheExpectedVersion: {
        "a_mission_goes_on_after_a_stale_commit",
        "a_new_mission_whose_id_exists_is_stale",
        "a_stale_member_lets_nothing_go",
        "a_stale_member_opens_and_closes_nothing",
        "a_stale_member_writes_no_definition",
        "a_stale_member_writes_no_records",
        "a_stale_member_writes_no_summary",
        "a_version_that_differs_is_stale",
        "answers_of_a_stale_member_are_not_written",
        "children_are_not_written_without_their_parent",
        "outcomes_come_in_the_order_of_the_batch",
        "reopened_storage_checks_versions",
        "the_schedule_of_a_stale_member_is_not_written",
    },
    commits.AcceptsLaterVersions: {
        "a_stale_member_lets_nothing_go",
        "a_stale_member_opens_and_closes_nothing",
        "a_stale_member_writes_no_records",
        "a_stale_member_writes_no_summary",
        "a_version_that_differs_is_stale",
        "outcomes_come_in_the_order_of_the_batch",
        "reopened_storage_checks_versions",
    },
    commits.CreatesOverWhatExists: {
        "a_mission_goes_on_after_a_stale_commit",
        "a_new_mission_whose_id_exists_is_stale",
        "a_stale_member_writes_no_definition",
        "a_stale_member_writes_no_records",
        "a_stale_member_writes_no_summary",
        "answers_of_a_stale_member_are_not_written",
        "outcomes_come_in_the_order_of_the_batch",
        "reopened_storage_checks_versions",
        "the_schedule_of_a_stale_member_is_not_written",
    },
    commits.RaisesWhatIsStale: {
        "a_childs_id_that_is_taken_makes_its_parent_stale",
        "a_mission_goes_on_after_a_stale_commit",
        "a_new_mission_whose_id_exists_is_stale",
        "a_parent_is_not_written_without_its_children",
        "a_stale_member_lets_nothing_go",
        "a_stale_member_opens_and_closes_nothing",
        "a_stale_member_writes_no_definition",
        "a_stale_member_writes_no_records",
        "a_stale_member_writes_no_summary",
        "a_version_that_differs_is_stale",
        "an_id_that_is_taken_earlier_in_the_batch",
        "answers_of_a_stale_member_are_not_written",
        "children_are_not_written_without_their_parent",
        "outcomes_come_in_the_order_of_the_batch",
        "reopened_storage_checks_versions",
        "the_others_are_written_beside_a_stale_member",
        "the_schedule_of_a_stale_member_is_not_written",
        "what_a_stale_family_would_have_taken_is_free",
    },
    commits.LetsOneStaleMemberStopTheBatch: {
        "a_commit_that_raises_is_whole_or_nothing",
        "a_parent_is_not_written_without_its_children",
        "a_stale_member_lets_nothing_go",
        "a_stale_member_opens_and_closes_nothing",
        "an_id_that_is_taken_earlier_in_the_batch",
        "answers_of_a_stale_member_are_not_written",
        "children_are_not_written_without_their_parent",
        "outcomes_come_in_the_order_of_the_batch",
        "the_others_are_written_beside_a_stale_member",
        "the_schedule_of_a_stale_member_is_not_written",
        "what_a_stale_family_would_have_taken_is_free",
    },
    commits.ReturnsOnlyWhatIsStale: {
        "a_parent_is_not_written_without_its_children",
        "a_stale_member_lets_nothing_go",
        "a_stale_member_opens_and_closes_nothing",
        "an_id_that_is_taken_earlier_in_the_batch",
        "answers_of_a_stale_member_are_not_written",
        "children_are_not_written_without_their_parent",
        "outcomes_come_in_the_order_of_the_batch",
        "the_schedule_of_a_stale_member_is_not_written",
        "what_a_stale_family_would_have_taken_is_free",
    },
    commits.MixesUpOutcomes: {
        "a_parent_is_not_written_without_its_children",
        "an_id_that_is_taken_earlier_in_the_batch",
        "outcomes_come_in_the_order_of_the_batch",
    },
    commits.ReturnsAnotherError: {
        "a_childs_id_that_is_taken_makes_its_parent_stale",
        "a_version_that_differs_is_stale",
        "outcomes_come_in_the_order_of_the_batch",
    },
    commits.NamesNoStaleMission: {
        "a_childs_id_that_is_taken_makes_its_parent_stale",
        "a_parent_is_not_written_without_its_children",
        "a_stale_member_lets_nothing_go",
        "a_stale_member_opens_and_closes_nothing",
        "a_version_that_differs_is_stale",
        "an_id_that_is_taken_earlier_in_the_batch",
        "children_are_not_written_without_their_parent",
        "what_a_stale_family_would_have_taken_is_free",
    },
    commits.NamesTheParentOfAStaleChild: {
        "a_childs_id_that_is_taken_makes_its_parent_stale",
        "a_parent_is_not_written_without_its_children",
        "a_stale_member_lets_nothing_go",
        "a_stale_member_opens_and_closes_nothing",
        "an_id_that_is_taken_earlier_in_the_batch",
        "what_a_stale_family_would_have_taken_is_free",
    },
    commits.WritesChildrenByThemselves: {
        "a_parent_is_not_written_without_its_children",
        "a_stale_member_lets_nothing_go",
        "a_stale_member_opens_and_closes_nothing",
        "an_id_that_is_taken_earlier_in_the_batch",
        "answers_of_a_stale_member_are_not_written",
        "children_are_not_written_without_their_parent",
        "the_schedule_of_a_stale_member_is_not_written",
        "what_a_stale_family_would_have_taken_is_free",
    },
    commits.LosesChildren: {
        "a_child_goes_on_like_any_mission",
        "a_child_that_was_let_go_is_a_stray_until_it_ends",
        "a_child_that_was_never_awaited_is_no_stray",
        "a_childs_id_that_is_taken_makes_its_parent_stale",
        "a_parent_is_not_written_without_its_children",
        "a_stale_member_lets_nothing_go",
        "a_stale_member_opens_and_closes_nothing",
        "an_awaited_child_that_has_ended_is_a_stray",
        "an_id_that_is_taken_earlier_in_the_batch",
        "children_are_created_with_their_parent",
        "children_are_listed_behind_their_parent",
        "many_children_are_created_at_once",
        "missions_are_listed_by_parent",
        "parent_status_and_name_are_combined",
        "reopened_storage_has_every_stray",
        "strays_come_in_pages",
        "the_schedule_of_a_stale_member_is_not_written",
        "the_waits_of_a_whole_family_are_listed",
        "what_a_stale_family_would_have_taken_is_free",
    },
    commits.CreatesChildrenLast: {
        "children_are_listed_behind_their_parent",
        "many_children_are_created_at_once",
        "missions_are_listed_by_parent",
    },
    commits.RefusesManyChildren: {"many_children_are_created_at_once"},
    commits.ForgetsTheParent: {"a_child_goes_on_like_any_mission", "missions_are_listed_by_parent"},
    commits.ReservesTheIdsOfStaleFamilies: {
        "a_commit_that_raises_is_whole_or_nothing",
        "what_a_stale_family_would_have_taken_is_free",
    },
    commits.LetsGoWhatIsStale: {"a_stale_member_lets_nothing_go"},
    commits.NeverLetsGo: {
        "a_child_that_was_let_go_is_a_stray_until_it_ends",
        "a_stale_member_lets_nothing_go",
        "an_awaited_child_that_has_ended_is_a_stray",
        "reopened_storage_has_every_stray",
        "strays_come_in_pages",
    },
    commits.LetsGoOfWhatItNeverAwaited: {"a_child_that_was_never_awaited_is_no_stray"},
    commits.AwaitsEveryChild: {"a_child_that_was_never_awaited_is_no_stray"},
    commits.WritesStaleSummaries: {
        "a_new_mission_whose_id_exists_is_stale",
        "a_parent_is_not_written_without_its_children",
        "a_stale_member_writes_no_summary",
    },
    commits.WritesStaleDefinitions: {
        "a_parent_is_not_written_without_its_children",
        "a_stale_member_writes_no_definition",
    },
    commits.RefusesEmptyBatches: {"an_empty_batch_does_nothing"},
    commits.MergesSummaries: {"the_summary_is_replaced"},
    commits.ShowsNoNewSummaries: {
        "a_new_mission_is_stored",
        "a_new_mission_whose_id_exists_is_stale",
        "long_ids_are_kept_whole",
        "the_summary_is_replaced",
    },
    commits.ShowsSummariesLate: {
        "a_child_goes_on_like_any_mission",
        "a_commit_that_returned_is_seen_by_the_next_read",
        "an_awaited_child_that_has_ended_is_a_stray",
        "children_are_created_with_their_parent",
        "the_summary_is_replaced",
    },
    values.LoadsOnlyWhatItKnows: {"an_unknown_mission_is_none_in_its_place", "many_missions_are_loaded_at_once"},
    values.LoadsEachIdOnce: {"an_id_that_is_asked_for_twice_is_answered_twice"},
    values.LoadsFewAtOnce: {"many_missions_are_loaded_at_once"},
    values.RaisesForUnknownSummaries: {"an_unknown_summary_is_none", "new_storage_is_empty"},
    values.SharesWhatItLoads: {"what_is_loaded_belongs_to_the_caller"},
    values.SharesWhatWasCommitted: {
        "a_child_goes_on_like_any_mission",
        "an_id_that_is_taken_earlier_in_the_batch",
        "children_are_created_with_their_parent",
        "what_was_committed_stays_the_callers",
    },
    values.CutsTextAtNul: {"odd_keys_are_kept", "odd_text_is_kept"},
    values.ReplacesSurrogates: {"odd_keys_are_kept", "odd_text_is_kept"},
    values.TellsNoEmptyTextFromNone: {"odd_keys_are_kept", "odd_text_is_kept"},
    values.CountsInFloats: {"numbers_are_kept"},
    values.RoundsFloats: {"numbers_are_kept"},
    values.TellsNoEmptyListFromNone: {"nesting_and_emptiness_are_kept"},
    values.CutsLargePayloads: {"a_large_payload_is_kept"},
    values.KeepsMilliseconds: {"times_are_kept_to_the_microsecond"},
    values.LosesTheAttemptNumber: {"every_type_of_record_is_kept"},
    values.KeepsSecondsOfRows: {"times_are_kept_to_the_microsecond"},
    values.LosesTheTraceback: {"every_shape_of_summary_is_kept"},
    values.LosesTheWaitsNode: {
        "a_child_goes_on_like_any_mission",
        "a_mission_shows_what_started_it",
        "a_mission_shows_what_started_it_for_good",
        "children_are_created_with_their_parent",
        "every_shape_of_summary_is_kept",
        "long_ids_are_kept_whole",
        "the_summary_is_replaced",
        "times_are_kept_to_the_microsecond",
    },
    values.CutsLongNames: {"names_are_kept_apart"},
    values.CutsLongParents: {"long_ids_are_kept_whole"},
    values.IgnoresTheCaseOfIds: {"an_unknown_summary_is_none", "ids_are_kept_apart"},
    values.LosesDefinitions: {
        "a_commit_that_returned_is_seen_by_the_next_read",
        "a_committed_definition_stays_the_callers",
        "a_definition_is_stored_under_its_fingerprint",
        "a_definition_may_come_with_a_later_commit",
        "a_known_fingerprint_is_not_stored_again",
        "a_loaded_definition_belongs_to_the_caller",
        "children_are_created_with_their_parent",
        "fingerprints_are_kept_apart",
        "reopened_storage_has_every_definition",
    },
    values.KeepsDefinitionsByName: {
        "a_definition_is_stored_under_its_fingerprint",
        "a_definition_may_come_with_a_later_commit",
        "fingerprints_are_kept_apart",
    },
    values.FindsDefinitionsByPrefix: {"an_unknown_definition_is_none"},
    values.ReplacesDefinitions: {"a_known_fingerprint_is_not_stored_again", "reopened_storage_has_every_definition"},
    values.KeepsOnlyTheFirstDefinition: {"a_definition_may_come_with_a_later_commit"},
    values.SharesDefinitions: {"a_loaded_definition_belongs_to_the_caller"},
    values.SharesCommittedDefinitions: {
        "a_committed_definition_stays_the_callers",
        "children_are_created_with_their_parent",
    },
    listings.ListsById: {
        "a_commit_writes_a_schedule_with_its_mission",
        "a_listing_has_at_most_its_limit",
        "a_mission_shows_what_started_it",
        "a_page_goes_on_after_a_mission_that_no_longer_fits",
        "a_page_goes_on_after_any_id",
        "children_are_listed_behind_their_parent",
        "filtered_pages_are_full",
        "interrupted_missions_are_those_that_run",
        "interrupted_missions_come_in_pages",
        "later_commits_do_not_move_a_mission",
        "listed_summaries_are_whole",
        "many_children_are_created_at_once",
        "missions_are_listed_by_name",
        "missions_are_listed_by_parent",
        "missions_are_listed_by_status",
        "missions_are_listed_in_order_of_creation",
        "missions_of_one_batch_are_listed_in_its_order",
        "pages_follow_one_another",
        "reopened_storage_keeps_the_order_of_creation",
        "status_and_name_are_combined",
        "what_a_stale_family_would_have_taken_is_free",
    },
    listings.ListsByTheLastChange: {"later_commits_do_not_move_a_mission"},
    listings.ListsBatchesById: {"a_page_goes_on_after_any_id", "missions_of_one_batch_are_listed_in_its_order"},
    listings.ListsWithoutLimit: {
        "a_listing_has_at_most_its_limit",
        "filtered_pages_are_full",
        "interrupted_missions_come_in_pages",
        "missions_are_listed_by_parent",
        "pages_follow_one_another",
        "parent_status_and_name_are_combined",
    },
    listings.ListsFromTheStart: {
        "a_page_goes_on_after_a_mission_that_no_longer_fits",
        "a_page_goes_on_after_any_id",
        "filtered_pages_are_full",
        "interrupted_missions_come_in_pages",
        "long_ids_are_kept_whole",
        "missions_are_listed_by_parent",
        "pages_follow_one_another",
        "parent_status_and_name_are_combined",
        "reopened_storage_keeps_the_order_of_creation",
    },
    listings.ListsAfterTheUnknown: {
        "a_page_after_an_unknown_mission_is_empty",
        "interrupted_missions_come_in_pages",
        "missions_are_listed_by_parent",
    },
    listings.ListsTheLastOneAgain: {
        "a_page_goes_on_after_any_id",
        "filtered_pages_are_full",
        "interrupted_missions_come_in_pages",
        "long_ids_are_kept_whole",
        "missions_are_listed_by_parent",
        "pages_follow_one_another",
        "parent_status_and_name_are_combined",
        "reopened_storage_keeps_the_order_of_creation",
    },
    listings.FiltersAfterPaging: {
        "filtered_pages_are_full",
        "interrupted_missions_come_in_pages",
        "parent_status_and_name_are_combined",
    },
    listings.PagesWithinTheFilter: {
        "a_page_goes_on_after_a_mission_that_no_longer_fits",
        "missions_are_listed_by_parent",
    },
    listings.IgnoresTheStatus: {
        "a_commit_that_returned_is_seen_by_the_next_read",
        "a_mission_shows_what_started_it",
        "a_page_goes_on_after_a_mission_that_no_longer_fits",
        "filtered_pages_are_full",
        "interrupted_missions_are_those_that_run",
        "interrupted_missions_come_in_pages",
        "missions_are_listed_by_status",
        "parent_status_and_name_are_combined",
        "status_and_name_are_combined",
        "the_status_filter_follows_the_last_commit",
    },
    listings.IgnoresTheName: {
        "a_page_goes_on_after_a_mission_that_no_longer_fits",
        "filtered_pages_are_full",
        "missions_are_listed_by_name",
        "names_are_kept_apart",
        "parent_status_and_name_are_combined",
        "status_and_name_are_combined",
    },
    listings.IgnoresTheParent: {
        "long_ids_are_kept_whole",
        "missions_are_listed_by_parent",
        "parent_status_and_name_are_combined",
    },
    listings.TakesGrandchildrenForChildren: {"missions_are_listed_by_parent"},
    listings.MatchesNamesLoosely: {"missions_are_listed_by_name", "names_are_kept_apart"},
    listings.TakesOneFilterOnly: {
        "filtered_pages_are_full",
        "parent_status_and_name_are_combined",
        "status_and_name_are_combined",
    },
    listings.RemembersTheFirstStatus: {
        "a_commit_that_returned_is_seen_by_the_next_read",
        "interrupted_missions_are_those_that_run",
        "later_commits_do_not_move_a_mission",
        "the_status_filter_follows_the_last_commit",
    },
    listings.ListsPartialSummaries: {
        "a_mission_shows_what_started_it",
        "a_mission_shows_what_started_it_for_good",
        "listed_summaries_are_whole",
    },
    listings.TakesWaitingForInterrupted: {
        "a_commit_that_returned_is_seen_by_the_next_read",
        "a_mission_shows_what_started_it",
        "a_page_goes_on_after_a_mission_that_no_longer_fits",
        "interrupted_missions_are_those_that_run",
        "interrupted_missions_come_in_pages",
    },
    listings.StraysWithoutLimit: {"strays_come_in_pages"},
    listings.StraysFromTheStart: {"strays_come_in_pages"},
    listings.TakesAllChildrenForStrays: {
        "a_child_that_was_let_go_is_a_stray_until_it_ends",
        "a_child_that_was_never_awaited_is_no_stray",
        "a_stale_member_lets_nothing_go",
        "an_awaited_child_that_has_ended_is_a_stray",
        "reopened_storage_has_every_stray",
        "strays_come_in_pages",
    },
    listings.ListsAllInterruptedAtOnce: {
        "a_page_goes_on_after_a_mission_that_no_longer_fits",
        "interrupted_missions_come_in_pages",
    },
    due.SchedulesDeadlines: {"a_reminder_changes_no_schedule", "scheduled_missions_wait_for_a_timer_or_a_retry"},
    due.SchedulesNoRetries: {
        "a_mission_shows_what_started_it",
        "a_reminder_changes_no_schedule",
        "scheduled_missions_wait_for_a_timer_or_a_retry",
    },
    due.OrdersByCreation: {
        "a_mission_shows_what_started_it",
        "a_mission_with_a_reminder_is_due_once",
        "a_reminder_becomes_due",
        "a_reminder_changes_no_schedule",
        "due_missions_are_in_order_of_their_due_times",
        "reopened_storage_has_every_summary",
        "scheduled_missions_are_in_order_of_their_due_times",
        "the_schedule_follows_the_last_commit",
    },
    due.BreaksTiesByCreation: {
        "due_missions_are_in_order_of_their_due_times",
        "scheduled_missions_are_in_order_of_their_due_times",
    },
    due.BreaksTiesWithoutCase: {
        "due_missions_are_in_order_of_their_due_times",
        "scheduled_missions_are_in_order_of_their_due_times",
    },
    due.BreaksTiesInUtf16: {
        "due_missions_are_in_order_of_their_due_times",
        "scheduled_missions_are_in_order_of_their_due_times",
    },
    due.SchedulesFromTheStart: {"a_reminder_changes_no_schedule", "scheduled_missions_come_in_pages"},
    due.EndsAtWhatHasFired: {"a_scheduled_page_goes_on_after_a_mission_that_has_fired", "what_runs_is_not_scheduled"},
    due.SchedulesAfterTheUnknown: {"a_scheduled_page_after_an_unknown_mission_is_empty"},
    due.SchedulesWithoutLimit: {"a_reminder_changes_no_schedule", "scheduled_missions_come_in_pages"},
    due.RemembersOldTimes: {
        "a_reminder_changes_no_schedule",
        "a_reminder_follows_the_last_commit",
        "the_schedule_follows_the_last_commit",
        "what_is_due_follows_the_last_commit",
    },
    due.ForgetsDeadlines: {
        "a_reminder_follows_the_last_commit",
        "a_signals_deadline_becomes_due",
        "the_next_due_time_of_a_kind",
    },
    due.ForgetsRetries: {
        "a_mission_shows_what_started_it",
        "the_next_due_time_of_a_kind",
        "what_waits_for_a_time_becomes_due",
    },
    due.ForgetsWhatRuns: {"a_reminder_becomes_due", "a_reminder_follows_the_last_commit", "what_runs_becomes_due"},
    due.ForgetsReminders: {
        "a_mission_shows_what_started_it",
        "a_mission_with_a_reminder_is_due_once",
        "a_reminder_becomes_due",
        "a_reminder_follows_the_last_commit",
        "the_next_due_time_of_a_reminder",
    },
    due.TakesRemindersForTheirWaits: {"the_next_due_time_of_a_reminder"},
    due.IsDueTwice: {"a_mission_with_a_reminder_is_due_once"},
    due.SchedulesWhatRuns: {"what_runs_is_not_scheduled"},
    due.SchedulesByReminders: {"a_reminder_changes_no_schedule"},
    due.ExcludesTheBound: {
        "a_mission_shows_what_started_it",
        "a_reminder_becomes_due",
        "what_is_due_at_the_bound_is_due",
        "what_runs_becomes_due",
    },
    due.FiresEarly: {"a_reminder_becomes_due", "what_is_due_after_the_bound_is_not_due"},
    due.IsDueWithoutLimit: {
        "a_mission_with_a_reminder_is_due_once",
        "due_missions_are_at_most_the_limit",
        "due_missions_come_in_pages",
    },
    due.IgnoresWhatWasSeen: {
        "a_mission_with_a_reminder_is_due_once",
        "due_missions_after_a_place_are_later_by_time_and_then_by_id",
        "due_missions_come_in_pages",
    },
    due.ShowsTheLastOneAgain: {
        "a_mission_with_a_reminder_is_due_once",
        "due_missions_after_a_place_are_later_by_time_and_then_by_id",
        "due_missions_come_in_pages",
    },
    due.ComparesOnlyTheTime: {
        "a_mission_with_a_reminder_is_due_once",
        "due_missions_after_a_place_are_later_by_time_and_then_by_id",
        "due_missions_come_in_pages",
    },
    due.ComparesTheIdAlone: {
        "a_mission_with_a_reminder_is_due_once",
        "due_missions_after_a_place_are_later_by_time_and_then_by_id",
    },
    due.NextIncludesNow: {
        "a_reminder_becomes_due",
        "the_next_due_time_is_strictly_later",
        "the_next_due_time_of_a_reminder",
    },
    due.NextIgnoresAfter: {
        "a_reminder_becomes_due",
        "reopened_storage_has_every_summary",
        "the_next_due_time_is_after_the_one_given",
        "the_next_due_time_is_strictly_later",
        "the_next_due_time_of_a_kind",
        "the_next_due_time_of_a_reminder",
    },
    due.NextIsTheLatest: {
        "a_reminder_becomes_due",
        "the_next_due_time_is_after_the_one_given",
        "the_next_due_time_is_strictly_later",
        "the_next_due_time_is_the_earliest",
        "the_next_due_time_of_a_reminder",
    },
    due.IgnoresTheKind: {
        "the_next_due_time_of_a_kind",
        "the_next_due_time_of_a_reminder",
        "what_is_due_follows_the_last_commit",
    },
    due.TakesDelayedStartsForSleeps: {"the_next_due_time_of_a_kind", "what_is_due_follows_the_last_commit"},
    lifecycle.CommitsInTurns: {"a_cancelled_commit_is_whole_or_nothing", "a_commit_that_raises_is_whole_or_nothing"},
    lifecycle.ShowsTornHistories: {"a_cancelled_commit_is_whole_or_nothing", "reads_may_run_beside_a_commit"},
    lifecycle.AnswersEveryoneTheSame: {"reads_may_overlap"},
    lifecycle.LocksUpWhenCancelled: {"a_commit_follows_one_that_raised", "a_commit_follows_one_that_was_cancelled"},
    lifecycle.LocksUpWhenAReadIsCancelled: {"a_cancelled_read_disturbs_nothing"},
    lifecycle.IsDueFromTheStart: {"new_storage_is_empty"},
    lifecycle.ForgetsWhenReopened: {
        "a_refused_owner_disturbs_nothing",
        "an_adapter_may_be_used_anew_after_close",
        "an_adapter_may_be_used_anew_on_another_loop",
        "answers_are_durable_with_their_commit",
        "closing_finishes_a_commit_under_way",
        "closing_twice_does_nothing",
        "ownership_ends_with_close",
        "reopened_storage_checks_versions",
        "reopened_storage_has_every_definition",
        "reopened_storage_has_every_open_wait",
        "reopened_storage_has_every_record",
        "reopened_storage_has_every_schedule",
        "reopened_storage_has_every_stray",
        "reopened_storage_has_every_summary",
        "reopened_storage_keeps_the_order_of_creation",
    },
    lifecycle.OpensOnlyOnce: {
        "a_cancelled_commit_is_whole_or_nothing",
        "a_refused_owner_disturbs_nothing",
        "an_adapter_may_be_used_anew_after_close",
        "an_adapter_may_be_used_anew_on_another_loop",
        "answers_are_durable_with_their_commit",
        "closing_finishes_a_commit_under_way",
        "closing_twice_does_nothing",
        "ownership_ends_with_close",
        "reopened_storage_checks_versions",
        "reopened_storage_has_every_definition",
        "reopened_storage_has_every_open_wait",
        "reopened_storage_has_every_record",
        "reopened_storage_has_every_schedule",
        "reopened_storage_has_every_stray",
        "reopened_storage_has_every_summary",
        "reopened_storage_keeps_the_order_of_creation",
    },
    lifecycle.BelongsToItsFirstLoop: {"an_adapter_may_be_used_anew_on_another_loop"},
    lifecycle.ClosesOnlyOnce: {
        "answers_are_durable_with_their_commit",
        "closing_twice_does_nothing",
    },
    lifecycle.AllowsASecondOwner: {"a_refused_owner_disturbs_nothing", "a_second_owner_is_refused"},
    lifecycle.ReportsAnotherErrorThanInUse: {"a_refused_owner_disturbs_nothing", "a_second_owner_is_refused"},
    lifecycle.NeverGivesUp: {
        "a_cancelled_commit_is_whole_or_nothing",
        "a_refused_owner_disturbs_nothing",
        "an_adapter_may_be_used_anew_after_close",
        "answers_are_durable_with_their_commit",
        "closing_finishes_a_commit_under_way",
        "closing_twice_does_nothing",
        "ownership_ends_with_close",
        "reopened_storage_checks_versions",
        "reopened_storage_has_every_definition",
        "reopened_storage_has_every_open_wait",
        "reopened_storage_has_every_record",
        "reopened_storage_has_every_schedule",
        "reopened_storage_has_every_stray",
        "reopened_storage_has_every_summary",
        "reopened_storage_keeps_the_order_of_creation",
    },
    lifecycle.ClosingFreesTheOwner: {"a_refused_owner_disturbs_nothing", "closing_twice_does_nothing"},
    lifecycle.AbandonsTheCommitUnderWay: {"closing_finishes_a_commit_under_way"},
    waits.WaitsByMission: {
        "a_page_goes_on_after_a_wait_that_is_closed",
        "a_stale_member_opens_and_closes_nothing",
        "filtered_pages_of_waits_are_full",
        "open_waits_are_listed_by_since_id_and_name",
        "reopened_storage_has_every_open_wait",
        "the_waits_of_a_whole_family_are_listed",
        "waits_are_listed_by_mission_name",
        "waits_are_listed_by_signal",
        "waits_come_in_pages",
        "waits_of_any_name_are_told_apart",
        "what_is_closed_is_listed_no_more",
    },
    waits.WaitsOfOneTimeInAnyOrder: {
        "a_page_goes_on_after_a_wait_that_is_closed",
        "filtered_pages_of_waits_are_full",
        "open_waits_are_listed_by_since_id_and_name",
        "reopened_storage_has_every_open_wait",
        "waits_are_listed_by_signal",
        "waits_come_in_pages",
        "what_is_closed_is_listed_no_more",
    },
    waits.WaitsWithTheLastOneAgain: {
        "filtered_pages_of_waits_are_full",
        "waits_come_in_pages",
    },
    waits.WaitsSinceLater: {
        "a_page_goes_on_after_a_wait_that_is_closed",
        "filtered_pages_of_waits_are_full",
        "waits_come_in_pages",
    },
    waits.FindsSignalsByTheWholeName: {
        "filtered_pages_of_waits_are_full",
        "waits_are_listed_by_mission_name",
        "waits_are_listed_by_signal",
        "waits_of_any_name_are_told_apart",
    },
    waits.FindsSignalsByTheirEnd: {
        "waits_are_listed_by_signal",
        "waits_of_any_name_are_told_apart",
    },
    waits.IgnoresTheNameOfTheMission: {
        "waits_are_listed_by_mission_name",
        "waits_of_any_name_are_told_apart",
        "what_is_closed_is_listed_no_more",
    },
    waits.WaitsWithoutLimit: {
        "a_page_goes_on_after_a_wait_that_is_closed",
        "filtered_pages_of_waits_are_full",
        "waits_come_in_pages",
    },
    waits.ForgetsDeadlines: {
        "a_page_goes_on_after_a_wait_that_is_closed",
        "filtered_pages_of_waits_are_full",
        "open_waits_are_listed_by_since_id_and_name",
        "reopened_storage_has_every_open_wait",
        "waits_come_in_pages",
    },
    waits.ClosesNothing: {
        "a_stale_member_opens_and_closes_nothing",
        "many_waits_of_one_mission",
        "reopened_storage_has_every_open_wait",
        "what_is_closed_is_listed_no_more",
    },
    waits.OpensOneOnly: {
        "a_page_goes_on_after_a_wait_that_is_closed",
        "a_stale_member_opens_and_closes_nothing",
        "filtered_pages_of_waits_are_full",
        "many_waits_of_one_mission",
        "open_waits_are_listed_by_since_id_and_name",
        "reopened_storage_has_every_open_wait",
        "waits_are_listed_by_signal",
        "waits_come_in_pages",
        "what_is_closed_is_listed_no_more",
    },
    waits.ForgetsTheWaitsOfChildren: {
        "the_waits_of_a_whole_family_are_listed",
    },
    waits.OpensWhatItsRowWaitsFor: {
        "storage_without_open_waits_lists_none",
    },
    waits.OpensWhatIsStale: {
        "a_stale_member_opens_and_closes_nothing",
    },
    schedules.ListsSchedulesAsTheyCame: {
        "every_shape_of_schedule_is_kept",
        "schedules_are_listed_by_name",
    },
    schedules.ListsSchedulesByTheirUtf16: {
        "schedules_are_listed_by_name",
    },
    schedules.LowersTheNamesOfSchedules: {
        "schedules_are_listed_by_name",
    },
    schedules.KeepsFewPassedOver: {
        "every_shape_of_schedule_is_kept",
    },
    schedules.KeepsSecondsOfSchedules: {
        "every_shape_of_schedule_is_kept",
    },
    schedules.ForgetsWhatIsQueued: {
        "every_shape_of_schedule_is_kept",
    },
    schedules.ShowsNoStatus: {
        "a_schedule_shows_the_status_of_its_last_mission",
    },
    schedules.ShowsAStatusOfWhatIsGone: {
        "a_schedule_shows_the_status_of_its_last_mission",
    },
    schedules.ShowsTheStatusAtTheStart: {
        "a_schedule_shows_the_status_of_its_last_mission",
    },
    schedules.HidesSchedulesOfWhatIsGone: {
        "a_recorded_schedule_replaces_that_of_its_name",
        "a_schedule_shows_the_status_of_its_last_mission",
        "every_shape_of_schedule_is_kept",
        "reopened_storage_has_every_schedule",
    },
    schedules.KeepsTheFirstSchedule: {
        "a_recorded_schedule_replaces_that_of_its_name",
    },
    schedules.KeepsOnlyTheLastRecorded: {
        "a_recorded_schedule_replaces_that_of_its_name",
        "a_schedule_shows_the_status_of_its_last_mission",
    },
    schedules.RecordsFewSchedules: {
        "many_schedules_are_recorded_at_once",
    },
    schedules.ForgetsSchedules: {
        "reopened_storage_has_every_schedule",
    },
    schedules.CommitsNoSchedule: {
        "a_commit_writes_a_schedule_with_its_mission",
        "a_schedule_shows_the_status_of_its_last_mission",
        "reopened_storage_has_every_schedule",
        "the_schedule_of_a_stale_member_is_not_written",
    },
    schedules.CommitsSchedulesOfNewMissionsOnly: {
        "a_commit_writes_a_schedule_with_its_mission",
    },
    schedules.KeepsTheFirstScheduleOfABatch: {
        "a_commit_writes_a_schedule_with_its_mission",
    },
    schedules.SchedulesWhatIsStale: {
        "the_schedule_of_a_stale_member_is_not_written",
    },
    schedules.ForgetsTheSlot: {
        "a_mission_shows_what_started_it",
        "a_mission_shows_what_started_it_for_good",
    },
    schedules.ForgetsTheScheduleOfWhatWasTriggered: {
        "a_mission_shows_what_started_it",
    },
    schedules.ForgetsLaterWhatStartedAMission: {
        "a_mission_shows_what_started_it_for_good",
    },
    schedules.ShowsNoSlotsOfWhatSleeps: {
        "a_mission_shows_what_started_it",
    },
}
"""What each adapter breaks, as the names of the tests, without `test_`."""

TESTS = sorted(name for name in dir(PersistenceAdapterContract) if name.startswith("test_"))


TAKE_LITTLE: set[type[Memory]] = {
    commits.RefusesManyChildren,
    schedules.RecordsFewSchedules,
    values.CutsLargePayloads,
    values.LoadsFewAtOnce,
}
"""Adapters that do well until they are given much. What others do with little, they do with much, in twice the time."""

LITTLE: list[tuple[ModuleType, str, int]] = [
    (conformance.children, "MANY", 20),
    (conformance.schedules, "MANY", 20),
    (conformance.waits, "MANY", 20),
    (conformance.commits, "MANY_IDS", 20),
    (conformance.payloads, "LARGE", 2_000),
]


@contextmanager
def amounts_for(adapter: type[Memory]) -> Generator[None]:
    """Have the contract give the adapter much only where it takes little."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, little in LITTLE if adapter not in TAKE_LITTLE else ():
            patch.setattr(module, name, little)
        yield


def failing(adapter: type[Memory]) -> set[str]:
    """Return the names of the tests that the adapter fails, each run on storage of its own."""
    failed: set[str] = set()
    with amounts_for(adapter):
        for name in TESTS:
            try:
                getattr(PersistenceAdapterContract(), name)(adapter.factory())
            except (Exception, pytest.fail.Exception):
                failed.add(name.removeprefix("test_"))
    return failed


@pytest.mark.parametrize("adapter", FAILS, ids=lambda adapter: adapter.__name__)
def test_a_broken_adapter_fails_the_tests_of_its_promise(adapter: type[Memory]) -> None:
    """A promise that is broken is found by the tests that name it, and disturbs no other."""
    assert failing(adapter) == FAILS[adapter]


@pytest.mark.parametrize(
    "adapter",
    [
        Memory,
        values.Rewriting,
        listings.Listing,
        due.DueTimes,
        waits.Inbox,
        waits.Changing,
        schedules.RewritingSchedules,
    ],
)
def test_what_the_broken_adapters_are_made_from_is_in_order(adapter: type[Memory]) -> None:
    """The classes that the broken adapters derive from pass the contract."""
    assert failing(adapter) == set()


def test_every_test_of_the_contract_can_fail() -> None:
    """There is no test in the contract that none of the broken adapters fails."""
    assert {f"test_{name}" for names in FAILS.values() for name in names} == set(TESTS)
