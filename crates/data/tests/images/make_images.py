"""Makes the small images of the tests, and what Pillow, transformers and timm make of them.

    python make_images.py [--out DIR] [--check]

Per image `NAME.png` or `.jpg` and `NAME.expected`, 8-bit values one after the other: red, green and blue of every pixel as it was
decoded and turned; its grey; then for each of Pillow's filters 1, 2 and 3 and each side of SIDES the resized colours.
`processors.json` lists preparations: the image, the model's side, the checkpoint's file that asks for it, and whose values these
are; `processors.f32` holds the values of all, little-endian, in that order. Needs the packages of the models' requirements.txt.
"""

import argparse
import io
import json
import pathlib
import sys

import numpy as np
import timm.data
import transformers
from PIL import Image, ImageOps

SIDES = [7, 20]
FILTERS = [1, 2, 3]


def picture(width, height, channels, seed):
    """Waves with a little noise: smooth enough for JPEG, with edges that a filter shows at."""
    noise = np.random.default_rng(seed).integers(0, 40, (height, width, channels))
    y, x = np.mgrid[0:height, 0:width]
    waves = [100 + 90 * np.sin(x / (2 + c) + c) * np.cos(y / (3 + c)) + 60 * ((x + c) % 11 > 6) for c in range(channels)]
    return np.clip(np.stack(waves, -1) + noise - 20, 0, 255).astype(np.uint8)


def images():
    """Name and bytes of each."""
    turned = Image.Exif()
    turned[0x0112] = 6  # Orientation: turned a quarter to the left
    jpeg = {"format": "JPEG", "quality": 92}
    made = {
        "colour.png": (Image.fromarray(picture(13, 9, 3, 0)), {"format": "PNG"}),
        "transparent.png": (Image.fromarray(picture(9, 12, 4, 1)), {"format": "PNG"}),
        "palette.png": (Image.fromarray(picture(16, 10, 3, 2)).quantize(16), {"format": "PNG"}),
        "grey.png": (Image.fromarray(picture(11, 8, 1, 3)[..., 0]), {"format": "PNG"}),
        "colour.jpg": (Image.fromarray(picture(45, 30, 3, 4)), jpeg | {"subsampling": 0}),
        "thrifty.jpg": (Image.fromarray(picture(33, 27, 3, 5)), jpeg | {"subsampling": 2, "progressive": True}),
        "grey.jpg": (Image.fromarray(picture(20, 31, 1, 6)[..., 0]), jpeg),
        "turned.jpg": (Image.fromarray(picture(24, 16, 3, 7)), jpeg | {"subsampling": 0, "exif": turned}),
    }
    for name, (image, options) in made.items():
        file = io.BytesIO()
        image.save(file, **options)
        yield name, file.getvalue()


def opened(encoded):
    return ImageOps.exif_transpose(Image.open(io.BytesIO(encoded)))


def resized(image, side, resample):
    """Rows first, whatever the shape: Pillow 13 would take columns first in a tall image, which no version before it did."""
    return image.resize((side, image.height), resample).resize((side, side), resample)


def expected(encoded):
    colours = opened(encoded).convert("RGB")
    values = [colours, opened(encoded).convert("L")]
    values += [resized(colours, side, resample) for resample in FILTERS for side in SIDES]
    return b"".join(np.asarray(image).tobytes() for image in values)


def of_transformers(kind, settings):
    config = {"image_processor_type": kind} | settings
    return "preprocessor_config.json", config, getattr(transformers, kind)(**settings)


def of_timm(side, settings):
    transform = timm.data.create_transform(input_size=(3, side, side), is_training=False, **settings)
    return "config.json", {"architecture": "cait_xxs24_224", "pretrained_cfg": settings}, transform


def preparations(side):
    square = {"height": side, "width": side}
    imagenet = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    yield of_transformers("ViTImageProcessorPil", {"size": square})
    yield of_transformers("ViTImageProcessor", {"size": square, "resample": 3} | imagenet)
    yield of_transformers("ViTImageProcessorPil", {"size": square, "do_normalize": False, "rescale_factor": 0.01})
    yield of_transformers("DeiTImageProcessorPil", {"size": {"height": 15, "width": 15}, "crop_size": square})
    mean_and_std = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    yield of_timm(side, {"interpolation": "bicubic", "crop_pct": 1.0} | mean_and_std)
    yield of_timm(side, {"interpolation": "bilinear", "crop_pct": 0.8} | mean_and_std)


def prepared_images(encoded):
    """What `processors.json` and `processors.f32` hold."""
    side, listed, values = 12, [], []
    for name in ["colour.png", "colour.jpg"]:
        for file, settings, processor in preparations(side):
            image = opened(encoded[name]).convert("RGB")
            if hasattr(processor, "preprocess"):
                prepared = np.asarray(processor(image, return_tensors="np")["pixel_values"])[0]
            else:
                prepared = processor(image).numpy()
            assert prepared.shape == (3, side, side), prepared.shape
            listed.append({"image": name, "side": side, "file": file, "settings": settings, "by": type(processor).__name__})
            values.append(prepared.astype("<f4"))
    return json.dumps(listed, indent=1) + "\n", np.stack(values)


def differing(folder):
    """The files of a folder that today's libraries would write otherwise."""
    encoded = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in (".png", ".jpg")}
    for name, bytes_ in encoded.items():
        if expected(bytes_) != (folder / f"{name}.expected").read_bytes():
            yield f"{name}.expected"
    listed, values = prepared_images(encoded)
    if listed != (folder / "processors.json").read_text():
        yield "processors.json"
    written = np.frombuffer((folder / "processors.f32").read_bytes(), "<f4")
    if written.size != values.size or not np.allclose(written, values.reshape(-1), rtol=0, atol=1e-5):
        yield "processors.f32"


def main():
    parser = argparse.ArgumentParser(description="Makes the small images of the tests and what is expected of them.")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    parser.add_argument("--check", action="store_true", help="write nothing, compare with what is there")
    options = parser.parse_args()
    out = options.out
    if options.check:
        differ = list(differing(out))
        print("\n".join(f"{out / name}: differs from what the libraries make today" for name in differ) or "images as expected")
        sys.exit(1 if differ else 0)
    out.mkdir(parents=True, exist_ok=True)
    made = dict(images())
    for name, encoded in made.items():
        (out / name).write_bytes(encoded)
        (out / f"{name}.expected").write_bytes(expected(encoded))
    listed, values = prepared_images(made)
    (out / "processors.json").write_text(listed)
    (out / "processors.f32").write_bytes(values.tobytes())


if __name__ == "__main__":
    main()
