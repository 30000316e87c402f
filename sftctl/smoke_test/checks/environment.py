"""Is the machine ready for the whole run?"""

from sftctl.smoke_test.evidence import Evidence
from sftctl.smoke_test.result import Check


def versions(evidence: Evidence) -> Check:
    """For the record."""
    machine = evidence.machine
    text = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return Check(name="environment.versions", verdict="pass", evidence=f"{text}; {machine.device_name}")


def precision(evidence: Evidence) -> Check:
    """bfloat16 where the recipe would use it."""
    name = "environment.precision"
    machine = evidence.machine
    if machine.device == "cuda" and not machine.bfloat16 and evidence.recipe.model.dtype != "float32":
        advice = "this GPU has no bfloat16: set model.dtype=float32, or take an Ampere GPU or later"
        return Check(name=name, verdict="fail", evidence=f"{machine.device_name} has no bfloat16", advice=advice)
    return Check(name=name, verdict="pass", evidence=f"weights {evidence.rehearsal.plan.weights}, on {machine.device}")


def trackers(evidence: Evidence) -> Check:
    """Every tracker of the recipe is installed and logged in."""
    name = "environment.trackers"
    missing = [problem for problem in evidence.machine.trackers.values() if problem is not None]
    if missing:
        return Check(
            name=name, verdict="fail", evidence="; ".join(missing), advice="or leave it out of train.report_to"
        )
    used = ", ".join(evidence.machine.trackers) or "none asked for"
    return Check(name=name, verdict="pass", evidence=used)
