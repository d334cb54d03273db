"""A network cut in two: what every frame needs, and what only a frame with something in it needs.

The prototypes of masks are a third of a small network's work, and good for nothing where no
instance was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import openvino as ov
from openvino import opset13 as ops

if TYPE_CHECKING:
    from collections.abc import Sequence


def halves(model: ov.Model) -> tuple[ov.Model, ov.Model]:
    """``model`` answers predictions and prototypes; from one frame, or from none of its own.

    The first half answers the predictions and then whatever the second takes, in its order; the
    second answers the prototypes.
    """
    first, second = model.clone(), model.clone()
    asked = [first.output(0), *_crossing(first)]
    results = [ops.result(_source(output)) for output in asked]
    return ov.Model(results, first.get_parameters()), _rest(second)


def _rest(model: ov.Model) -> ov.Model:
    """What leads from the outputs that cross to the prototypes."""
    inputs = []
    needed = _before(model.output(0))
    for output in _crossing(model):
        taken = ops.parameter(output.get_shape(), output.get_element_type())
        for target in output.get_target_inputs():
            if target.get_node().get_name() not in needed:
                target.replace_source_output(taken.output(0))
        inputs.append(taken)
    return ov.Model([ops.result(_source(model.output(1)))], inputs)


def _crossing(model: ov.Model) -> list[ov.Output]:
    """Outputs of nodes that the predictions need, taken by nodes that only the prototypes need."""
    needed, wanted = _before(model.output(0)), _before(model.output(1))
    fixed = _constant(model.get_ordered_ops())
    crossing: dict[tuple[str, int], ov.Output] = {}
    for node in model.get_ordered_ops():
        if node.get_name() in wanted and node.get_name() not in needed:
            for port in node.inputs():
                output = port.get_source_output()
                name = output.get_node().get_name()
                if name in needed and name not in fixed:
                    crossing[name, output.get_index()] = output
    return list(crossing.values())


def _before(output: ov.Output) -> set[str]:
    """Names of all nodes that lead to a result."""
    found: set[str] = set()
    waiting = [output.get_node()]
    while waiting:
        node = waiting.pop()
        if node.get_name() not in found:
            found.add(node.get_name())
            waiting += [port.get_source_output().get_node() for port in node.inputs()]
    return found


def _constant(nodes: Sequence[ov.Node]) -> set[str]:
    """Names of the nodes that depend on no input: both halves keep those."""
    found: set[str] = set()
    for node in nodes:
        sources = [port.get_source_output().get_node().get_name() for port in node.inputs()]
        if node.get_type_name() != "Parameter" and found.issuperset(sources):
            found.add(node.get_name())
    return found


def _source(output: ov.Output) -> ov.Output:
    """Of a result, what leads to it."""
    node = output.get_node()
    return node.input_value(0) if node.get_type_name() == "Result" else output
