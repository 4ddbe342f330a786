"""Names of a record set's files that no verb reads: some are for people, some for TensorFlow Datasets."""

PAGE = "DATASET.md"
CLASSES_PICTURE = "dataset_classes.jpg"
SIZES_PICTURE = "dataset_sizes.png"

DATASET_INFO = "dataset_info.json"
FEATURES = "features.json"
# TFDS makes this name from the key, image/class/label.
LABEL_NAMES = "image.class.label.labels.txt"

COMPANIONS = (PAGE, CLASSES_PICTURE, SIZES_PICTURE, DATASET_INFO, FEATURES, LABEL_NAMES)
