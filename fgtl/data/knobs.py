"""Knobs of the input pipeline. Light: imported by `fgtl VERB --help`, so no TensorFlow here."""

from dataclasses import dataclass

from fgtl.errors import UsageError
from fgtl.knobs import LARGEST_SEED, Knobs, flag


@dataclass(frozen=True)
class ReadKnobs(Knobs):
    """Reading."""

    threads: int = flag(0, "threads that decode images; 0 = one for each core", low=0)
    prefetch: int = flag(2, "finished batches kept ready", low=0)
    cache: str = flag(
        "none", "ram: hold the shards' bytes in memory (encoded images, not pixels)", choices=("none", "ram")
    )
    bad_records: str = flag(
        "fail",
        "what cannot be read: fail ends with its id; skip names it and goes on, up to 5 %",
        choices=("fail", "skip"),
    )


@dataclass(frozen=True)
class ViewKnobs(ReadKnobs):
    """What the model sees of an image."""

    image_size: int = flag(224, "side of the square the model gets, pixels", low=1, high=4096)
    resize: int = flag(
        0,
        "side, pixels: make each image a square of it first, antialiased, and cut --image_size pixels from that, "
        "anywhere in training, the centre in evaluation; --eval_crop and --crop_min_area then have no say; 0: none",
        low=0,
        high=4096,
    )
    eval_crop: float = flag(
        0.875, "share of each side kept by the centre crop in evaluation; 1 = whole image", low=0.01, high=1
    )
    eval_batch_size: int = flag(100, "images a step in evaluation, over all devices", low=1)
    legacy_resize: bool = flag(False, "bilinear resize of TensorFlow 1 (no half-pixel centres), as old weights expect")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resize and self.legacy_resize:
            raise UsageError(
                f"--resize={self.resize} with --legacy_resize: TensorFlow 1 knew no antialiasing.",
                expected="one of the two.",
                fix="Add --nolegacy_resize, or --resize=0.",
            )

    @property
    def kept_share(self) -> float:
        """Share of each side of an image that the centre crop keeps."""
        return self.image_size / self.resize if self.resize else self.eval_crop

    def check_resize(self) -> None:
        """Raise UsageError when there are not --image_size pixels to cut out.

        Not when the knobs are made: those of a command line are, before a recipe has brought the other of the two.
        """
        if self.resize and self.resize < self.image_size:
            raise UsageError(
                f"--resize={self.resize} is smaller than --image_size={self.image_size}, which is cut from it.",
                expected="about 4/3 of --image_size: 510 for 384, 600 for 448.",
            )


@dataclass(frozen=True)
class AugmentKnobs(Knobs):
    """Augmentation of training images."""

    random_crop: bool = flag(True, "crop a random window; otherwise the centre crop of evaluation")
    crop_min_area: float = flag(0.05, "smallest window, as a share of the image's area", low=0, high=1)
    crop_min_coverage: float = flag(
        0.1, "share of the image a window must cover; the larger of this and --crop_min_area counts", low=0, high=1
    )
    crop_min_aspect: float = flag(0.75, "smallest width / height of a window", low=0.01)
    crop_max_aspect: float = flag(1.33, "largest width / height of a window", high=100)
    flip: bool = flag(True, "mirror every second image, left to right")
    colour: str = flag(
        "fast",
        "fast: brightness +-32/255, then saturation 0.5 to 1.5; slow: hue +-0.2 and contrast 0.5 to 1.5 too, any order",
        choices=("none", "fast", "slow"),
    )
    blur: float = flag(0.0, "probability that an image is blurred (5 x 5 pixels, sigma 0.1 to 5)", low=0, high=1)
    sharpen: float = flag(0.0, "probability that an image is sharpened (by a factor of 1.5)", low=0, high=1)
    randaugment_layers: int = flag(0, "RandAugment: changes made to each image, of 14 kinds; 0 = off", low=0, high=14)
    randaugment_magnitude: float = flag(9.0, "RandAugment: strength of the changes, of 10", low=0, high=10)
    erasing: float = flag(0.0, "probability that a rectangle of an image is painted grey", low=0, high=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop_min_aspect > self.crop_max_aspect:
            raise UsageError(
                f"--crop_min_aspect={self.crop_min_aspect} is above --crop_max_aspect={self.crop_max_aspect}.",
                expected="the smaller of the two first.",
            )


@dataclass(frozen=True)
class MixKnobs(Knobs):
    """Mixing of training images in pairs."""

    mixup: float = flag(0.0, "alpha of MixUp's Beta distribution, e.g. 0.2; 0 = off", low=0)
    cutmix: float = flag(0.0, "alpha of CutMix's Beta distribution, e.g. 1; 0 = off", low=0)
    mix_share: float = flag(1.0, "share of the pairs that are mixed, with --mixup or --cutmix", low=0, high=1)

    @property
    def mixes(self) -> bool:
        """Whether any images are mixed."""
        return max(self.mixup, self.cutmix) > 0


@dataclass(frozen=True)
class SamplingKnobs(Knobs):
    """How often which class is shown."""

    sampling: str = flag(
        "instance",
        "instance: each image once an epoch; balanced: each class equally often; power, effective: in between",
        choices=("instance", "balanced", "power", "effective"),
    )
    sampling_beta: float = flag(
        0.5, "power: images of a class of n are shown n^-beta as often; 0 = instance, 1 = balanced", low=0, high=1
    )
    effective_beta: float = flag(
        0.999, "effective: b of the weight (1 - b) / (1 - b^n) of an image of a class of n", low=0, high=0.999999
    )
    max_per_class: int = flag(0, "train on at most so many images of a class, chosen by the seed; 0 = all", low=0)


@dataclass(frozen=True)
class InputKnobs(AugmentKnobs, MixKnobs, SamplingKnobs, ViewKnobs):
    """Training batches."""

    batch_size: int = flag(64, "images a step in training, over all devices", low=1)
    seed: int = flag(0, "of the order, the augmentation and everything else that is random", low=0, high=LARGEST_SEED)
    determinism: str = flag(
        "order",
        "fast: batches as they come, resume is not exact; order: same batches every time; strict: bit-equal kernels too",
        choices=("fast", "order", "strict"),
    )
