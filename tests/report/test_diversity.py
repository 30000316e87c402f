from sftctl.curate.diversity_result import Diversity, DiversityComparison, Lengths
from sftctl.report.diversity import DiversityRow, diversity_rows


def measured(rows: int, explanations: int) -> Diversity:
    words = Lengths(mean=10, p5=2, p50=8, p95=30)
    return Diversity(
        rows=rows,
        sample_rows=rows,
        task_types={"explanation": explanations, "code": 5},
        task_entropy_bits=0.5,
        prompt_words=words,
        response_words=words,
        distinct_2=0.75,
        vendi=12.3456,
        vendi_rows=100,
        nearest_similarity=0.25,
        first_verbs={"explain": 3},
        clusters_covered=9,
        clusters=10,
    )


def test_before_and_after_stand_side_by_side():
    rows = diversity_rows(DiversityComparison(before=measured(1200, 40), after=measured(1000, 30)))
    assert rows[0] == DiversityRow("rows", "1,200", "1,000")
    assert rows[2] == DiversityRow("words of a prompt, 5 % / median / 95 %", "2 / 8 / 30", "2 / 8 / 30")
    assert rows[5] == DiversityRow("Vendi score of 100 rows", "12.346", "12.346")
    assert rows[-3:] == [
        DiversityRow("task: explanation", "40", "30"),
        DiversityRow("task: code", "5", "5"),
        DiversityRow("first verb: explain", "3", "3"),
    ]


def test_a_run_without_the_figures_has_no_rows():
    assert diversity_rows(None) == []
