"""Estimators with scikit-learn's interface: alone, and, where scikit-learn is installed, among its own."""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from adlab.nn import data
from adlab.nn.estimators import MLPClassifier, MLPRegressor
from adlab.nn.interface import PlainClassifier, PlainEstimator, PlainRegressor
from adlab.nn.optimisers import Adam

HAS_SKLEARN = importlib.util.find_spec("sklearn") is not None
needs_sklearn = pytest.mark.skipif(not HAS_SKLEARN, reason="scikit-learn is not installed")

MOONS = data.moons(120, seed=1)
STEPS = data.steps(80)
NAMES = np.array(["crescent", "half moon"])[MOONS.y]


def classifier(**options: Any) -> MLPClassifier:
    settings = {"hidden_layer_sizes": (12,), "activation": "tanh", "learning_rate_init": 0.03, "max_iter": 60}
    return MLPClassifier(**(settings | {"random_state": 0} | options))


def regressor(**options: Any) -> MLPRegressor:
    settings = {
        "hidden_layer_sizes": (16,),
        "activation": "tanh",
        "learning_rate_init": 0.03,
        "max_iter": 200,
    }
    return MLPRegressor(**(settings | {"random_state": 0} | options))


# -------------------------------------------------------------------------------------------------- classifier


def test_classes_of_any_kind_are_learned_and_predicted() -> None:
    model = classifier().fit(MOONS.X, NAMES)
    assert model.classes_.tolist() == ["crescent", "half moon"]
    assert model.score(MOONS.X, NAMES) > 0.9
    probabilities = model.predict_proba(MOONS.X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(MOONS.X)), probabilities)
    assert (model.classes_[probabilities.argmax(axis=1)] == model.predict(MOONS.X)).all()
    assert model.n_iter_ == len(model.loss_curve_) == len(model.history_)


def test_one_seed_makes_the_same_bytes() -> None:
    first, again = (classifier().fit(MOONS.X, NAMES).predict_proba(MOONS.X) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    other = classifier(random_state=1).fit(MOONS.X, NAMES).predict_proba(MOONS.X)
    assert other.tobytes() != first.tobytes()


def test_random_states_of_every_kind() -> None:
    for state in (None, 3, np.random.RandomState(3), np.random.default_rng(3)):
        classifier(random_state=state, max_iter=1).fit(MOONS.X, NAMES)
    with pytest.raises(ValueError, match="random_state"):
        classifier(random_state="seed").fit(MOONS.X, NAMES)


def test_partial_fit_goes_on_and_needs_the_classes_once() -> None:
    model = classifier()
    with pytest.raises(ValueError, match="needs classes="):
        model.partial_fit(MOONS.X, NAMES)
    for _ in range(60):
        for label in (0, 1):
            rows = MOONS.y == label
            model.partial_fit(MOONS.X[rows], NAMES[rows], classes=["crescent", "half moon"])
    assert model.score(MOONS.X, NAMES) > 0.8
    assert model.n_iter_ == 120
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(MOONS.X, NAMES, classes=["a", "b"])
    with pytest.raises(ValueError, match="'full moon' is none of the classes"):
        model.partial_fit(MOONS.X[:1], ["full moon"])


def test_weights_of_samples_and_classes() -> None:
    plain = classifier().fit(MOONS.X, MOONS.y)
    towards = classifier(class_weight={1: 50.0}).fit(MOONS.X, MOONS.y)
    assert towards.predict(MOONS.X).sum() > plain.predict(MOONS.X).sum()
    by_sample = classifier().fit(MOONS.X, MOONS.y, sample_weight=np.where(MOONS.y, 50.0, 1.0))
    np.testing.assert_array_equal(by_sample.predict_proba(MOONS.X), towards.predict_proba(MOONS.X))
    rare = (MOONS.y == 0) | (np.arange(len(MOONS)) % 10 == 1)
    assert np.count_nonzero(MOONS.y[rare]) < 20
    balanced = classifier(class_weight="balanced").fit(MOONS.X[rare], MOONS.y[rare])
    count = np.bincount(MOONS.y[rare])
    weights = (len(MOONS.y[rare]) / (2 * count))[MOONS.y[rare]]
    same = classifier().fit(MOONS.X[rare], MOONS.y[rare], sample_weight=weights)
    np.testing.assert_array_equal(balanced.predict_proba(MOONS.X), same.predict_proba(MOONS.X))
    with pytest.raises(ValueError, match="'balanced'"):
        classifier(class_weight="even").fit(MOONS.X, MOONS.y)


def test_early_stopping_sets_samples_aside_and_keeps_the_best_epoch() -> None:
    model = classifier(early_stopping=True, validation_fraction=0.25, max_iter=500).fit(MOONS.X, MOONS.y)
    assert model.trainer_.feed.samples == 90
    assert model.n_iter_ < 500
    assert (
        model.history_.best("validation_loss") <= model.n_iter_ - 10
        or "validation_loss" in model.history_.names
    )


def test_a_warm_start_goes_on() -> None:
    model = classifier(warm_start=True, max_iter=5)
    first = model.fit(MOONS.X, MOONS.y).loss_
    assert model.fit(MOONS.X, MOONS.y).loss_ < first
    with pytest.raises(ValueError, match="warm start needs the classes of before"):
        model.fit(MOONS.X, NAMES)


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "rmsprop", "adagrad", Adam(0.03)])
def test_every_solver_learns(solver: Any) -> None:
    model = classifier(solver=solver, learning_rate_init=0.1 if solver in ("sgd", "adagrad") else 0.03)
    assert model.fit(MOONS.X, MOONS.y).score(MOONS.X, MOONS.y) > 0.85


