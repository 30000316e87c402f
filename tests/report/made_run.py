"""A run directory with results of every stage, made by hand: every text from data is hostile."""

from pathlib import Path

from sftctl.curate.result import (
    CurateResult,
    DecontaminationReport,
    HoldOutReport,
    NearDuplicatesReport,
    Sample,
    SourceCounts,
)
from sftctl.eval.result import (
    BehaviourFigure,
    BenchmarkFigure,
    Bounds,
    Difference,
    EvalResult,
    Gate,
    LossFigure,
    Mark,
    NextStep,
    NotMeasured,
    Rate,
    Side,
    SideBySide,
    Sign,
    Spread,
)
from sftctl.manifest import Ended, new_record, record_stage
from sftctl.run_dir import RunDir, write_json, write_text
from sftctl.smoke_test.result import Check, SmokeTestResult
from sftctl.train.result import Expected, Overfitting, Plan, ReloadCheck, TrainResult

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><b>&amp;"


def made_run(folder: Path) -> RunDir:
    """Write every result file of a run."""
    run_dir = RunDir(folder)
    write_json(run_dir.curate_result, curated().model_dump())
    write_json(run_dir.smoke_test_result, smoke_tested().model_dump())
    write_json(run_dir.train_result, trained().model_dump())
    write_json(run_dir.eval_result, evaluated().model_dump())
    write_text(run_dir.metrics, METRICS)
    write_text(run_dir.resolved_recipe, f"name: made\n# {HOSTILE}\n")
    record = new_record(
        run_dir, Ended(17, passed=True, seconds=12.5, cost_usd=0.02), inputs={}, outputs=[run_dir.curate_result]
    )
    record_stage(run_dir, "curate", record)
    return run_dir


METRICS = "".join(
    f'{{"step": {step}, "epoch": {step / 10}, "loss": {3 / step + 0.5}, "learning_rate": 0.001, "grad_norm": 1.0}}\n'
    for step in range(1, 21)
) + "".join(
    f'{{"step": {step}, "epoch": {step / 10}, "held_out": {{"step": {step}, "epoch": 0.1, "loss": {loss},'
    f' "by_role": {{"domain": {loss}, "general": {loss + 0.3}}}, "by_source": {{}}}}}}\n'
    for step, loss in ((0, 3.4), (10, 0.9), (20, 1.0))
)


def curated() -> CurateResult:
    return CurateResult(
        passed=True,
        rows_in=2100,
        verdicts={"kept": 1890, "rejected": 10, "held_out": 200},
        reasons={"exact_duplicate": 7, HOSTILE: 3},
        flags={"refusal": 5},
        repairs={"stray_token": 4},
        copies=10,
        training_rows=1900,
        sources=[
            SourceCounts(
                name="desk",
                role="domain",
                format="messages",
                columns=["messages"],
                rows=2100,
                verdicts={"kept": 1890, "rejected": 10, "held_out": 200},
            )
        ],
        hold_out=HoldOutReport(
            rows=200,
            rows_by_role={"domain": 200},
            rows_by_source={"desk": 200},
            absent_rows=0,
            frozen=False,
            sha256="0" * 64,
            groups=150,
            largest_group=12,
            near_copies_in_training=0,
        ),
        near_duplicates=NearDuplicatesReport(
            method="exact", threshold=0.8, ngram=5, scope="prompt_and_response", pairs=3, removed=3
        ),
        decontamination=DecontaminationReport(items={}, hits={}),
        samples={"exact_duplicate": [Sample(id="a", source="desk", row={"text": HOSTILE})]},
    )


def smoke_tested() -> SmokeTestResult:
    checks = (
        Check(name="loss.falling", verdict="pass", evidence="-0.02 nats a step"),
        Check(name="output.stop", verdict="fail", evidence=HOSTILE, advice="Train the stop token."),
        Check(name="environment.tracker", verdict="skipped", evidence="no tracker"),
    )
    return SmokeTestResult(passed=False, checks=checks, steps=100, losses=(3.0, 2.0), seconds=31.0)


