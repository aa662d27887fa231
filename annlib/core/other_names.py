"""What parts are called elsewhere, in PyTorch, scikit-learn and papers: for hints of errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from annlib.core.out_of_scope import missing, way_of

_ONE_OF_CLASSES = (
    '"sparse_categorical_crossentropy" for labels, "categorical_crossentropy" for rows'
)
_LOGITS = "losses.BinaryCrossentropy(from_logits=True)"
_L1L2 = "regularizers.L1L2(l1=0.01, l2=0.01)"

#: What is meant, by family and by the name elsewhere: small letters without signs, and without what
#: says only the family.
_MEANT: dict[str, dict[str, str]] = {
    "loss": {
        **dict.fromkeys(("l2", "squared", "squarederror", "rmse", "sse"), '"mse"'),
        **dict.fromkeys(("l1", "absolute", "absoluteerror", "lad"), '"mae"'),
        "smoothl1": '"huber"',
        **dict.fromkeys(
            ("bcewithlogits", "binarycrossentropywithlogits", "multilabelsoftmargin"), _LOGITS
        ),
        **dict.fromkeys(("sigmoidcrossentropy", "sigmoidcrossentropywithlogits"), _LOGITS),
        **dict.fromkeys(
            ("crossentropy", "ce", "nll", "negloglikelihood", "negativeloglikelihood"),
            _ONE_OF_CLASSES,
        ),
        **dict.fromkeys(
            ("softmaxcrossentropy", "softmaxcrossentropywithlogits", "multinomial"),
            _ONE_OF_CLASSES,
        ),
        "sparsecrossentropy": '"sparse_categorical_crossentropy"',
        **dict.fromkeys(
            ("log", "logistic", "binomial"),
            f'"binary_crossentropy" for two classes, {_ONE_OF_CLASSES}',
        ),
        **dict.fromkeys(("kl", "kldiv", "kullbackleibler"), '"kl_divergence"'),
        **dict.fromkeys(("focal", "sigmoidfocal", "bfocal"), '"binary_focal_crossentropy"'),
        **dict.fromkeys(("poissonnll", "meanpoissondeviance", "poissondeviance"), '"poisson"'),
        **dict.fromkeys(("gammadeviance", "meangammadeviance"), '"gamma"'),
        **dict.fromkeys(("tweediedeviance", "meantweediedeviance"), '"tweedie"'),
        **dict.fromkeys(("cosineembedding", "cosine", "cosinedistance"), '"cosine_similarity"'),
        "multimargin": '"categorical_hinge"',
        "hingeembedding": '"hinge"',
    },
    "metric": {
        **dict.fromkeys(("acc", "accuracy"), '"accuracy"'),
        **dict.fromkeys(("f1", "fmeasure", "fscore"), '"f1_score"'),
        **{f"f1{a}": f'metrics.F1Score(average="{a}")' for a in ("macro", "micro", "weighted")},
        "r2": '"r2_score"',
        **dict.fromkeys(("rmse", "rootmeansquarederror"), '"root_mean_squared_error"'),
        **dict.fromkeys(("l2", "squarederror"), '"mse"'),
        **dict.fromkeys(("l1", "absoluteerror"), '"mae"'),
        **dict.fromkeys(("rocauc", "auroc", "aucroc", "areaundercurve"), '"auc"'),
        **dict.fromkeys(
            ("averageprecision", "prauc", "aucpr", "auprc", "ap"), 'metrics.AUC(curve="PR")'
        ),
        **dict.fromkeys(
            ("topk", "topkaccuracy", "top5", "top5accuracy"),
            "metrics.SparseTopKCategoricalAccuracy(k=5)",
        ),
        **dict.fromkeys(("sensitivity", "tpr", "truepositiverate", "hitrate"), '"recall"'),
        **dict.fromkeys(("specificity", "tnr"), '"specificity_at_sensitivity"'),
        **dict.fromkeys(("ppv", "positivepredictivevalue"), '"precision"'),
        **dict.fromkeys(("tp", "truepositive"), '"true_positives"'),
        **dict.fromkeys(("fp", "falsepositive"), '"false_positives"'),
        **dict.fromkeys(("tn", "truenegative"), '"true_negatives"'),
        **dict.fromkeys(("fn", "falsenegative"), '"false_negatives"'),
        **dict.fromkeys(("pearson", "pearsonr", "corr", "correlation"), '"pearson_correlation"'),
        **dict.fromkeys(("ccc", "concordance"), '"concordance_correlation"'),
        **dict.fromkeys(("kl", "kld", "kldiv"), '"kl_divergence"'),
        **dict.fromkeys(
            ("log", "crossentropy"), f'"binary_crossentropy" for two classes, {_ONE_OF_CLASSES}'
        ),
        **dict.fromkeys(("zeroone", "errorrate", "hamming"), '"accuracy"'),
        "balancedaccuracy": 'metrics.Recall(average="macro")',
    },
    "optimizer": {
        "momentum": "optimizers.SGD(momentum=0.9)",
        "nesterov": "optimizers.SGD(momentum=0.9, nesterov=True)",
        **dict.fromkeys(("gradientdescent", "gd", "stochasticgradientdescent"), '"sgd"'),
        **dict.fromkeys(("lbfgsb", "bfgs"), '"lbfgs"'),
        **dict.fromkeys(("radam", "rectifiedadam", "sparseadam", "adabelief"), '"adam"'),
        "schedulefree": '"schedule_free_adamw"',
    },
    "activation": {
        **dict.fromkeys(("logistic", "expit"), '"sigmoid"'),
        **dict.fromkeys(("lrelu", "rrelu", "leaky"), '"leaky_relu"'),
        "prelu": "layers.PReLU()",
        "hswish": '"hard_silu"',
        **dict.fromkeys(("gelutanh", "gelunew"), "activations.GELU(approximate=True)"),
        **dict.fromkeys(("none", "id", "identitiy"), '"linear"'),
        "exp": '"exponential"',
        **dict.fromkeys(("swiglu", "geglu", "reglu"), '"glu"'),
        **dict.fromkeys(("sin", "sine"), "the pair (np.sin, np.cos)"),
        "cos": "the pair (np.cos, lambda Z: -np.sin(Z))",
        "arctan": "the pair (np.arctan, lambda Z: 1 / (1 + Z**2))",
        "square": "the pair (np.square, lambda Z: 2 * Z)",
    },
    "initializer": {
        **dict.fromkeys(("xavier", "xavieruniform", "glorot"), '"glorot_uniform"'),
        "xaviernormal": '"glorot_normal"',
        **dict.fromkeys(("kaiming", "kaimingnormal", "he", "msra"), '"he_normal"'),
        "kaiminguniform": '"he_uniform"',
        "lecun": '"lecun_normal"',
        **dict.fromkeys(("eye", "dirac"), '"identity"'),
        **dict.fromkeys(("gaussian", "randn"), '"random_normal"'),
        **dict.fromkeys(("truncnormal", "truncated"), '"truncated_normal"'),
    },
    "regularizer": {
        **dict.fromkeys(("l1l2", "elasticnet"), _L1L2),
        "lasso": '"l1"',
        "weightdecay": '"l2"',
    },
    "layer": dict.fromkeys(("linear", "fc", "fullyconnected", "lazylinear"), '"dense"'),
    "callback": {"lrscheduler": '"learning_rate_scheduler"'},
    "constraint": dict.fromkeys(("nonnegative", "positive"), '"non_neg"'),
    "argument": {
        # Of several the first that there is.
        **dict.fromkeys(
            ("lr", "eta", "eta0", "stepsize", "learningrateinit"),
            "learning_rate_init learning_rate",
        ),
        **dict.fromkeys(
            ("nbepoch", "nbepochs", "nepoch", "nepochs", "numepochs", "maxiter", "maxepochs"),
            "epochs max_iter",
        ),
        "epochs": "max_iter",
        **dict.fromkeys(("bs", "minibatchsize"), "batch_size"),
        **dict.fromkeys(("validation", "valdata", "evalset"), "validation_data"),
        **dict.fromkeys(("valsplit", "validationfraction", "testsize"), "validation_split"),
        **dict.fromkeys(("samplesweight", "weights"), "sample_weight"),
        **dict.fromkeys(("criterion", "objective", "lossfunction"), "loss"),
        **dict.fromkeys(("solver",), "optimizer"),
        **dict.fromkeys(("nonlinearity", "act"), "activation"),
        "eps": "epsilon",
        **dict.fromkeys(("p", "prob", "dropout"), "rate"),
        **dict.fromkeys(("bias", "fitintercept"), "use_bias"),
        **dict.fromkeys(("outfeatures", "outputdim", "neurons", "nunits"), "units"),
        **dict.fromkeys(("infeatures", "numembeddings"), "input_dim"),
        "embeddingdim": "output_dim",
        **dict.fromkeys(("l2reg", "wregularizer"), "kernel_regularizer"),
        **dict.fromkeys(("init", "kernelinit", "weightinit"), "kernel_initializer"),
        "beta1": "beta_1",
        "beta2": "beta_2",
        **dict.fromkeys(("betas",), "beta_1"),
        **dict.fromkeys(("alpha", "decayrate"), "rho"),
        "smoothing": "label_smoothing",
    },
}
_SERVED = "fit, evaluate and predict take a generator, an iterable or arrays as x"
_CLASSES = (
    "predict(x).argmax(axis=1) gives the classes of a softmax, predict(x) > 0.5 that of a sigmoid; "
    "SequentialClassifier(model).predict gives labels"
)
_PROBABILITIES = (
    "predict(x) gives the probabilities of a softmax or a sigmoid; SequentialClassifier(model) has "
    "predict_proba"
)
_SCORE = (
    "evaluate(x, y) gives loss and metrics; SequentialClassifier(model) and "
    "SequentialRegressor(model) have score"
)
#: What objects have elsewhere: the attribute by which they are known here, and what to do.
_INSTEAD: dict[str, tuple[str, str]] = {
    "predict_classes": ("predict", _CLASSES),
    "predict_proba": ("predict", _PROBABILITIES),
    "predict_log_proba": ("predict", "Write np.log(model.predict(x))"),
    "decision_function": ("predict", "Write model.predict(x)"),
    "score": ("predict", _SCORE),
    "partial_fit": ("predict", "fit continues where it ended; train_on_batch(x, y) is a step"),
    **{f"{name}_generator": (name, _SERVED) for name in ("fit", "evaluate", "predict")},
    "transform": ("predict", "Sequential(model.layers[:-1]).predict(x) gives hidden features"),
    **dict.fromkeys(("coef_", "coefs_", "intercepts_"), ("get_weights", "Write get_weights()")),
    **dict.fromkeys(
        ("parameters", "named_parameters", "variables"), ("get_weights", "Write model.weights")
    ),
    "state_dict": ("get_weights", "Write get_weights(), or save_weights(path)"),
    "load_state_dict": ("set_weights", "Write set_weights(weights), or load_weights(path)"),
    **dict.fromkeys(
        ("zero_grad", "backward", "requires_grad_"),
        ("fit", "fit, or train_on_batch(x, y), computes gradients and updates the weights"),
    ),
    **dict.fromkeys(
        ("train", "eval"), ("fit", "fit trains; evaluate and predict are at rest of themselves")
    ),
    "forward": ("predict", "Write predict(x)"),
    "load": ("predict", "Write annlib.load_model(path)"),
    "plot": ("summary", "Write annlib.plot_model(model), or history.plot()"),
    "step": ("learning_rate", "fit, or train_on_batch(x, y), makes steps"),
    **{
        name: ("history", f"The dict is history.history, by name: history.history[{example}]")
        for name, example in (("accuracy", '"accuracy"'), ("loss", '"loss"'))
    },
}
# What says nothing but the family, in front of a name or behind it.
_BEFORE = re.compile("^(torch|nn|functional|neg|keras)")
_AFTER = re.compile("(loss|score|optimizer|metric|layer|initializer|regularizer|activation|1d)$")


def meant_by(family: str, name: str, known: Iterable[str]) -> str:
    """What a user may mean by a name from elsewhere; empty if nobody knows.

    >>> meant_by("loss", "MSELoss", ["mse", "mae"])
    '"mse"'
    >>> meant_by("loss", "nn.BCEWithLogitsLoss", [])
    'losses.BinaryCrossentropy(from_logits=True)'
    """
    if len(name) > 100:  # a file may have a name of millions of letters
        return ""
    letters = _letters(name)
    own, table = {_letters(one): one for one in known}, _MEANT.get(family, {})
    for short in (letters, *_shortened(letters)):
        if short in table and family != "argument":
            return table[short]
        for argument in table.get(short, "").split():
            if argument in own.values():
                return f'"{argument}"'
        if short in own and short != letters:
            return f'"{own[short]}"'
    return ""


def instead_of(name: str, known: Iterable[str]) -> str:
    """What to do without an attribute that objects have elsewhere; empty if nobody knows.

    >>> instead_of("evaluate_generator", ["fit", "evaluate"])
    'fit, evaluate and predict take a generator, an iterable or arrays as x.'
    """
    mark, way = _INSTEAD.get(name, ("", ""))
    return f"{way}." if mark in known else ""


def way_without(plural: str, name: str) -> str:
    """What to do without a part of Keras', by any spelling of its name."""
    names = {_letters(one): one for one in missing(f"annlib.{plural}")}
    letters = _letters(name[:100])
    for short in (letters, *_shortened(letters)):
        if short in names:
            return way_of(f"annlib.{plural}", names[short])
    return ""


def _letters(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _shortened(letters: str) -> Iterator[str]:
    """A name without what says only its family."""
    while (shorter := _AFTER.sub("", _BEFORE.sub("", letters))) not in ("", letters):
        letters = shorter
        yield letters