@pytest.mark.parametrize("method", ["forward", "numerical"])
def test_any_method_powers_an_estimator(method: str) -> None:
    small = {"hidden_layer_sizes": (3,), "max_iter": 3, "batch_size": 60}
    found = classifier(method=method, **small).fit(MOONS.X, MOONS.y).predict_proba(MOONS.X)
    expected = classifier(**small).fit(MOONS.X, MOONS.y).predict_proba(MOONS.X)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# --------------------------------------------------------------------------------------------------- regressor


def test_numbers_and_rows_of_numbers_are_predicted() -> None:
    flat = regressor().fit(STEPS.X, STEPS.y)
    assert flat.predict(STEPS.X).shape == (80,)
    assert flat.score(STEPS.X, STEPS.y) > 0.9
    both = regressor().fit(STEPS.X, np.column_stack([STEPS.y, 1 - STEPS.y]))
    assert both.predict(STEPS.X).shape == (80, 2)


def test_a_regressor_is_partially_fitted() -> None:
    model = regressor()
    for _ in range(150):
        model.partial_fit(STEPS.X, STEPS.y)
    assert model.score(STEPS.X, STEPS.y) > 0.8


# ------------------------------------------------------------------------------------------- as any estimator


@pytest.mark.parametrize("model", [classifier(), regressor()], ids=["classifier", "regressor"])
def test_parameters_are_read_and_set_by_name(model: Any) -> None:
    again = type(model)(**model.get_params())
    assert again.get_params() == model.get_params()
    assert again.set_params(l2=0.5).l2 == 0.5
    assert "hidden_layer_sizes=(" in repr(model)
    with pytest.raises(ValueError, match="alpha"):
        again.set_params(alpha=1)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_a_fitted_model_is_pickled(make: Any) -> None:
    model = make(max_iter=3).fit(MOONS.X, MOONS.y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(MOONS.X), model.predict(MOONS.X))
    again.partial_fit(MOONS.X, MOONS.y)


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (MOONS.X[:, 0], MOONS.y, "Reshape"),
        (MOONS.X[:0], MOONS.y[:0], "0"),
        (np.full((120, 2), np.nan), MOONS.y, "NaN"),
        (MOONS.X, MOONS.y[:-1], "120|inconsistent"),
        (MOONS.X, np.where(MOONS.y, np.inf, 0.0), "infinity"),
        (MOONS.X, None, "requires y"),
    ],
)
def test_bad_samples_are_refused(make: Any, X: Any, y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make().fit(X, y)


def test_one_class_and_numbers_for_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="All 120 samples have the class"):
        classifier().fit(MOONS.X, np.zeros(120))
    with pytest.raises(ValueError, match="Unknown label type"):
        classifier().fit(MOONS.X, MOONS.y + 0.5)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_sparse_input_is_refused_with_the_way_out(make: Any) -> None:
    from scipy.sparse import csr_array

    with pytest.raises((ValueError, TypeError), match="toarray"):
        make().fit(csr_array(MOONS.X), MOONS.y)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_predicting_needs_fitting_and_the_same_features(make: Any) -> None:
    with pytest.raises(ValueError, match="not been fitted yet"):
        make().predict(MOONS.X)
    model = make(max_iter=1).fit(MOONS.X, MOONS.y)
    with pytest.raises(ValueError, match=r"X has 3 features, but MLP\w+ is expecting 2 features"):
        model.predict(np.zeros((1, 3)))


