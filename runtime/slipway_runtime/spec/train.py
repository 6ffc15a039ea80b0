"""What a training run can be asked to do."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from slipway_runtime.spec.base import PositiveDecimal, SpecModel
from slipway_runtime.spec.dataset import DatasetSource
from slipway_runtime.spec.gate import TrainingGate


class Architecture(StrEnum):
    """Network of a bundled recipe."""

    MLP = "mlp"
    CNN = "cnn"


class Optimizer(StrEnum):
    """Optimizer of torch.optim."""

    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"


class Schedule(StrEnum):
    """How the learning rate moves over the run."""

    CONSTANT = "constant"
    COSINE = "cosine"


class EarlyStopping(SpecModel):
    """Stop when the validation loss no longer improves, and keep the best weights."""

    patience: int = Field(3, ge=1, le=1000, description="Epochs without improvement before stopping.")


class Validation(SpecModel):
    """Held-out examples: a fraction of the dataset (stratified for classes), or a dataset of their own."""

    fraction: PositiveDecimal = Field("0.2", description="Share of the dataset that is held out, above 0 and below 1.")
    dataset: DatasetSource | None = Field(None, description="A dataset of its own to validate on, instead of a share.")


class Recipe(SpecModel):
    """Settings that every supervised recipe has."""

    architecture: Architecture = Field(
        Architecture.MLP, description="mlp for tables, cnn for images (rank 2 or 3 examples)."
    )
    hidden_sizes: Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], Field(max_length=16)] = Field(
        default=(64, 64), description="Units of each hidden layer of an mlp."
    )
    epochs: int = Field(10, ge=1, le=100_000, description="Passes over the training examples.")
    batch_size: int = Field(32, ge=1, le=1_048_576, description="Examples a step, over all processes together.")
    optimizer: Optimizer = Field(Optimizer.ADAMW, description="Optimizer.")
    learning_rate: PositiveDecimal = Field("0.001", description="Peak learning rate.")
    weight_decay: PositiveDecimal = Field("0", description="Weight decay.")
    schedule: Schedule = Field(Schedule.CONSTANT, description="How the learning rate moves over the run.")
    early_stopping: EarlyStopping | None = Field(None, description="Stop early; off unless present.")
    validation: Validation = Field(default=Validation(), description="What is held out.")
    seed: int = Field(0, ge=0, le=2_147_483_647, description="Seed of the split, the weights and the order.")


class ClassifierRecipe(Recipe):
    """Predict one of several classes."""


class RegressorRecipe(Recipe):
    """Predict a number."""


class RecipeChoice(SpecModel):
    """Exactly one bundled recipe."""

    classifier: ClassifierRecipe | None = Field(None, description="Predict one of several classes.")
    regressor: RegressorRecipe | None = Field(None, description="Predict a number.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "RecipeChoice":
        if (self.classifier is None) == (self.regressor is None):
            raise ValueError("set exactly one of classifier and regressor")
        return self

    @property
    def settings(self) -> Recipe:
        """The chosen recipe."""
        chosen = self.classifier or self.regressor
        assert chosen is not None  # noqa: S101 - the validator above guarantees it
        return chosen


class Launcher(StrEnum):
    """How a program's processes are started."""

    TORCH = "torch"
    PLAIN = "plain"


class Program(SpecModel):
    """The user's own program, in an image that contains slipway's launcher."""

    image: str = Field(min_length=1, max_length=512, description="Image that contains the program and slipway[train].")
    command: Annotated[tuple[Annotated[str, Field(max_length=4096)], ...], Field(min_length=1, max_length=64)] = Field(
        description="The program and its first arguments, for example [python, /app/train.py]."
    )
    args: Annotated[tuple[Annotated[str, Field(max_length=4096)], ...], Field(max_length=64)] = Field(
        default=(), description="Further arguments."
    )
    launcher: Launcher = Field(
        Launcher.TORCH, description="torch: started by torch's elastic agent with a rank; plain: started as it is."
    )


class Checkpoint(SpecModel):
    """How often progress is saved, so that a next attempt goes on from there."""

    every: int = Field(200, ge=1, le=10_000_000, description="Steps between two checkpoints.")
    keep: int = Field(2, ge=1, le=100, description="Newest checkpoints that are kept.")


class TrainSpec(SpecModel):
    """One training run: what ``slipway-train`` and ``slipway-launch`` are given."""

    recipe: RecipeChoice | None = Field(None, description="A bundled recipe. Exactly one of recipe and program.")
    program: Program | None = Field(None, description="Your own program. Exactly one of recipe and program.")
    dataset: DatasetSource | None = Field(None, description="Examples to train on; a recipe needs it.")
    checkpoint: Checkpoint = Field(default=Checkpoint(), description="How often progress is saved.")
    gate: TrainingGate | None = Field(None, description="Bounds that must hold before the model is published.")

    @model_validator(mode="after")
    def _one_way_to_train(self) -> "TrainSpec":
        if (self.recipe is None) == (self.program is None):
            raise ValueError("set exactly one of recipe and program")
        if self.recipe is not None and self.dataset is None:
            raise ValueError("set dataset: a recipe needs examples to train on")
        return self


TaskName = Literal["classification", "regression"]
