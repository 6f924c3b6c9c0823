"""Parts of the configuration become typed objects; what does not fit is told with its path and a hint."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Literal, NewType, TypedDict
from uuid import UUID

import pytest
from attrs import field, frozen, validators

from faststream_oo.errors import SetupError
from faststream_oo.settings import structure


class Level(Enum):
    LOW = "low"
    HIGH = "high"


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


class Colour(str, Enum):  # noqa: UP042 - people write it so
    RED = "red"


Name = NewType("Name", str)


@frozen
class Pool:
    size: int = field(default=5, validator=validators.ge(1))
    timeout: float = 1.0


class Rules(TypedDict, total=False):
    strict: bool
    pool: Pool


@dataclasses.dataclass
class Cache:
    size: int = 10
    token: str = dataclasses.field(default="", repr=False)


@frozen(kw_only=True)
class Shop:
    currency: str = "EUR"
    tenants: Sequence[str] = ()
    debug: bool = False
    rate: float | None = None
    level: Level = Level.LOW
    size: Size = Size.SMALL
    colour: Colour = Colour.RED
    mode: Literal["fast", "safe", 1] = "safe"
    pool: Pool = Pool()
    cache: Cache = field(factory=Cache)
    rules: Rules = field(factory=Rules)
    limits: Mapping[str, int] = field(factory=dict[str, int])
    pools: dict[str, Pool] = field(factory=dict[str, Pool])
    weights: list[int] | None = None
    labels: set[str] = field(factory=set[str])
    either: bool | Sequence[int] | Pool = False
    anything: object = None
    root: Path = Path()
    name: Name = Name("shop")
    since: date = date.min
    _private: int = 0


@frozen
class Strict:
    url: str
    password: str = field(repr=False, validator=validators.min_len(8))
    pin: int | None = field(default=None, repr=False)


def shop(**data: object) -> Shop:
    return structure(Shop, data, "shop")


def problems(data: object, cls: type[object] = Shop) -> list[str]:
    with pytest.raises(SetupError) as error:
        structure(cls, data, "shop")
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize("data", [None, {}])
def test_a_missing_section_means_the_defaults(data: object) -> None:
    assert structure(Shop, data, "shop") == Shop()


def test_nested_sections_may_be_missing_too() -> None:
    assert shop(pool=None, rules=None, pools={"a": None}) == Shop(pools={"a": Pool()})


def test_sections_are_attrs_classes_dataclasses_and_typed_dicts() -> None:
    made = shop(pool={"size": 2}, cache={"size": 3}, rules={"strict": True, "pool": {"timeout": 2}})
    assert made == Shop(pool=Pool(2), cache=Cache(3), rules={"strict": True, "pool": Pool(timeout=2.0)})


def test_a_typed_dict_holds_only_what_is_set() -> None:
    assert structure(Rules, {"strict": False}, "rules") == {"strict": False}


def test_objects_that_are_made_already_are_taken() -> None:
    assert shop(pool=Pool(3), level=Level.HIGH, root=Path("/x")) == Shop(
        pool=Pool(3), level=Level.HIGH, root=Path("/x")
    )


def test_values_of_files_take_the_types_of_their_fields() -> None:
    made = shop(
        level="high", size=2, mode=1, colour="red", tenants=["a"], weights=[1], labels=["x", "x"], rate=2, root="/srv",
        name="n", limits={"a": 1}, pools={"a": {"size": 1}}, since="2026-11-21", anything={"x": [1]}, private=3,
    )  # fmt: skip
    assert made == Shop(
        level=Level.HIGH, size=Size.LARGE, mode=1, colour=Colour.RED, tenants=("a",), weights=[1], labels={"x"},
        rate=2.0, root=Path("/srv"), name=Name("n"), limits={"a": 1}, pools={"a": Pool(1)}, since=date(2026, 11, 21),
        anything={"x": [1]}, private=3,  # pyright: ignore[reportCallIssue] - attrs takes the underscore away
    )  # fmt: skip


def test_text_of_the_environment_takes_the_type_of_its_field() -> None:
    made = shop(
        debug="true", rate="0.5", mode="1", size="2", tenants="a, b", weights="[1, 2]", limits="{a: 1}",
        pool='{"size": "8"}', rules={"strict": "false"}, currency="0123", private="-4", labels="",
    )  # fmt: skip
    assert made == Shop(
        debug=True, rate=0.5, mode=1, size=Size.LARGE, tenants=("a", "b"), weights=[1, 2], limits={"a": 1},
        pool=Pool(8), rules={"strict": False}, currency="0123",
        private=-4,  # pyright: ignore[reportCallIssue] - as above
    )  # fmt: skip


def test_text_null_is_none_where_text_is_not_wanted() -> None:
    @frozen
    class Both:
        text: str | None = ""
        number: float | None = 0.0

    assert structure(Both, {"text": "null", "number": "null"}, "both") == Both("null", None)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"currency": 5}, "shop.currency: expected str, got 5"),
        ({"currency": None}, "shop.currency: expected str, got null"),
        ({"debug": 1}, "shop.debug: expected bool, got 1"),
        ({"debug": "yes"}, 'shop.debug: expected bool, got "yes"'),
        ({"pool": {"size": 5.0}}, "shop.pool.size: expected int, got 5.0"),
        ({"pool": {"size": True}}, "shop.pool.size: expected int, got true"),
        ({"pool": {"size": "5 "}}, 'shop.pool.size: expected int, got "5 "'),
        ({"pool": {"timeout": "5ms"}}, 'shop.pool.timeout: expected float, got "5ms". Hint: seconds, 0.005'),
        ({"pool": {"timeout": "2 min"}}, 'shop.pool.timeout: expected float, got "2 min". Hint: seconds, 120'),
        ({"pool": {"timeout": float("nan")}}, "shop.pool.timeout: expected float, got nan"),
        ({"rate": "1s"}, 'shop.rate: expected float, got "1s". Hint: seconds, 1'),
        ({"pool": "big"}, 'shop.pool: expected mapping, got "big"'),
        ({"pool": "{a: 1, a: 2}"}, 'shop.pool: "a" is given twice'),
        ({"tenants": {"a": 1}}, "shop.tenants: expected list of str, got a mapping"),
        ({"tenants": ["a", 5]}, "shop.tenants[1]: expected str, got 5"),
        ({"limits": ["a"]}, "shop.limits: expected mapping, got a list"),
        ({"limits": {"a": "x"}}, 'shop.limits.a: expected int, got "x"'),
        ({"limits": {5: 1}}, "shop.limits[5]: expected str, got 5"),
        ({"level": "hihg"}, 'shop.level: expected "low" or "high", got "hihg". Hint: did you mean "high"?'),
        ({"mode": 2}, 'shop.mode: expected "fast", "safe" or 1, got 2'),
        ({"mode": True}, 'shop.mode: expected "fast", "safe" or 1, got true'),
        ({"either": "maybe"}, 'shop.either: expected bool, list of int or Pool, got "maybe"'),
        ({"either": {"sice": 1}}, 'shop.either.sice: unknown option. Hint: did you mean "size"?'),
        ({"either": ["x"]}, 'shop.either[0]: expected int, got "x"'),
        ({"since": "soon"}, 'shop.since: expected date, got "soon"'),
        ({"curency": "EUR"}, 'shop.curency: unknown option. Hint: did you mean "currency"?'),
        ({"Currency": "EUR"}, 'shop.Currency: unknown option. Hint: did you mean "currency"?'),
        ({"xyz": 1}, "shop.xyz: unknown option"),
        ({"_private": 1}, 'shop._private: unknown option. Hint: did you mean "private"?'),
        ({"rules": {"strickt": True}}, 'shop.rules.strickt: unknown option. Hint: did you mean "strict"?'),
        ({"cache": {"sizes": 1}}, 'shop.cache.sizes: unknown option. Hint: did you mean "size"?'),
        ({"pool": {"size": 0}}, "shop.pool.size: must be >= 1: 0"),
        ([], "shop: expected mapping, got a list"),
    ],
)
def test_what_does_not_fit_is_told_with_path_and_hint(data: object, problem: str) -> None:
    assert problems(data) == [problem]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert problems({"debug": 3, "pool": {"size": "x", "tiemout": 1}, "tenants": [1, 2], "zzz": 0}) == [
        "shop.tenants[0]: expected str, got 1",
        "shop.tenants[1]: expected str, got 2",
        "shop.debug: expected bool, got 3",
        'shop.pool.size: expected int, got "x"',
        'shop.pool.tiemout: unknown option. Hint: did you mean "timeout"?',
        "shop.zzz: unknown option",
    ]


def test_every_validator_is_asked() -> None:
    @frozen
    class Limits:
        low: int = field(default=0, validator=validators.ge(0))
        high: int = field(default=9, validator=validators.in_([8, 9]))

    assert problems({"low": -1, "high": 3}, Limits) == [
        "shop.low: must be >= 0: -1",
        "shop.high: must be in [8, 9] (got 3)",
    ]


def test_what_a_class_refuses_as_a_whole_is_told_with_its_path() -> None:
    @frozen
    class Window:
        first: int = 0
        last: int = 9

        def __attrs_post_init__(self) -> None:
            if self.first > self.last:
                raise ValueError("first comes after last")

    assert problems({"first": 10}, Window) == ["shop: first comes after last"]


def test_what_has_no_default_is_required() -> None:
    assert problems({}, Strict) == ["shop.url: is required", "shop.password: is required"]


def test_a_secret_never_shows_in_a_message() -> None:
    told = problems({"url": "u", "password": "hunter2", "pin": "hunter3"}, Strict)
    told += problems({"url": "u", "password": ["hunter2"]}, Strict)
    told += problems({"cache": {"token": 123456}})
    told += problems({"limits": {"db_password": "hunter2"}})
    assert told == [
        "shop.pin: expected int, got ***",
        "shop.password: expected str, got a list",
        "shop.cache.token: expected str, got ***",
        "shop.limits.db_password: expected int, got ***",
    ]


def test_a_refused_secret_is_told_without_its_value() -> None:
    assert problems({"url": "u", "password": "hunter2"}, Strict) == ["shop.password: is refused; the value is secret"]


def test_a_long_value_is_cut() -> None:
    assert problems({"debug": "x" * 100}) == [f'shop.debug: expected bool, got "{"x" * 60}…"']


def test_a_type_that_settings_cannot_give_is_told() -> None:
    @frozen
    class Odd:
        connection: memoryview

    (problem,) = problems({"connection": "x"}, Odd)
    assert "memoryview" in problem


def test_decimals_times_and_ids_are_read_from_text() -> None:
    @frozen
    class Facts:
        price: Decimal
        at: datetime
        id: UUID

    data = {"price": "1.10", "at": "2026-11-21T10:00:00+00:00", "id": "12345678123456781234567812345678"}
    assert structure(Facts, data, "facts") == Facts(
        Decimal("1.10"), datetime.fromisoformat("2026-11-21T10:00:00+00:00"), UUID("12345678" * 4)
    )
    assert problems({**data, "price": "much"}, Facts) == ['shop.price: expected Decimal, got "much"']


def test_the_whole_configuration_has_no_path() -> None:
    with pytest.raises(SetupError) as error:
        structure(Strict, {"password": "long enough", "urls": "u"}, "")
    assert [problem.path for problem in error.value.problems] == ["url", "urls"]
