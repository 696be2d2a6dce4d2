"""adlab.nn: small networks whose training steps are graphs.

    from adlab import nn

    net = nn.MLP([64, 100, 10], activation="relu")
    params, state = net.init(0)
    scores = net(params, np.zeros((5, 64)))

A layer is a frozen object that computes with parameters it is given (`adlab.nn.layers` says how); losses, regularisers
and optimisers are pure functions of arrays or traced values too. So a whole training step is one graph
(`adlab.nn.step`), which can be drawn, compiled, and differentiated by any of the four methods.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adlab.nn.activations import (
        ELU,
        Identity,
        LeakyReLU,
        Maxout,
        PReLU,
        ReLU,
        Sigmoid,
        Softmax,
        SReLU,
        Tanh,
    )
    from adlab.nn.arrays import Dataset, one_hot
    from adlab.nn.callbacks import Callback, Progress, TensorBoard
    from adlab.nn.clipping import ClipNorm, ClipValue
    from adlab.nn.diagnosis import decompose_error, diagnose, trace_weight
    from adlab.nn.dropout import Dropout, monte_carlo
    from adlab.nn.estimators import MLPClassifier, MLPRegressor
    from adlab.nn.full_batch import minimise
    from adlab.nn.history import History
    from adlab.nn.initialisers import Constant, He, Normal, Xavier, Zeros
    from adlab.nn.inside import (
        dead_units,
        gradients_inside,
        linear_regions,
        saturated_share,
        slopes_inside,
        values_inside,
    )
    from adlab.nn.layers import Layer
    from adlab.nn.linear import Linear
    from adlab.nn.losses import (
        BinaryCrossEntropy,
        CrossEntropy,
        Hinge,
        Loss,
        NegativeLogLikelihood,
        SquaredError,
    )
    from adlab.nn.mlp import MLP
    from adlab.nn.normalisation import BatchNorm, fold, population_state
    from adlab.nn.optimisers import SGD, AdaGrad, Adam, AdamW, Optimiser, RMSProp
    from adlab.nn.preprocessing import Scaling
    from adlab.nn.regularisers import L1, L2, ElasticNet, Regulariser
    from adlab.nn.schedules import Cosine, OnPlateau, Schedule, StepDecay, WarmUp
    from adlab.nn.sequential import Sequential
    from adlab.nn.step import training_step
    from adlab.nn.stopping import EarlyStopping
    from adlab.nn.trainer import Trainer

_HOMES = {
    "arrays": "Dataset one_hot",
    "callbacks": "Callback Progress TensorBoard",
    "estimators": "MLPClassifier MLPRegressor",
    "history": "History",
    "preprocessing": "Scaling",
    "stopping": "EarlyStopping",
    "trainer": "Trainer",
    "activations": "ELU Identity LeakyReLU Maxout PReLU ReLU SReLU Sigmoid Softmax Tanh",
    "clipping": "ClipNorm ClipValue",
    "diagnosis": "decompose_error diagnose trace_weight",
    "dropout": "Dropout monte_carlo",
    "full_batch": "minimise",
    "initialisers": "Constant He Normal Xavier Zeros",
    "inside": "dead_units gradients_inside linear_regions saturated_share slopes_inside values_inside",
    "layers": "Layer",
    "linear": "Linear",
    "losses": "BinaryCrossEntropy CrossEntropy Hinge Loss NegativeLogLikelihood SquaredError",
    "mlp": "MLP",
    "normalisation": "BatchNorm fold population_state",
    "optimisers": "AdaGrad Adam AdamW Optimiser RMSProp SGD",
    "regularisers": "ElasticNet L1 L2 Regulariser",
    "schedules": "Cosine OnPlateau Schedule StepDecay WarmUp",
    "sequential": "Sequential",
    "step": "training_step",
}
"""Where each public name lives; names are fetched when first used, so that ``from adlab import nn`` costs next to
nothing."""

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted(_HOME_OF)
    if name == "data":
        return importlib.import_module("adlab.nn.data")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'adlab.nn' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"adlab.nn.{_HOME_OF[name]}"), name)
    setattr(sys.modules[__name__], name, value)
    return value


def __dir__() -> list[str]:
    return sorted(_HOME_OF)
