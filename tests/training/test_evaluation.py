import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from fgtl.data.knobs import ViewKnobs
from fgtl.errors import DataError, InputError
from fgtl.training import evaluation, predictions
from fgtl.training.evaluation import Predictor, validation_figures
from fgtl.training.predictions import predict_selection


def test_every_image_counts_once_whatever_the_batch(fresh_model, images):
    model = fresh_model()
    alone, labels = Predictor(model)(images.evaluation(1), images.count)
    assert alone.dtype == np.float32 and labels.dtype == np.int32
    np.testing.assert_array_equal(labels, images.labels)
    for batch_size in (7, 40, 97):
        together, same_labels = Predictor(model)(images.evaluation(batch_size), images.count)
        np.testing.assert_array_equal(same_labels, labels)
        np.testing.assert_allclose(together, alone, atol=1e-6)
        np.testing.assert_array_equal(together.argmax(1), alone.argmax(1))


class SaysTheLast:
    """Says the last of its classes for each image; counts what it is given."""

    def __init__(self, classes):
        self.head, self.classes, self.batches = self, classes, tf.Variable(0)

    def __call__(self, images, training):
        assert training is False
        self.batches.assign_add(1)
        return {"scores": tf.one_hot(tf.fill([tf.shape(images)[0]], self.classes - 1), self.classes)}

    def predict(self, outputs):
        return outputs["scores"]


def blank(count, padding=0):
    weights = np.repeat(np.float32([1, 0]), [count, padding])
    rows = count + padding
    return tf.data.Dataset.from_tensor_slices((np.zeros((rows, 1, 1, 3), "float32"), np.zeros(rows, "int32"), weights))


def test_5794_images_in_batches_of_100_are_58_batches_and_5794_rows():
    model = SaysTheLast(2)
    probabilities, labels = Predictor(model)(blank(5794, padding=6).batch(100), 5794)
    assert (len(probabilities), len(labels), int(model.batches)) == (5794, 5794, 58)
    assert (probabilities == [0, 1]).all()


