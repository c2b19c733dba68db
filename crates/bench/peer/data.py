"""What others prepare data with: the peer of `cargo xtask bench data`. `tokenizers` turns texts to ids; torchvision's loader turns JPEGs
to batches, by Pillow's images as in most training scripts, or by tensors (its `v2` transforms).
"""

import os
import pathlib

MEAN = [0.485, 0.456, 0.406]
STD = [0.229, 0.224, 0.225]
CHUNK_BYTES = 8 << 20


class Nothing:
    """What data has in common: no model."""

    def parameters(self):
        return 0

    def answer(self):
        return {"prepared": self.prepared}


class Tokenizing(Nothing):
    def __init__(self, job):
        # Read when the library first computes.
        os.environ["RAYON_NUM_THREADS"] = str(job["threads"])
        os.environ["TOKENIZERS_PARALLELISM"] = "true"
        import tokenizers

        directory = pathlib.Path(job["directory"])
        self.engine = f"tokenizers {tokenizers.__version__} (Python)"
        self.tokenizer = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
        self.chunks, size = [[]], 0
        for line in (directory / "texts.txt").read_text().splitlines():
            if size >= CHUNK_BYTES:
                self.chunks.append([])
                size = 0
            size += len(line)
            self.chunks[-1].append(line)

    def work(self):
        self.prepared = 0
        for chunk in self.chunks:
            encoded = self.tokenizer.encode_batch_fast(chunk, add_special_tokens=False)
            self.prepared += sum(len(one.ids) + 1 for one in encoded)


class Epoch(Nothing):
    def __init__(self, job, tensors):
        import torchvision
        from torchvision.transforms import InterpolationMode, v2

        def decode(path):
            encoded = torchvision.io.read_file(path)
            return torchvision.io.decode_image(encoded, mode=torchvision.io.ImageReadMode.RGB)

        self.engine = f"torchvision {torchvision.__version__}, {'tensors' if tensors else 'Pillow'}"
        crop = dict(size=job["side"], interpolation=InterpolationMode.BICUBIC, antialias=True)
        if tensors:
            steps = [v2.RandomResizedCrop(**crop), v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True)]
            transform = v2.Compose([*steps, v2.Normalize(MEAN, STD)])
        else:
            from torchvision import transforms as v1

            steps = [v1.RandomResizedCrop(**crop), v1.RandomHorizontalFlip(), v1.ToTensor(), v1.Normalize(MEAN, STD)]
            transform = v1.Compose(steps)
        loader = {"loader": decode} if tensors else {}
        images = torchvision.datasets.ImageFolder(pathlib.Path(job["directory"]) / "images", transform, **loader)
        self.loader = torch.utils.data.DataLoader(
            images,
            batch_size=job["batch_size"],
            shuffle=True,
            drop_last=True,
            num_workers=job["threads"],
            persistent_workers=True,
            # The quickest to start; what others pass on must be picklable, and a script without a file has nothing that is.
            multiprocessing_context="fork",
        )

    def work(self):
        self.prepared = 0
        for pixels, _ in self.loader:
            self.prepared += len(pixels)


def prepare(job):
    if job["work"] == "tokenize":
        return Tokenizing(job)
    return Epoch(job, tensors=job["work"] == "images-as-tensors")


serve(prepare)
