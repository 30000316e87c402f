"""All that the checks look at, gathered before the first of them runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sftctl.data.conversation import Conversation
from sftctl.model.scoring import RowLoss
from sftctl.smoke_test.machine import Machine
from sftctl.smoke_test.rehearsal import Rehearsal
from sftctl.smoke_test.snapshot import Questions, Snapshot
from sftctl.tokenization.config import DataConfig
from sftctl.train.assembly import TrainingSections
from sftctl.train.inputs import Inputs


@dataclass(frozen=True)
class TemplateComparison:
    """The untrained model's loss of its own greedy answers under the recipe's template and under its own."""

    recipe: Sequence[RowLoss]
    own: Sequence[RowLoss]


@dataclass(frozen=True)
class PromptComparison:
    """The untrained model's loss of the same responses behind their own prompts, and behind those of other rows."""

    own: Sequence[RowLoss]
    other: Sequence[RowLoss]


@dataclass(frozen=True)
class Reload:
    """The saved checkpoint read back: the largest difference of a logit, or why it could not be read."""

    max_logit_difference: float | None
    problem: str | None


@dataclass(frozen=True)
class Evidence:
    """`after` is None where the steps ended in an error that leaves nothing to ask."""

    recipe: TrainingSections
    data: DataConfig
    inputs: Inputs
    conversations: Mapping[str, Conversation]
    questions: Questions
    rehearsal: Rehearsal
    before: Snapshot
    after: Snapshot | None
    prompts: PromptComparison | None
    own_template: TemplateComparison | None
    reload: Reload | None
    machine: Machine

    @property
    def key_for_more_steps(self) -> str:
        """What to raise in the recipe to see more steps."""
        return "smoke_test.time_limit_minutes" if self.rehearsal.out_of_time else "smoke_test.steps"
