"""A table of domain similarities for the terminal and for programs."""

import csv
import io

from fgtl.console import table
from fgtl.reports.similarity_rows import DomainFacts, Row, SimilarityTable, Tie

COLUMNS = ("target", "source", "EMD", "95 % interval", "similarity", "95 % interval", "source classes", "images")


def as_text(similarities: SimilarityTable) -> str:
    """What `fgtl similarity` prints."""
    parts = [table(*cells(similarities)), f"Features: {similarities.extractor}; images of {similarities.split}."]
    parts += [f"Similarity is exp(-gamma EMD), {similarities.gamma_words}.", *left_out(similarities)]
    parts += [*tie_sentences(similarities), *similarities.notes]
    return "\n\n".join([parts[0], "\n".join(parts[1:])])


def cells(similarities: SimilarityTable) -> tuple[list[str], list[list[str]]]:
    """Header and rows; without intervals where nothing was resampled."""
    facts = {one.name: one for one in similarities.sources}
    header, rows = list(COLUMNS), [_cells(row, facts[row.source]) for row in similarities.rows]
    if not similarities.resamples:
        header, *rows = ([row[place] for place in (0, 1, 2, 4, 6, 7)] for row in (header, *rows))
    return header, rows


def tie_sentences(similarities: SimilarityTable) -> list[str]:
    """Which sources cannot be told apart, or that all can, as far as intervals say it."""
    if not similarities.resamples or len(similarities.sources) < 2:
        return []
    if not similarities.ties:
        # Single images have no spread, so that intervals of their means separate nothing.
        if any(one.has_many_single for one in similarities.sources):
            return []
        return ["All sources of each target can be told apart: no interval of a difference holds 0."]
    return [_sentence(tie) for tie in similarities.ties]


def left_out(similarities: SimilarityTable) -> list[str]:
    """Sentences about classes that are in no domain."""
    sentences = []
    for one in {facts.name: facts for facts in (*similarities.targets, *similarities.sources)}.values():
        why = [f"{one.without_images:,} without images"] if one.without_images else []
        why += [f"{one.too_few:,} with too few"] if one.too_few else []
        if why:
            sentences.append(f"Classes of {one.name} left out: {', '.join(why)}; {one.classes:,} are left.")
    return sentences


def as_csv(similarities: SimilarityTable) -> str:
    """One line a pair, with a header; empty where nothing was resampled."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    bounded = ("emd", "emd_low", "emd_high", "bias", "similarity", "similarity_low", "similarity_high")
    sizes_of = ("source_classes", "source_images", "target_classes", "target_images")
    writer.writerow(["target", "source", *bounded, "gamma", *sizes_of])
    sources, targets = ({one.name: one for one in side} for side in (similarities.sources, similarities.targets))
    for row in similarities.rows:
        source, target = sources[row.source], targets[row.target]
        figures = [row.emd, *(row.interval or ("", "")), "" if row.bias is None else row.bias]
        figures += [row.similarity, *(row.similarity_interval or ("", "")), similarities.gamma]
        sizes = [source.classes, source.images, target.classes, target.images]
        writer.writerow([row.target, row.source, *figures, *sizes])
    return text.getvalue()


def _cells(row: Row, source: DomainFacts) -> list[str]:
    low, high = row.interval or (row.emd, row.emd)
    least, most = row.similarity_interval or (row.similarity, row.similarity)
    return [
        row.target,
        row.source,
        f"{row.emd:.4g}",
        f"{low:.4g} to {high:.4g}",
        f"{row.similarity:.3f}",
        f"{least:.3f} to {most:.3f}",
        f"{source.classes:,}",
        f"{source.images:,}",
    ]


def _sentence(tie: Tie) -> str:
    low, high = tie.interval
    figures = f"EMDs differ by {tie.difference:.3g}, interval {low:.3g} to {high:.3g}"
    if low > 0:
        # The interval is clear of 0; what is not clear is whether unequal numbers of images made the difference.
        figures += f", of which {tie.bias:.3g} may come from unequal numbers of images"
    return f"{tie.target}: {tie.one} and {tie.other} cannot be told apart ({figures})."