class Advances(list):
    """A bar that only notes (images, timed)."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def advance(self, units, note="", *, timed=True):
        self.append((units, timed))


def test_a_batch_that_was_compiled_for_is_left_out_of_the_rate():
    bar = Advances()
    predict = Predictor(SaysTheLast(2), bar=lambda label, count: bar)
    for _ in range(2):
        predict(blank(10).batch(4), 10)
    # The last batch has another shape, for which it is compiled once more.
    assert bar == [(4, False), (4, True), (2, False), (4, True), (4, True), (2, True)]


def test_memory_is_that_of_the_result_and_a_batch():
    predictor, batches = Predictor(SaysTheLast(1000)), blank(4000).batch(50)
    predictor(batches.take(1), 50)
    tracemalloc.start()
    probabilities, _ = predictor(batches, 4000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert probabilities.nbytes == 16_000_000
    assert peak < 1.2 * probabilities.nbytes


def test_batch_statistics_and_dropout_stay_out(fresh_model, images, values):
    model = fresh_model()
    before = values(model)
    first, _ = Predictor(model)(images.evaluation(8), images.count)
    again, _ = Predictor(model)(images.evaluation(8), images.count)
    np.testing.assert_array_equal(first, again)
    for one, other in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_sees_weights_that_changed_since_it_was_compiled(fresh_model, images):
    model = fresh_model()
    predictor = Predictor(model)
    before, _ = predictor(images.evaluation(8), images.count)
    model.head.logits.bias.assign([9.0, 0.0, 0.0])
    after, _ = predictor(images.evaluation(8), images.count)
    assert after[:, 0].min() > before[:, 0].max()


def test_a_wrong_count_is_an_error(fresh_model, images):
    for count in (41, 39, 33):
        with pytest.raises(InputError, match=rf"(?s)has 40 images.*{count}"):
            Predictor(fresh_model())(images.evaluation(8), count)
    with pytest.raises(InputError, match=r"(?s)has 0 images.*at least one"):
        Predictor(fresh_model())(images.evaluation(8).take(0), 0)


def test_rows_without_weight_between_the_images_are_left_out_and_the_others_keep_their_places(fresh_model, images):
    model = fresh_model()
    whole, _ = Predictor(model)(images.evaluation(8), images.count)
    bad = (0, 7, 8, 39)
    rows, probabilities, labels = Predictor(model).found(images.evaluation(7, bad), images.count)
    assert rows.tolist() == [row for row in range(images.count) if row not in bad]
    np.testing.assert_allclose(probabilities, whole[rows], atol=1e-6)
    np.testing.assert_array_equal(labels, images.labels[rows])


def test_rows_without_weight_are_missed_where_all_are_expected(fresh_model, images):
    with pytest.raises(InputError, match=r"(?s)has 39 images.*40"):
        Predictor(fresh_model())(images.evaluation(8, (5,)), images.count)
    # One image more than announced does not pass for one of weight 0.
    with pytest.raises(InputError, match=r"(?s)has 39 images.*39"):
        Predictor(fresh_model()).found(images.evaluation(8, (5,)), 39)


class FromMemory:
    """What `predict_selection` reads of a selection."""

    def __init__(self, count, bad):
        self.ids, self.bad = np.array([f"image {row}" for row in range(count)]), bad

    def __len__(self):
        return len(self.ids)

    def take(self, rows):
        return self.ids[rows]


def test_an_image_that_is_missing_without_a_reason_is_an_error(fresh_model, images, monkeypatch):
    monkeypatch.setattr(predictions, "evaluation_batches", lambda selection, knobs, look: images.evaluation(8, (5,)))
    known = FromMemory(images.count, {"image 5"})
    seen, probabilities = predict_selection(Predictor(fresh_model()), known, ViewKnobs())
    assert len(seen) == len(probabilities) == 39
    assert "image 5" not in seen
    with pytest.raises(DataError, match="1 of 40 images are missing, the first image 5"):
        predict_selection(Predictor(fresh_model()), FromMemory(images.count, set()), ViewKnobs())


@pytest.mark.parametrize(("count", "workers"), [(40, 1), (40, 3), (41, 2), (3, 3), (2, 3)])
def test_the_shares_of_all_workers_are_each_image_once(monkeypatch, count, workers):
    """Those that are too few to divide are predicted by all, and counted once."""
    shares = []
    for worker in range(workers):
        monkeypatch.setattr(evaluation, "worker_part", lambda strategy, worker=worker: (worker, workers))
        shares.append(Predictor(SaysTheLast(2)).share(count))
    assert all(len(share) > 0 for share in shares)
    together = [np.concatenate([np.array(share) for share in shares])]
    monkeypatch.setattr(
        evaluation,
        "gathered",
        lambda strategy, own: together[0][:, None] if own.dtype == np.int64 else together[0][:, None].astype("float32"),
    )
    own = np.array(shares[0])
    rows, probabilities = Predictor(SaysTheLast(2)).joined(own, own[:, None].astype("float32"))
    assert rows.tolist() == list(range(count))
    assert probabilities[:, 0].tolist() == list(range(count))


def test_validation_figures_of_three_images():
    probabilities = np.float32([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
    figures = validation_figures(probabilities, np.int32([0, 1, 2]), ["a", "b", "c"])
    assert figures["top1"] == pytest.approx(2 / 3) and figures["top5"] == 1.0
    assert figures["mean_class"] == pytest.approx(2 / 3)
    assert figures["loss"] == pytest.approx(-np.mean(np.log([0.7, 0.3, 0.5])))


def test_probabilities_that_are_no_numbers_have_no_figures():
    probabilities = np.float32([[0.7, 0.2, 0.1], [np.nan, np.nan, np.nan]])
    figures = validation_figures(probabilities, np.int32([0, 1]), ["a", "b", "c"])
    assert figures.keys() == {"loss", "top1", "top5", "mean_class"}
    assert all(np.isnan(value) for value in figures.values())
