"""The cases of schedules."""

from annlib import schedules
from cases.row import Row

SCHEDULES = [
    Row(schedules.CosineDecay, 0.1, 10),
    Row(schedules.CosineDecay, 0.1, 12.5, alpha=0.25, name="own"),
    Row(schedules.CosineDecay, 0.01, 10, warmup_target=0.2, warmup_steps=4),
    Row(schedules.CosineDecayRestarts, 0.1, 5),
    Row(schedules.CosineDecayRestarts, 0.1, 5, 1.5, m_mul=0.5, alpha=0.1, name="own"),
    Row(schedules.ExponentialDecay, 0.1, 10, 0.5),
    Row(schedules.ExponentialDecay, 0.1, decay_steps=4, decay_rate=0.9, staircase=True),
    Row(schedules.InverseTimeDecay, 0.1, 10, 0.5, name="own"),
    Row(schedules.InverseTimeDecay, 0.1, decay_steps=4, decay_rate=0.9, staircase=True),
    Row(schedules.LinearWarmup, 0.1, 5),
    Row(schedules.LinearWarmup, schedules.CosineDecay(0.1, 10), 5, initial_learning_rate=0.01),
    Row(schedules.OneCycle, 0.1, 20),
    Row(schedules.OneCycle, 0.1, 20, pct_start=0.4, div_factor=10, final_div_factor=100),
    Row(schedules.OneCycle, 0.1, 20, anneal_strategy="linear", three_phase=True),
    Row(schedules.PiecewiseConstantDecay, [3, 7], [0.1, 0.05, 0.2]),
    Row(schedules.PiecewiseConstantDecay, (2.5,), (0.1, 0.05), name="own"),
    Row(schedules.PolynomialDecay, 0.1, 10),
    Row(schedules.PolynomialDecay, 0.1, 10, 0.01, power=2.0, cycle=True, name="own"),
]
