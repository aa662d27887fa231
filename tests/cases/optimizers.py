"""The cases of optimizers."""

from annlib import optimizers, schedules
from cases.row import Row

OPTIMIZERS = [
    Row(optimizers.SGD),
    Row(optimizers.SGD, 0.05, momentum=0.9),
    Row(optimizers.SGD, 0.05, momentum=0.9, nesterov=True, clipvalue=0.3),
    Row(optimizers.SGD, schedules.ExponentialDecay(0.1, 3, 0.5), weight_decay=0.01),
    Row(optimizers.Adam),
    Row(optimizers.Adam, 0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-4, amsgrad=True),
    Row(optimizers.Adam, weight_decay=0.02, clipnorm=0.5, name="own"),
    Row(optimizers.RMSprop),
    Row(optimizers.RMSprop, 0.01, rho=0.8, epsilon=1e-5, global_clipnorm=0.7),
    Row(optimizers.RMSprop, 0.01, momentum=0.5, centered=True),
]
