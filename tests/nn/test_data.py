"""Data: CSV files, toy sets, splits, one-hot labels (row T2), and what is refused with row and column."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from adlab.errors import InputError
from adlab.nn.arrays import check_features, one_hot
from adlab.nn.data import BUNDLED, TOYS, Dataset, bundled, load, load_csv, split
from adlab.nn.tables import Encoding, read_table

needs_sklearn = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="the bundled data sets come with scikit-learn"
)

PETS = "weight,coat,age,kind\n4.5,short,3,cat\n30,long,7,dog\n5,long,−2,cat\n12,none of it,1,dog\n"


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    path = tmp_path / "pets.csv"
    path.write_text(PETS, encoding="utf-8")
    return path


def write(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------------- CSV files


def test_columns_of_numbers_stay_and_categories_become_one_hot(pets: Path) -> None:
    data = load_csv(pets, "kind")
    assert data.features == ("weight", "coat=long", "coat=none of it", "coat=short", "age")
    assert data.classes == ("cat", "dog")
    assert data.y.tolist() == [0, 1, 0, 1]
    assert data.X[2].tolist() == [5.0, 1.0, 0.0, 0.0, -2.0]


def test_a_target_of_many_numbers_is_regression(tmp_path: Path) -> None:
    rows = "\n".join(f"{k},{k / 7}" for k in range(30))
    data = load_csv(write(tmp_path, f"x,y\n{rows}\n"), "y")
    assert data.task == "regression"
    assert data.y[3] == 3 / 7


def test_a_target_of_few_whole_numbers_is_classes_unless_said_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path, "x,y\n1,10\n2,2\n3,10\n")
    assert load_csv(path, "y").classes == ("2", "10")
    assert load_csv(path, "y", task="regression").y.tolist() == [10.0, 2.0, 10.0]


def test_semicolons_and_a_byte_order_mark_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "europe.csv"
    path.write_bytes("﻿x;y\r\n1.5;a\r\n2.5;b\r\n".encode())
    assert load_csv(path, "y").X.ravel().tolist() == [1.5, 2.5]


def test_an_encoding_reads_another_file_in_the_same_way_and_survives_json(pets: Path, tmp_path: Path) -> None:
    encoding = Encoding.learn(read_table(pets), "kind")
    other = read_table(write(tmp_path, "age,weight,coat\n9,1,short\n"))
    again = Encoding.from_dict(encoding.to_dict())
    assert again == encoding
    assert again.apply(other).tolist() == [[1.0, 0.0, 0.0, 1.0, 9.0]]


@pytest.mark.parametrize("word", ["", "NA", "nan", "?", "null"])
def test_a_missing_value_is_refused_with_row_and_column(tmp_path: Path, word: str) -> None:
    path = write(tmp_path, f"x,colour,y\n1,red,a\n2,blue,b\n3,{word},a\n")
    with pytest.raises(InputError, match=r"column 'colour' is missing in line 4 .*row 3 of the data"):
        load_csv(path, "y")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("x,y\n", "no rows"),
        ("x,x\n1,2\n", "'x' twice"),
        ("x,\n1,2\n", "Column 2 .* no name"),
        ("1,2\n3,4\n", "must name the columns"),
        ("x,y\n1,2,3\n", "Line 2 .* 3 cells, and the heading names 2"),
        ("x,y\n1,a\n2,b\nthree,a\n", "'x' .* numbers, except in line 4, where it is 'three'"),
        ("x,y\n1,a\ninf,b\n", "line 3, column 'x' .* finite"),
        ("x,y\n1,a\n2,a\n", "'a' in every row"),
        ("y\n1\n2\n", "no column left"),
    ],
)
def test_a_bad_file_is_one_clear_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_csv(write(tmp_path, text), "y" if "y" in text else "x")


def test_a_missing_column_and_a_missing_file_are_named(pets: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no column 'species'; its columns are 'weight', 'coat'"):
        load_csv(pets, "species")
    with pytest.raises(InputError, match=r"There is no file .*nowhere\.csv"):
        load_csv(tmp_path / "nowhere.csv", "y")
    (tmp_path / "binary.csv").write_bytes(b"x,y\n\xff\xfe\x00,1\n")
    with pytest.raises(InputError, match="no CSV text"):
        load_csv(tmp_path / "binary.csv", "y")


def test_names_of_rows_are_not_categories(tmp_path: Path) -> None:
    rows = "\n".join(f"person {k},{k % 2}" for k in range(30))
    path = write(tmp_path, f"who,y\n{rows}\n")
    with pytest.raises(InputError, match="30 different texts in 30 rows"):
        load_csv(path, "y")
    assert load_csv(path, "y", categorical=["who"]).X.shape == (30, 30)


def test_an_unknown_category_is_named(pets: Path, tmp_path: Path) -> None:
    encoding = Encoding.learn(read_table(pets), "kind")
    other = read_table(write(tmp_path, "weight,coat,age\n1,curly,2\n"))
    with pytest.raises(InputError, match=r"line 2, column 'coat' .* 'curly'"):
        encoding.apply(other)


# ----------------------------------------------------------------------------------------------------- arrays


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_named_with_their_place(bad: float) -> None:
    X = np.zeros((5, 3))
    X[3, 2] = bad
    with pytest.raises(InputError, match="row 3, column 2"):
        check_features(X)


@pytest.mark.parametrize(("X", "words"), [(np.zeros(3), "one row per sample"), (np.zeros((0, 3)), "nothing")])
def test_shapes_that_are_no_samples_are_refused(X: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_features(X)


def test_sparse_matrices_are_refused_with_the_way_out() -> None:
    from scipy.sparse import csr_array

    with pytest.raises(InputError, match=r"X\.toarray\(\)"):
        check_features(csr_array(np.eye(3)))


def test_a_number_too_large_for_float32_is_refused() -> None:
    with pytest.raises(InputError, match="row 0, column 1"):
        check_features([[1.0, 1e300]], dtype=np.float32)


def test_t2_one_hot_labels() -> None:
    rows = one_hot([2, 0], 4)
    assert rows.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    with pytest.raises(InputError, match=r"label of sample 1 is 4; with 4 classes labels run from 0 to 3"):
        one_hot([0, 4], 4)
    with pytest.raises(InputError, match="whole numbers"):
        one_hot([0.5, 1.0])


# ----------------------------------------------------------------------------------------------------- splits


def test_a_split_keeps_every_sample_once_and_the_classes_in_proportion() -> None:
    data = Dataset(np.arange(100.0)[:, None], np.arange(100) // 90, ("x",), ("a", "b"))
    train, test = split(data, 0.2, seed=3)
    assert sorted([*train.X.ravel(), *test.X.ravel()]) == list(range(100))
    assert np.bincount(test.y).tolist() == [18, 2]


def test_a_split_is_a_function_of_its_seed() -> None:
    data = TOYS["moons"](50)
    assert np.array_equal(split(data, 0.3, seed=1)[1].X, split(data, 0.3, seed=1)[1].X)
    assert not np.array_equal(split(data, 0.3, seed=1)[1].X, split(data, 0.3, seed=2)[1].X)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0, 0.001])
def test_a_split_with_an_empty_part_is_refused(fraction: float) -> None:
    with pytest.raises(InputError):
        split(TOYS["moons"](50), fraction)


# ---------------------------------------------------------------------------------------------------- by name


@pytest.mark.parametrize("name", TOYS)
def test_toy_sets_are_functions_of_their_seed(name: str) -> None:
    make = TOYS[name]
    first, again, other = (make(60, noise=0.1, seed=seed) for seed in (4, 4, 5))
    assert first.X.tobytes() + first.y.tobytes() == again.X.tobytes() + again.y.tobytes()
    assert first.X.tobytes() + first.y.tobytes() != other.X.tobytes() + other.y.tobytes()
    assert len(first) == 60
    assert np.isfinite(first.X).all()


@pytest.mark.parametrize("options", [{"samples": 1}, {"noise": -1.0}, {"noise": np.nan}])
def test_toy_sets_that_cannot_be_made_are_refused(options: dict[str, float]) -> None:
    for make in TOYS.values():
        with pytest.raises(InputError):
            make(**options)


def test_a_word_that_names_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"'digit' names no data; give a file that ends in \.csv"):
        load("digit")
    with pytest.raises(InputError, match="moons has its own target"):
        load("moons", target="y")


@needs_sklearn
@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("digits", (1797, 64), 10),
        ("iris", (150, 4), 3),
        ("wine", (178, 13), 3),
        ("breast_cancer", (569, 30), 2),
        ("diabetes", (442, 10), 0),
    ],
)
def test_bundled_sets(name: str, shape: tuple[int, int], classes: int) -> None:
    data = bundled(name)
    assert data.X.shape == shape
    assert len(data.classes) == classes
    assert len(data.features) == shape[1]


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is not None, reason="scikit-learn is installed")
@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_sets_without_scikit_learn_say_what_to_install(name: str) -> None:
    with pytest.raises(InputError, match=r"pip install 'adlab\[sklearn\]'"):
        bundled(name)
