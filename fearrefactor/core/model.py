"""What the rest of the house knows of a model, without loading it."""

from __future__ import annotations

import difflib

from pydantic import BaseModel, ConfigDict

from fearrefactor.errors import PolicyError


class ModelCard(BaseModel):
    """Identity and vocabulary of a loaded model.

    ``long_side`` is the longer side of its input in pixels; ``classes[i]`` names class id ``i``.
    ``runtime`` says what computes it and how exactly ("openvino bf16"): it changes answers.
    ``unproven`` says why nothing can show later on that it still sees; empty where something can.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    classes: tuple[str, ...]
    long_side: int
    licence: str
    runtime: str = "unnamed"
    unproven: str = ""

    def class_id(self, name: str) -> int:
        """Id of a class by name.

        Raises:
            PolicyError: the model has no such class; the message lists the nearest names.
        """
        wanted = name.strip().lower()
        lowered = [known.lower() for known in self.classes]
        if wanted in lowered:
            return lowered.index(wanted)
        near = difflib.get_close_matches(wanted, lowered, n=3, cutoff=0.5)
        hint = f"nearest: {', '.join(near)}" if near else f"it knows: {', '.join(self.classes)}"
        raise PolicyError(f"model {self.name} has no class {name!r}; {hint}", code="unknown_class")
