"""walk.course.exercises: right answers in many spellings, and hints for wrong ones."""

import pytest

from vtep.errors import UsageError
from vtep.walk.course.exercises import EXERCISES, LESSONS, check_answers, is_right

RIGHT = {
    "1.1": ["10.0.1.41", " 10.0.1.41 "],
    "1.2": ["50", "50 octets", "50 bytes", "0x32", "+50"],
    "1.3": ["70"],
    "2.1": ["0800000000138800", "08 00 00 00 00 13 88 00", "0x0800000000138800",
            "08:00:00:00:00:13:88:00", "0x08 0x00 0x00 0x00 0x00 0x13 0x88 0x00"],
    "2.2": ["12345", "12,345", "0x3039", "0x003039"],
    "2.3": ["bad_flags", "Bad Flags", "bad-flags"],
    "3.1": ["2", "two", "2 peers", "Two copies"],
    "3.2": ["10.0.1.4"],
    "3.3": ["1", "one"],
    "4.1": ["unknown_vni", "unknown VNI"],
    "4.2": ["0", "zero", "none"],
    "4.3": ["16777216", "16,777,216", "16 777 216", "2^24", "2**24", "0x1000000"],
    "5.1": ["4"],
    "5.2": ["92"],
    "5.3": ["unknown_vlan"],
    "6.1": ["8950"],
    "6.2": ["1410"],
    "6.3": ["oversize"],
    "7.1": ["184"],
    "7.2": ["92"],
    "8.1": ["8472"],
    "8.2": ["0"],
    "8.3": ["unknown_peer"],
}  # fmt: skip


def test_every_lesson_has_two_or_three_exercises() -> None:
    assert list(LESSONS) == list(range(1, 9))
    lessons = [int(number.partition(".")[0]) for number in EXERCISES]
    assert lessons == sorted(lessons)
    assert all(lessons.count(lesson) in (2, 3) for lesson in LESSONS)


@pytest.mark.parametrize("number", EXERCISES)
def test_a_right_answer_is_right_in_every_spelling(number: str) -> None:
    assert [spelt for spelt in RIGHT[number] if not is_right(number, spelt)] == []


@pytest.mark.parametrize("number", EXERCISES)
def test_a_wrong_answer_is_wrong(number: str) -> None:
    others = {spelt for spelts in RIGHT.values() for spelt in spelts}
    wrong = [
        "",
        "x",
        "49",
        "-1",
        "10.0.1.42",
        "zz_top",
        "08",
        "9" * 5000,
        "\u0665\u0660",
        "0800000000138801",
    ]
    assert [one for one in wrong if is_right(number, one)] == []
    assert sum(is_right(number, one) for one in others) <= len(RIGHT[number]) + 2


def test_every_answer_gets_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_answers(["1.2=50", "1.3=70 octets"]) == 0
    assert capsys.readouterr().out == "1.2 right\n1.3 right\n"
    assert check_answers(["1.2=51", "1.3=70"]) == 1
    said, right = capsys.readouterr().out.splitlines()
    assert said.startswith(f"1.2 wrong: {EXERCISES['1.2'].hint}")
    assert right == "1.3 right"


def test_the_questions_are_listed_by_lesson(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_answers([]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(LESSONS) + len(EXERCISES)
    assert said[0] == f"1. {LESSONS[1]}"
    assert said[1].split() == ["1.1", *EXERCISES["1.1"].question.split()]


@pytest.mark.parametrize(
    ("answer", "words"),
    [("9.1=5", ["'9.1'", "--check"]), ("1.2", ["1.2=ANSWER"]), ("1.2= ", ["1.2=ANSWER"])],
)
def test_an_unknown_exercise_or_a_missing_answer_is_refused(answer: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        check_answers([answer])
    message = str(caught.value)
    assert [word for word in words if word not in message] == []
    assert len(message.splitlines()) == 1
