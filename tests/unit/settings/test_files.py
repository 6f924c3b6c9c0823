"""Files and environment become one mapping, and everything wrong with them is told at once."""

import os
from pathlib import Path

import pytest

from faststream_oo.errors import SetupError
from faststream_oo.settings import merge, read_assignments, read_config


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text)
    return file


def problems_of(error: pytest.ExceptionInfo[SetupError]) -> list[str]:
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("app.yaml", "kafka:\n  servers: [a, b]\n  linger: 0.5"),
        ("app.yml", "kafka: {servers: [a, b], linger: 0.5}"),
        ("app.toml", '[kafka]\nservers = ["a", "b"]\nlinger = 0.5'),
        ("app.json", '{"kafka": {"servers": ["a", "b"], "linger": 0.5}}'),
    ],
)
def test_the_suffix_tells_the_format(tmp_path: Path, name: str, text: str) -> None:
    assert read_config(written(tmp_path, name, text)) == {"kafka": {"servers": ["a", "b"], "linger": 0.5}}


def test_later_files_win_and_mappings_are_merged_at_every_level(tmp_path: Path) -> None:
    base = written(
        tmp_path, "base.yaml", "kafka: {servers: [a, b], consumers: {Orders: {concurrency: 4, prefetch: 9}}}"
    )
    prod = written(tmp_path, "prod.toml", '[kafka]\nservers = ["c"]\n[kafka.consumers.Orders]\nconcurrency = 64')
    assert read_config(base, prod) == {
        "kafka": {"servers": ["c"], "consumers": {"Orders": {"concurrency": 64, "prefetch": 9}}}
    }


def test_merging_leaves_both_mappings_as_they_were() -> None:
    base: dict[str, object] = {"kafka": {"linger": 1}}
    over: dict[str, object] = {"kafka": {"prefix": "p"}}
    assert merge(base, over) == {"kafka": {"linger": 1, "prefix": "p"}}
    assert base == {"kafka": {"linger": 1}}
    assert over == {"kafka": {"prefix": "p"}}


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, "app.yaml", "# later\n")) == {}


@pytest.mark.parametrize("text", ["off", "no", "1:30", "0123", "2024-01-01", "y", "0x1F", "1_000"])
def test_yaml_keeps_as_text_what_only_its_version_1_1_reads_otherwise(tmp_path: Path, text: str) -> None:
    assert read_config(written(tmp_path, "app.yaml", f"topology: {text}")) == {"topology": text}


def test_yaml_scalars_have_their_types(tmp_path: Path) -> None:
    text = "a: true\nb: -8\nc: 1.5\nd: 1e3\ne: null\nf: ~\ng:\nh: 0\ni: .5"
    assert read_config(written(tmp_path, "app.yaml", text)) == {
        "a": True, "b": -8, "c": 1.5, "d": 1000.0, "e": None, "f": None, "g": None, "h": 0, "i": 0.5,
    }  # fmt: skip


def test_yaml_anchors_are_merged(tmp_path: Path) -> None:
    text = "base: &base {x: 1}\nnear: {deep: &deep {<<: *base, x: 2}}\nfar: {<<: *deep}"
    config = read_config(written(tmp_path, "app.yaml", text))
    assert config == {"base": {"x": 1}, "near": {"deep": {"x": 2}}, "far": {"x": 2}}


def test_a_key_that_yaml_gives_twice_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "app.yaml", "kafka:\n  linger: 1\n  linger: 2")
    with pytest.raises(SetupError) as error:
        read_config(file)
    assert problems_of(error) == [f'{file}, line 3: "linger" is given twice']


def test_variables_are_filled_from_the_environment_with_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA", "broker:9092")
    monkeypatch.setenv("EMPTY", "")
    text = 'servers: ["${KAFKA}", "b:${PORT:9093}"]\nurl: "${URL:sqlite+aiosqlite://}"\nempty: "[${EMPTY:x}${NONE:}]"'
    assert read_config(written(tmp_path, "app.yaml", text)) == {
        "servers": ["broker:9092", "b:9093"],
        "url": "sqlite+aiosqlite://",
        "empty": "[]",
    }


def test_a_variable_without_value_is_told_with_file_and_place(tmp_path: Path) -> None:
    file = written(tmp_path, "prod.yaml", 'kafka: {servers: [a, "${NO_SUCH_KAFKA}"], prefix: "${NO_SUCH_PREFIX}"}')
    with pytest.raises(SetupError) as error:
        read_config(file)
    assert [(problem.path, problem.what) for problem in error.value.problems] == [
        (f"{file}: kafka.servers[1]", "variable NO_SUCH_KAFKA is not set"),
        (f"{file}: kafka.prefix", "variable NO_SUCH_PREFIX is not set"),
    ]
    assert error.value.problems[0].hint == "export NO_SUCH_KAFKA, or give a default: ${NO_SUCH_KAFKA:…}"