def trained() -> TrainResult:
    plan = Plan(
        method="lora",
        device="cpu",
        processes=1,
        weights="float32",
        rows=1890,
        held_out_rows=200,
        trained_tokens=60_000,
        total_tokens=150_000,
        max_length=128,
        longest=120,
        packing=True,
        epochs=2,
        steps=20,
        steps_per_epoch=10,
        batch_size=32,
        micro_batches_per_step=1,
        micro_batch_tokens=4096,
        learning_rate=2e-4,
        gradient_checkpointing=False,
        parameters=541_536,
        trainable_parameters=100_000,
    )
    return TrainResult(
        outcome="finished",
        plan=plan,
        steps_done=20,
        chosen_step=10,
        train_loss=0.65,
        best_held_out_loss=0.9,
        overfitting=Overfitting(
            gap=0.3,
            gap_slope_per_epoch=0.1,
            turned_at_step=10,
            sentence="held-out loss turned at step 10; the weights kept are those of step 10.",
        ),
        seconds=60.0,
        seconds_per_step=2.5,
        tokens_per_second=2500.0,
        fill=0.97,
        peak_memory_bytes=300 * 2**20,
        cost_usd=0.03,
        forecast=Expected(seconds=50.0, peak_memory_bytes=320 * 2**20, cost_usd=0.025),
        reload=ReloadCheck(max_logit_difference=0.0, tolerance=0.0, rows=8, stopped=8, generations=8),
        saved_as="adapter",
    )


def difference(value: float, low: float, high: float, items: int) -> Difference:
    return Difference(value=value, standard_error=0.01, interval=Bounds(low=low, high=high), p=0.01, items=items)


def evaluated() -> EvalResult:
    rate = Rate(value=0.0, interval=Bounds(low=0.0, high=0.019), rows=200)
    answers = (
        SideBySide(
            id="1",
            source="desk",
            role="domain",
            tags=(),
            prompt=f"What is the fee? {HOSTILE}",
            reference="52 crowns",
            base="I am sorry, 47 crowns",
            tuned="It is 52 crowns",
            base_stopped=True,
            tuned_stopped=True,
            base_marks=(Mark(start=0, end=11),),
            tuned_marks=(Mark(start=6, end=8),),
        ),
        SideBySide(
            id="2",
            source="general",
            role="general",
            tags=(),
            prompt="Name a colour",
            reference=None,
            base="red",
            tuned="red",
            base_stopped=True,
            tuned_stopped=True,
            confident_and_wrong=True,
        ),
    )
    return EvalResult(
        seed=17,
        seconds=20.0,
        base=Side(path="builtin:tiny", fingerprint="abc"),
        tuned=Side(path="runs/made/model", fingerprint="def"),
        verdict="pass",
        headline="pass: all 2 gates",
        story={
            "better": f"no-apology 100 % to 0 % {HOSTILE}",
            "worse": "nothing beyond chance",
            "forgotten": "nothing; kept: mmlu 45.9 to 45.2 points",
        },
        gates=(
            Gate(
                name="no-apology: at most 2 %",
                section="behaviour",
                subject="no-apology",
                limits={"max_rate": 0.02},
                verdict="pass",
                message=f"0 % of 200 answers (95 %: 0 % to 1.9 %) {HOSTILE}",
            ),
            Gate(
                name="mmlu",
                section="benchmark",
                subject="mmlu",
                limits={"investigate_points": 1.5, "fail_points": 4},
                verdict="pass",
                message="-0.66 (95 %: -1.23 to -0.10)",
            ),
        ),
        next_step=NextStep(action="good_enough", advice="Ship it.", evidence=("every gate passed",)),
        losses=(
            LossFigure(
                group="all",
                kind="all",
                rows=200,
                tokens=4000,
                base=3.4,
                tuned=0.9,
                base_perplexity=29.96,
                tuned_perplexity=2.46,
                difference=difference(-2.5, -2.6, -2.4, 200),
            ),
        ),
        side_by_side=answers,
        behaviours=(
            BehaviourFigure(
                id="no-apology",
                check="preset",
                wanted=False,
                base=Rate(value=1.0, interval=Bounds(low=0.98, high=1.0), rows=200),
                tuned=rate,
                difference=difference(-1.0, -1.0, -0.97, 200),
                lost=200,
                gained=0,
                mcnemar_p=0.0,
                max_rate=0.02,
                min_rate=None,
                max_delta=None,
            ),
        ),
        benchmarks=(
            BenchmarkFigure(
                id="mmlu",
                metric="acc",
                available=12343,
                items=12343,
                base=45.9,
                tuned=45.2,
                difference=difference(-0.664, -1.229, -0.1, 12343),
                lost=675,
                gained=593,
                mcnemar_p=0.0229,
                adjusted_p=0.0229,
                verdict="pass",
                items_to_settle=None,
                seconds=3.0,
            ),
        ),
        drift=(Sign(name="rep-4", base=0.01, tuned=0.02, interval=None, notable=False, meaning="repetition"),),
        spreads=(
            Spread(
                measure="held-out loss",
                unit="nats per token",
                items=200,
                difference=0.0,
                largest_item_difference=1e-7,
                item_unit="nats per token",
            ),
        ),
        not_measured=(NotMeasured(name="judge", reason="no judge in the recipe", asked=False),),
    )
