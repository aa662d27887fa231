"""The tables of a run."""

from __future__ import annotations

from benchmarks.speed.workloads import WORKLOADS

#: The median and the least seconds of each round, by contender.
Rounds = dict[str, list[tuple[float, float]]]

OWN = ("annlib", "annlib[jit]", "annlib compiled")
OTHERS = ("limit", "sklearn")


def best(rounds: list[tuple[float, float]]) -> float:
    """The least of the rounds' medians: what other programs took is in the others."""
    return min(median for median, _ in rounds)


def table(found: dict[str, Rounds]) -> str:
    """Microseconds a step of each contender, and what they are to annlib's."""
    names = list(dict.fromkeys(name for row in found.values() for name in row))
    own = [name for name in OWN if name in names]
    titles = ["", "network", "batch", *names]
    for name in own:
        titles += [f"fastest framework / {name}", f"sklearn / {name}", f"{name} / limit"]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for row, rounds in found.items():
        work, seconds = WORKLOADS[row], {name: best(r) for name, r in rounds.items()}
        cells = [row, work.network, f"{work.batch if work.kind == 'train' else work.rows:,}"]
        cells += [f"{seconds[name] * 1e6:,.1f}" if name in seconds else "-" for name in names]
        for name in own:
            cells += ratios(seconds, name)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ratios(seconds: dict[str, float], name: str) -> list[str]:
    """The fastest of the frameworks, scikit-learn and the limit beside one of annlib's ways."""
    frameworks = [time for peer, time in seconds.items() if peer not in (*OWN, *OTHERS)]
    own = seconds.get(name)
    if own is None:
        return ["-"] * 3
    return [
        f"{min(frameworks) / own:.2f}" if frameworks else "-",
        f"{seconds['sklearn'] / own:.2f}" if "sklearn" in seconds else "-",
        f"{own / seconds['limit']:.2f}" if "limit" in seconds else "-",
    ]