def test_environment_variables_lie_over_the_files_and_stay_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_KAFKA__SERVERS", "c,d")
    monkeypatch.setenv("APP_SHOP__PASSWORD", "0123")
    monkeypatch.setenv("APPLE", "no part of it")
    file = written(tmp_path, "app.yaml", "kafka: {servers: [a], linger: 1}")
    assert read_config(file, env_prefix="APP_") == {
        "kafka": {"servers": "c,d", "linger": 1},
        "shop": {"password": "0123"},
    }


def test_without_a_prefix_no_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_KAFKA__SERVERS", "c")
    assert read_config() == {}


def test_a_variable_that_contradicts_another_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_KAFKA", "x")
    monkeypatch.setenv("APP_KAFKA__SERVERS", "c")
    monkeypatch.setenv("APP_KAFKA____SERVERS", "c")
    with pytest.raises(SetupError) as error:
        read_config(env_prefix="APP_")
    assert problems_of(error) == [
        "APP_KAFKA__SERVERS: is a part of kafka, which another variable sets as a whole",
        "APP_KAFKA____SERVERS: names no setting. Hint: APP_KAFKA__SERVERS sets kafka.servers",
    ]


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, "base.yaml", "")
    files = [
        tmp_path / "bsae.yaml",
        written(tmp_path, "app.ini", ""),
        written(tmp_path, "list.yaml", "- 1"),
        written(tmp_path, "bad.yaml", "a: 1\nb: c: d"),
        written(tmp_path, "bad.toml", "a = 1\n\nb = = 2"),
        written(tmp_path, "bad.json", '{"a": 1,\n"b": }'),
    ]
    with pytest.raises(SetupError) as error:
        read_config(*files)
    *others, json = problems_of(error)
    assert json.startswith(f"{files[5]}, line 2: ")  # the rest is the parser's
    assert others == [
        f'{files[0]}: cannot be read: No such file or directory. Hint: did you mean "{tmp_path / "base.yaml"}"?',
        f'{files[1]}: unknown suffix ".ini". Hint: .yaml, .yml, .toml or .json',
        f"{files[2]}: is no mapping of names to settings",
        f"{files[3]}, line 2: mapping values are not allowed here",
        f"{files[4]}, line 3: Invalid value",
    ]


def test_a_malformed_file_does_not_show_its_values(tmp_path: Path) -> None:
    for name, text in (
        ("a.yaml", "password: hunter2\n  x: y"),
        ("a.toml", 'password = "hunter2" x'),
        ("a.json", '{"password": "hunter2" x}'),
    ):
        with pytest.raises(SetupError) as error:
            read_config(written(tmp_path, name, text))
        assert "hunter2" not in str(error.value)


def test_text_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "a.toml", "a.json"):
        (tmp_path / name).write_bytes(b"a = '\xff'")
        with pytest.raises(SetupError):
            read_config(tmp_path / name)


def test_a_file_that_may_not_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(SetupError, match="cannot be read: Is a directory"):
        read_config(os.fspath(tmp_path / "folder.yaml"))


def test_assignments_are_yaml_below_dotted_names_and_later_ones_win() -> None:
    assert read_assignments(
        [
            "kafka.servers=a,b",
            "kafka.linger=1",
            "kafka.linger=0.5",
            'kafka.consumers."Orders.placed".retry={attempts: 3}',
        ]
    ) == {"kafka": {"servers": "a,b", "linger": 0.5, "consumers": {"Orders.placed": {"retry": {"attempts": 3}}}}}


def test_an_assignment_may_hold_equals_signs_and_be_empty() -> None:
    assert read_assignments(["shop.database=sqlite://?a=b", "shop.prefix="]) == {
        "shop": {"database": "sqlite://?a=b", "prefix": None}
    }


def test_what_is_no_assignment_is_refused() -> None:
    with pytest.raises(SetupError) as error:
        read_assignments(["kafka.linger", "=1", "a..b=1", "a=[1", "a.=2"])
    assert [problem.path for problem in error.value.problems] == [
        "--set kafka.linger", "--set ", "--set a..b", "--set a", "--set a.",
    ]  # fmt: skip