def test_the_plain_base_classes_serve_where_scikit_learn_is_not() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from adlab.nn.estimators import MLPClassifier, MLPRegressor\n"
        "from adlab.nn import data\n"
        "d = data.moons(60, seed=1)\n"
        "m = MLPClassifier((8,), 'tanh', learning_rate_init=0.05, max_iter=50, random_state=0).fit(d.X, d.y)\n"
        "assert m.score(d.X, d.y) > 0.8\n"
        "print(m.__class__.__mro__[1].__name__, m.get_params()['max_iter'], m)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(
        "PlainClassifier 50 MLPClassifier(hidden_layer_sizes=(8,), activation='tanh'"
    )


@pytest.mark.skipif(HAS_SKLEARN, reason="scikit-learn is installed")
def test_without_scikit_learn_the_plain_base_classes_are_the_bases() -> None:
    assert issubclass(MLPClassifier, PlainEstimator)
    assert issubclass(MLPClassifier, PlainClassifier)
    assert issubclass(MLPRegressor, PlainRegressor)


def test_importing_adlab_nn_imports_no_scikit_learn() -> None:
    code = "import sys; from adlab import nn; nn.Trainer, nn.data; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# ---------------------------------------------------------------------------------------- among scikit-learn's own


@needs_sklearn
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", [MLPClassifier(), MLPRegressor()], ids=["classifier", "regressor"])
def test_scikit_learns_checks_pass_without_expected_failures(model: Any) -> None:
    checks = importlib.import_module("sklearn.utils.estimator_checks")
    results = checks.check_estimator(model, on_skip=None)
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert not [result for result in results if result["expected_to_fail"]]


@needs_sklearn
def test_a_pipeline_and_a_grid_search_t3() -> None:
    pipeline = importlib.import_module("sklearn.pipeline")
    selection = importlib.import_module("sklearn.model_selection")
    preprocessing = importlib.import_module("sklearn.preprocessing")
    model = pipeline.make_pipeline(preprocessing.StandardScaler(), classifier(max_iter=40))
    grid = {"mlpclassifier__hidden_layer_sizes": [(2,), (12,)], "mlpclassifier__l2": [0.0, 1e-4]}
    search = selection.GridSearchCV(model, grid, cv=3).fit(MOONS.X, NAMES)
    assert search.best_score_ > 0.85
    assert search.predict(MOONS.X).shape == (120,)


@needs_sklearn
def test_a_grid_search_in_two_processes_finds_what_one_finds() -> None:
    selection = importlib.import_module("sklearn.model_selection")
    grid = {"hidden_layer_sizes": [(2,), (8,)]}
    one, two = (
        selection.GridSearchCV(classifier(max_iter=10), grid, cv=2, n_jobs=jobs).fit(MOONS.X, MOONS.y)
        for jobs in (1, 2)
    )
    assert two.cv_results_["mean_test_score"].tolist() == one.cv_results_["mean_test_score"].tolist()


@needs_sklearn
@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs the extra adlab[cluster]")
@pytest.mark.filterwarnings("ignore")
def test_a_grid_search_runs_on_a_dask_cluster_of_two_processes() -> None:
    selection = importlib.import_module("sklearn.model_selection")
    distributed, joblib = importlib.import_module("distributed"), importlib.import_module("joblib")
    search = selection.GridSearchCV(classifier(max_iter=10), {"hidden_layer_sizes": [(2,), (8,)]}, cv=2)
    alone = search.fit(MOONS.X, MOONS.y).cv_results_["mean_test_score"].tolist()
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster), joblib.parallel_backend("dask"):
        together = search.fit(MOONS.X, MOONS.y).cv_results_["mean_test_score"].tolist()
    assert together == alone


@needs_sklearn
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_digits_are_read_as_well_as_by_scikit_learn() -> None:
    """64-100-10, ReLU, Adam 1e-3, batch 64, 20 epochs, five seeds on each of three splits: within half a point."""
    theirs = importlib.import_module("sklearn.neural_network").MLPClassifier
    digits = data.bundled("digits")
    scaled = data.Dataset(digits.X / 16, digits.y, digits.features, digits.classes)
    settings = {"batch_size": 64, "max_iter": 20, "n_iter_no_change": 20}
    scores: dict[Any, list[float]] = {MLPClassifier: [], theirs: []}
    for splitting in range(3):
        train, test = data.split(scaled, 0.2, seed=splitting)
        for kind, found in scores.items():
            models = (kind(random_state=seed, **settings).fit(train.X, train.y) for seed in range(5))
            found += [model.score(test.X, test.y) for model in models]
    assert np.mean(scores[MLPClassifier]) >= np.mean(scores[theirs]) - 0.005
