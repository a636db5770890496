"""Where the time of one pass of the network goes, and how far that is from the machine's matmul rate."""

import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from kmc_core.model.conditions import AnimatorConditions
from kmc_core.model.transformer import Animator

SIDE = 2048  # of the square matrices that tell the machine's rate
ROUNDS = 5
# Parts of a pass by the last name of the module that does them.
PART_OF = {
    **dict.fromkeys(("qkv", "out", "query", "out_context"), "projections"),
    **dict.fromkeys(("up", "down"), "MLP"),
    **dict.fromkeys(
        ("embed_target", "embed_maps", "embed_hand", "embed_face", "embed_sigma", "place_hand", "place_face"),
        "embeddings",
    ),
    "head": "pixel head",
}
WHOLE, REST = "whole", "norms, rotations, copies"
# The attention that torch chooses on a CPU, which its counter does not know.
ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


def profiled(animator: Animator, told: AnimatorConditions, z: Tensor) -> dict[str, Any]:
    """Seconds and GFLOP of every part of a pass, the fastest of some; its GFLOP a second, and a large square
    matrix product's in the same run.
    """
    encoded, level = animator.encode(told), z.new_full((len(z),), 0.5)

    def work() -> None:
        animator.denoise(z, level, told, encoded)

    work()
    runs = [_parts(animator, work, time.perf_counter) for _ in range(ROUNDS)]
    counted = {ATTENTION: lambda q, k, v, *more, **named: sdpa_flop_count(q, k, v)}
    with FlopCounterMode(display=False, custom_mapping=counted) as counter:
        operations = _parts(animator, work, counter.get_total_flops)
    seconds = min(runs, key=lambda run: run[WHOLE])  # the least disturbed
    total, whole = operations.pop(WHOLE), seconds.pop(WHOLE)
    rate, machine = total / whole / 1e9, matmul_rate()
    return {
        "seconds": round(whole, 4),
        "share": {name: round(value / whole, 3) for name, value in seconds.items()},
        "gigaflop": {name: round(value / 1e9, 2) for name, value in operations.items() if value},
        "gigaflop_a_second": {
            name: round(value / seconds[name] / 1e9, 1) for name, value in operations.items() if value
        },
        "pass_gigaflop_a_second": round(rate, 1),
        "matmul_gigaflop_a_second": round(machine, 1),
        "share_of_matmul_rate": round(rate / machine, 3),
    }


def _parts(animator: Animator, work: Callable[[], None], reading: Callable[[], float]) -> dict[str, float]:
    """What a counter counts within each part, in all and outside of them while the work is done once."""
    spent: dict[str, float] = defaultdict(float)
    begun: dict[nn.Module, float] = {}
    hooks: list[Any] = []

    def entered(module: nn.Module, given: Any) -> None:
        begun[module] = reading()

    def left(part: str) -> Callable[..., None]:
        def count(module: nn.Module, given: Any, result: Any) -> None:
            spent[part] += reading() - begun[module]

        return count

    for name, module in animator.named_modules():
        if part := PART_OF.get(name.rpartition(".")[2] if name.startswith("blocks") else name):
            hooks += [module.register_forward_pre_hook(entered), module.register_forward_hook(left(part))]
    plain: dict[Any, Any] = {block: block.attention for block in animator.blocks}
    own = next(iter(plain.values()))

    def attention(*given: Tensor) -> Tensor:
        begun_at = reading()
        result = own(*given)
        spent["attention"] += reading() - begun_at
        return result

    for block in plain:
        block.attention = attention
    start = reading()
    try:
        work()
    finally:
        for block, original in plain.items():
            block.attention = original
        for hook in hooks:
            hook.remove()
    whole = reading() - start
    return spent | {REST: whole - sum(spent.values()), WHOLE: whole}


def matmul_rate() -> float:
    """GFLOP a second of a large square product in float32, as many threads as torch has."""
    a = torch.ones(SIDE, SIDE)
    torch.mm(a, a)
    return 2 * SIDE**3 / median(_seconds(lambda: torch.mm(a, a)) for _ in range(ROUNDS)) / 1e9


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def profile_table(found: dict[str, Any]) -> str:
    """The parts as Markdown."""
    lines = ["| part of a pass | share of its time | GFLOP | GFLOP a second |", "|---|---|---|---|"]
    for name, share in sorted(found["share"].items(), key=lambda item: -item[1]):
        flop, rate = (found[key].get(name, "") for key in ("gigaflop", "gigaflop_a_second"))
        lines.append(f"| {name} | {share:.0%} | {flop} | {rate} |")
    lines.append(
        f"| all | {found['seconds']:.3f} s | | {found['pass_gigaflop_a_second']}, "
        f"matmul {found['matmul_gigaflop_a_second']} |"
    )
    return "\n".join(lines)
