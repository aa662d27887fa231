"""The cases of schedules."""

from annlib import schedules
from cases.row import Row

SCHEDULES = [
    Row(schedules.ExponentialDecay, 0.1, 10, 0.5),
    Row(schedules.ExponentialDecay, 0.1, decay_steps=4, decay_rate=0.9, staircase=True),
]
