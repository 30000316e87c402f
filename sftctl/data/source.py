"""One source of rows, as the recipe names it: where it is, what it is for, and how to read it."""

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from sftctl.data.conversation import SourceRole
from sftctl.data.formats import FormatName, make_format
from sftctl.section import Section

FileType = Literal["auto", "jsonl", "json", "csv", "parquet", "txt"]


class Source(Section):
    """A file, standard input, or a data set on a hub."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="short name, unique in the recipe; shown everywhere"
    )
    path: str = Field(
        min_length=1,
        max_length=4096,
        description="file (.jsonl .json .csv .parquet .txt, each also .gz), - for standard input, or hub id org/name",
    )
    share: float | None = Field(None, gt=0, le=1, description="share of the training set, 0 to 1; null takes all rows")
    role: SourceRole = Field("domain", description="what the rows are for; each role has its own held-out rows")
    format: Literal["auto", FormatName] = Field("auto", description="shape of a row; auto finds it and prints it")
    fields: dict[str, Annotated[str, Field(min_length=1, max_length=256)]] = Field(
        default_factory=dict,
        max_length=8,
        description="the format's columns, as {prompt: question, response: answer}; such a pair needs no format",
    )
    file_type: FileType = Field("auto", description="type of the file; auto takes it from the ending of its name")
    split: str = Field("train", min_length=1, max_length=256, description="split of a hub data set")
    subset: str | None = Field(None, max_length=256, description="subset (configuration) of a hub data set")
    revision: str | None = Field(None, max_length=256, description="commit, tag or branch of a hub data set")

    @model_validator(mode="after")
    def _fields_belong_to_the_format(self) -> Self:
        if not self.fields:
            return self
        name: FormatName = "pair" if self.format == "auto" else self.format
        try:
            chosen = make_format(name, self.fields)
        except ValidationError as problem:
            unknown = ", ".join(str(error["loc"][-1]) for error in problem.errors())
            known = ", ".join(key for key in type(make_format(name, {})).model_fields if key != "type")
            raise ValueError(f"fields: format {name} has no field {unknown}; it has {known}") from problem
        if "prompt" in type(chosen).model_fields and name == "pair":
            missing = [key for key in ("prompt", "response") if key not in self.fields]
            if missing and self.format == "auto":
                raise ValueError(f"fields: name {' and '.join(missing)} too, or set format")
        return self
