"""The knobs of the plug-in head. Light: read by `fgtl train --help`, so nothing here imports Keras."""

from dataclasses import dataclass

from fgtl.knobs import Knobs, flag


@dataclass(frozen=True)
class PluginKnobs(Knobs):
    """The plug-in module (--head=plugin)."""

    fpn_size: int = flag(512, "channels of the plug-in's pyramid", low=4)
    num_selects: tuple[str, ...] = flag(
        (),
        "points kept of each level, shallow to deep: numbers, or shares such as 0.5; one for all levels; "
        "default: 8/9 of each, 2/9 of the deepest, as published for CUB-200",
    )
    plugin_taps: tuple[str, ...] = flag(
        (),
        "the backbone's taps it stands on, its usual ones or those that fgtl backbones NAME --taps '*' lists; "
        "default: the last four",
    )
    plugin_upsample: str = flag(
        "auto",
        "from a level to the finer one: bilinear, any size; doubling, bilinear by 2 as published, else refused; points, "
        "a learned map from point to point, for one input size only; auto: bilinear for maps, points for tokens",
        choices=("auto", "bilinear", "doubling", "points"),
    )
    lambda_b: float = flag(0.5, "weight of each level's cross-entropy", low=0)
    lambda_s: float = flag(0.0, "weight of each level's cross-entropy of the kept points", low=0)
    lambda_n: float = flag(5.0, "weight of each level's loss of the points that are not kept", low=0)
    lambda_c: float = flag(1.0, "weight of the combiner's cross-entropy", low=0)
    plugin_output: str = flag(
        "fused",
        "what is predicted: fused, the mean of all heads whose weight is not 0, or the combiner",
        choices=("fused", "combiner"),
    )
