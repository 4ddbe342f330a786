"""`--recipe auto`: knobs chosen from the data, each with its reason.

A pure function, so a resumed run chooses the same. What the rules rest on, measured on CUB-200-2011's first 50 classes
(1,500 images) with MobileNetV2 and EfficientNet-Lite0:

- Statistics of batch normalisation taken from the batches of a small set ruin validation; pre-trained ones are kept.
- Momentum SGD at 0.01 diverges on MobileNetV2 with kept statistics; Adam at 2e-4 with batches of 32, behind a head
  that was trained alone at 3e-3, does not. Other batch sizes take a rate by the square root (Malladi et al. 2022).
- A tuned backbone learns so few images by heart. Windows of at least 20 % of the image, dropout and no weight decay
  leave it a validation loss of 1.04 after 17 epochs, where 35 %, no dropout and a decay of 1e-4 leave 1.24 (one seed,
  150 images).
  Flips, colour and smoothed labels beside that; a linear head has windows of 35 % and no colour.
- With few images a class a frozen backbone is at least as good as a tuned one.

The plug-in head (--head plugin) has several layers of its own and the dropout it was published with: it starts at a
lower rate than a linear head, no dropout is chosen for it, and without a GPU its pyramid is narrow (not measured).

The rest is custom and not measured here: where "few" ends, epochs by the square root of the number of images, warm-up
a twentieth of them, smaller windows for larger sets, three times as long without weights. The numbers stand in the
functions below, one function a question.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fgtl.errors import UsageError
from fgtl.training.recipe_facts import Facts
from fgtl.training.settling import settling_decay

# Above this many times the smallest class, the largest one hides what happens to the others.
UNEVEN = 5.0


@dataclass
class Choice:
    """Knobs chosen so far, beside those that are given.

    Attributes:
        given: knob -> value that somebody chose; never overruled.
        knobs: knob -> value that was chosen here.
        reasons: (flags, why), for people.
    """

    given: Mapping[str, Any]
    knobs: dict[str, Any] = field(default_factory=dict)
    reasons: list[tuple[str, str]] = field(default_factory=list)

    def set(self, why: str, **knobs: Any) -> None:
        """Choose those of the knobs that are not given."""
        free = {name: value for name, value in knobs.items() if name not in self.given}
        if free:
            self.knobs |= free
            self.reasons.append((" ".join(f"--{name}={value}" for name, value in free.items()), why))

    def __getitem__(self, name: str) -> Any:
        return self.given[name] if name in self.given else self.knobs[name]

    @property
    def plugin(self) -> bool:
        """Whether the head is the plug-in."""
        return self.given.get("head") == "plugin"

    @property
    def resize(self) -> int:
        """Side of the square that images are made first, pixels; 0 for none."""
        return int(self.given.get("resize", 0))


def choose(facts: Facts, given: Mapping[str, Any]) -> Choice:
    """Choose every knob that has a rule and is not given.

    Args:
        given: knob -> value, as `Knobs.given`.

    Raises:
        UsageError: an optimizer was given for which no rate is known.
    """
    choice = Choice(given)
    for question in (_size, _batch, _trained, _epochs, _statistics, _rates, _windows, _labels, _width, _uneven):
        question(facts, choice)
    return choice


def _size(facts: Facts, choice: Choice) -> None:
    size, why = facts.published_size, "the size of the published weights"
    if not facts.on_gpu and size > 224:
        size, why = 224, f"no GPU: a step takes {(size / 224) ** 2:.1f} times as long at the published {size}"
    if size > 2 * facts.short_side:
        step = 32 if 32 % facts.multiple == 0 else facts.multiple
        size, why = 2 * facts.short_side // step * step, f"at most twice the images' short side of {facts.short_side}"
    if 0 < choice.resize < size:
        size, why = choice.resize, "all of --resize"
    taken, limit = _taken_size(facts, size)
    choice.set(why if taken == size else f"{why}; {limit}", image_size=taken)


def _taken_size(facts: Facts, size: int) -> tuple[int, str]:
    """The largest size the backbone takes that is no larger, else its smallest; and what it takes, in words."""
    if facts.fixed_size:
        return facts.published_size, "but the backbone takes no other size"
    # A network that would take a single pixel learns nothing from it.
    least = -(-max(facts.smallest_size, min(32, facts.published_size)) // facts.multiple) * facts.multiple
    if size < least:
        return least, f"but the backbone takes {least} at least"
    return size // facts.multiple * facts.multiple, f"and the backbone takes multiples of {facts.multiple}"


def _batch(facts: Facts, choice: Choice) -> None:
    sizes = (8, 16, 32, 64) if facts.on_gpu else (8, 16, 32)
    least = {8: 0, 16: 480, 32: 960, 64: 20_000}
    size = max(size for size in sizes if least[size] <= facts.images)
    # A multiple of the devices, and no more than there are images.
    size = min(-(-size // facts.replicas), max(facts.images // facts.replicas, 1)) * facts.replicas
    choice.set(f"{math.ceil(facts.images / size):,} steps an epoch", batch_size=size)


def _trained(facts: Facts, choice: Choice) -> None:
    if facts.goes_on:
        choice.set("the head comes from --init_run", mode="all")
    elif not facts.pretrained:
        choice.set("there are no weights to keep", mode="all")
    elif facts.per_class < 10:
        choice.set("fewer than 10 images a class: the backbone stays as it is", mode="head")
    else:
        choice.set("10 images a class or more: the head alone first, then everything", mode="head_then_all")
    if facts.pretrained:
        choice.set("batch statistics of few images are worse than those of the weights", tuned_bn="inference")
    else:
        choice.set("a fresh network has no statistics yet", tuned_bn="train")


def _epochs(facts: Facts, choice: Choice) -> None:
    most = 100 if facts.on_gpu else 30
    wanted = 40 * math.sqrt(1500 / facts.images)
    why = "40 for 1,500 images, else by the square root of their number"
    if not facts.pretrained:
        wanted, most, why = 3 * wanted, 2 * most, f"{why}; three times that without weights"
    if facts.goes_on:
        wanted, why = wanted / 4, f"{why}; a quarter of that behind --init_run"
    epochs = max(min(round(wanted), most), 2 if facts.goes_on else 8)
    choice.set(f"{why}; at most {most}" + ("" if facts.on_gpu else " without a GPU"), epochs=epochs)
    epochs = choice["epochs"]
    if choice["mode"] == "head_then_all":
        choice.set("a tenth of the epochs", head_epochs=max(round(epochs / 10), 1))
    if not choice.given.get("warmup_steps"):
        choice.set("a twentieth of the epochs", warmup_epochs=min(round(epochs / 20, 2), 5.0))


def _statistics(facts: Facts, choice: Choice) -> None:
    own = facts.bn_decay
    if facts.pretrained or not own:
        return
    steps = choice["epochs"] * facts.images // choice["batch_size"]
    # Ten times, so that validation is of the network as it is from the first epochs on, not only at the end.
    decay = settling_decay(own, steps, times=10)
    if decay < own:
        why = f"the network's own {own:g} would still hold {own**steps:.2g} of the first ones after {steps:,} steps"
        choice.set(f"batch statistics that settle; {why}", bn_decay=decay)


def _rates(facts: Facts, choice: Choice) -> None:
    choice.set("needs the least tuning", optimizer="adam", schedule="cosine")
    if choice["optimizer"] not in ("adam", "adamw") and not {"learning_rate", "head_learning_rate"} <= {*choice.given}:
        raise UsageError(
            f"--recipe=auto knows no learning rates for --optimizer={choice['optimizer']}.",
            expected="adam or adamw, or rates that are given.",
            fix="Add --learning_rate and --head_learning_rate, or leave --optimizer away.",
        )
    batch = choice["batch_size"]
    rate = (2e-4 if facts.pretrained else 1e-3) * math.sqrt(batch / 32) / (10 if facts.goes_on else 1)
    why = f"{2e-4 if facts.pretrained else 1e-3:g} for batches of 32, else by the square root of the batch size"
    if choice["mode"] == "head":
        if choice.plugin:
            choice.set("the plug-in on frozen taps", head_learning_rate=1e-3, weight_decay=1e-4)
        else:
            choice.set("a linear head on frozen features", head_learning_rate=3e-3, weight_decay=1e-3)
        return
    choice.set(why + "; a tenth of it behind --init_run" * facts.goes_on, learning_rate=float(f"{rate:.3g}"))
    if choice.plugin and facts.pretrained and not facts.goes_on:
        choice.set("much of the plug-in begins from nothing", head_rate=5.0)
    if choice["mode"] == "head_then_all":
        choice.set("for the head alone", head_learning_rate=1e-3 if choice.plugin else 3e-3)
    few = facts.pretrained and facts.images < 20_000 and not choice.plugin
    choice.set("dropout does more for few images" if few else "mild", weight_decay=0.0 if few else 1e-4)


def _windows(facts: Facts, choice: Choice) -> None:
    least = next(area for area, above in ((0.08, 100_000), (0.2, 20_000), (0.35, 0)) if facts.images >= above)
    why = "larger sets take smaller windows"
    if choice["mode"] != "head" and least > 0.2:
        least, why = 0.2, "small windows, so that few images are not learned by heart"
    if choice.resize:
        choice.set("anywhere in the square of --resize", random_crop=True)
    else:
        choice.set(why, random_crop=True, crop_min_area=least)
    colour = "none" if choice["mode"] == "head" else "fast"
    choice.set("a frozen backbone gains nothing from colour" if colour == "none" else "mild", flip=True, colour=colour)


def _labels(facts: Facts, choice: Choice) -> None:
    tuned = choice["mode"] != "head"
    choice.set("so that few images are not learned by heart", label_smoothing=0.1 if tuned else 0.0)
    if tuned and facts.images < 20_000 and not choice.plugin:
        choice.set("on the features, for the same reason", dropout=0.2)


def _width(facts: Facts, choice: Choice) -> None:
    if choice.plugin and not facts.on_gpu:
        choice.set("no GPU: at 512 channels the plug-in costs more than a small backbone", fpn_size=128)


def _uneven(facts: Facts, choice: Choice) -> None:
    ratio = facts.largest / facts.smallest
    if ratio >= UNEVEN:
        why = f"the largest class has {ratio:.3g} times the images of the smallest"
        choice.set(why, select_by="mean_class")
        choice.set("first every image alike; then a run with --recipe balanced_stage --init_run", sampling="instance")
    elif facts.validation < 100:
        choice.set(f"accuracy on {facts.validation} images moves in large steps", select_by="loss")
    else:
        choice.set("what is asked for", select_by="top1")
