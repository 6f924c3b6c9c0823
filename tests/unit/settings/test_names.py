"""A misspelled name finds the right one."""

from faststream_oo.settings import nearest


def test_the_closest_name_is_found() -> None:
    assert nearest("concurency", ["group", "concurrency", "prefetch"]) == "concurrency"


def test_case_does_not_count_and_the_right_one_is_given_back() -> None:
    assert nearest("billing", ["Billing", "Shop"]) == "Billing"


def test_nothing_close_is_none() -> None:
    assert nearest("xyz", ["concurrency"]) is None
    assert nearest("xyz", []) is None
