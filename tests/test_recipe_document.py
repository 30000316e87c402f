import pytest

from sftctl.errors import RecipeError
from sftctl.recipe_document import parse_document, plain_scalar
from sftctl.recipe_errors import Position


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("2.5E+3", 2500.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("17", 17),
        ("-3", -3),
        ("10_000", 10_000),
        ("0", 0),
        ("0.1", 0.1),
        ("true", True),
        ("False", False),
        ("off", "off"),
        ("yes", "yes"),
        ("NO", "NO"),
        ("null", None),
        ("~", None),
        ("12:30", "12:30"),
        ("2026-11-22", "2026-11-22"),
        ("0x1F", "0x1F"),
        ("1e", "1e"),
        ("v1.0", "v1.0"),
    ],
)
def test_a_plain_scalar_has_one_meaning(text, value):
    read = plain_scalar(text)
    assert (read, type(read)) == (value, type(value))
    document = parse_document("r.yaml", f"key: {text}")
    assert document.value == {"key": value}
    assert document.problems == []


def test_a_quoted_scalar_is_text():
    assert parse_document("r.yaml", "a: '010'\nb: \"1e-5\"\nc: 'null'").value == {"a": "010", "b": "1e-5", "c": "null"}


def test_every_key_and_value_knows_its_place():
    document = parse_document("r.yaml", "model:\n  path: x\nlist:\n  - {id: one}\n")
    assert document.keys[("model", "path")] == Position(2, 3)
    assert document.values[("model", "path")] == Position(2, 9)
    assert document.values[("list", 0, "id")] == Position(4, 10)


def problems(text):
    return [problem.describe() for problem in parse_document("r.yaml", text).problems]


def test_an_octal_looking_number_is_refused_with_both_readings():
    assert problems("seed: 010") == [
        "r.yaml:1:7: `010` reads as octal in YAML 1.1: write 10, or quote it for text\n    seed: 010\n          ^"
    ]


def test_a_duplicate_key_names_the_first():
    assert problems("a: 1\nb: 2\na: 3") == ["r.yaml:3:1: duplicate key `a`: first given in line 1\n    a: 3\n    ^"]


def test_a_secret_is_refused_and_masked():
    (described,) = problems("api_key: sk-abcdefghijklmnopqrstuv")
    assert "put it into an environment variable" in described
    assert "sk-" not in described


def test_an_alias_bomb_is_refused_in_little_time():
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(RecipeError, match="aliases expand without end"):
        parse_document("r.yaml", "\n".join(levels))


def test_an_alias_of_itself_is_refused():
    with pytest.raises(RecipeError, match="aliases expand without end"):
        parse_document("r.yaml", "a: &a [*a]")


def test_a_plain_alias_and_a_merge_key_are_read():
    document = parse_document("r.yaml", "x: &x {r: 8, alpha: 16}\ny: {<<: *x, r: 4}")
    assert document.value["y"] == {"r": 4, "alpha": 16}


def test_a_foreign_tag_is_refused():
    assert problems("a: !env HOME")[0].startswith("r.yaml:1:4: tag !env is not allowed")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2", "r.yaml:1:9: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: b: c", "r.yaml:1:5: not YAML: mapping values are not allowed here"),
        ("a:\n\t- b", "r.yaml:2:1: not YAML: found character '\\t' that cannot start any token"),
        ("--- a\n--- b", "r.yaml:2:1: not YAML: but found another document"),
        ("a: \x00", "r.yaml: not YAML: unacceptable character #x0000"),
        ("[" * 5000, "r.yaml: nested too deeply for a recipe"),
    ],
)
def test_text_that_is_not_yaml_is_placed(text, message):
    with pytest.raises(RecipeError) as refused:
        parse_document("r.yaml", text)
    assert message in str(refused.value)
