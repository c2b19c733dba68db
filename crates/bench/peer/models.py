"""Models of transformers and timm, read from a checkpoint of ours: the peer of `cargo xtask bench models`.

Eager, f32, each model as its library makes it, with the attention that the library chooses (scaled_dot_product_attention where it
has it). What only costs time is switched off: the cache where nothing is generated, the shifted copy of the logits in the loss.
"""

import inspect
import pathlib

SHOWN = 16


def make_loader(directory):
    """What reads the model of that directory, and its engine. Libraries are imported now, so that reading is all that is timed."""
    config = json.loads((pathlib.Path(directory) / "config.json").read_text())
    if "architecture" in config:
        import timm

        # timm is strict: a tensor too many or too few is an error.
        return lambda: timm.create_model(f"local-dir:{directory}", pretrained=True), f"timm {timm.__version__}"
    import transformers

    transformers.utils.logging.disable_progress_bar()
    architecture = getattr(transformers, config["architectures"][0])

    def load():
        model, said = architecture.from_pretrained(directory, dtype=torch.float32, output_loading_info=True)
        for what in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
            if said.get(what):
                raise ValueError(f"{what}: {sorted(map(str, said[what]))}")
        return model

    return load, f"transformers {transformers.__version__}"


class Task:
    def __init__(self, job):
        self.job = job
        self.load, self.engine = make_loader(job["directory"])
        case, sample = job["case"], job["sample"]
        config = case["model"]
        self.targets = torch.tensor(sample["targets"])
        if sample["pixels"]:
            side, channels = config.get("image_size") or 224, config.get("num_channels") or 3
            colours = torch.tensor(sample["pixels"], dtype=torch.float32)
            self.inputs = (colours.view(case["batch_size"], channels, side, side) - 127.5) / 127.5
        elif sample["input_ids"]:
            self.inputs = torch.tensor(sample["input_ids"]).view(case["batch_size"], case["sequence_length"])
        self.model = None
        self.options = {}

    def make_model(self):
        model = self.load()
        if "use_cache" in inspect.signature(model.forward).parameters:
            self.options = {"use_cache": False}
        return model

    def logits(self):
        """[rows, columns]: a row for each token or image."""
        if self.engine.startswith("timm"):
            return self.model(self.inputs)
        if self.inputs.is_floating_point():
            return self.model(pixel_values=self.inputs).logits
        return self.model(input_ids=self.inputs, **self.options).logits.flatten(0, 1)

    def answer(self):
        return {}

    def parameters(self):
        return sum(tensor.numel() for tensor in self.model.parameters())


class Forward(Task):
    def __init__(self, job):
        super().__init__(job)
        self.model = self.make_model().eval()
        self.found = None

    def work(self):
        self.found = None  # so that two are never held
        with torch.inference_mode():
            self.found = self.logits()

    def answer(self):
        return {"logits": self.found[-1, :SHOWN].tolist()}


class Step(Task):
    def __init__(self, job):
        super().__init__(job)
        self.model = self.make_model().train()
        self.optimiser = adamw(list(self.model.parameters()), job["optimiser"])

    def work(self):
        loss = F.cross_entropy(self.logits(), self.targets, ignore_index=IGNORED)
        loss.backward()
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.loss = loss.item()

    def answer(self):
        return {"loss": self.loss}


class Generation(Task):
    def __init__(self, job):
        super().__init__(job)
        self.model = self.load().eval()
        # Random weights say any token, the end of a text among them.
        self.model.generation_config.eos_token_id = None
        self.mask = torch.ones_like(self.inputs)

    def work(self):
        tokens = self.model.generate(
            self.inputs,
            attention_mask=self.mask,
            do_sample=False,
            use_cache=True,
            max_new_tokens=self.job["new_tokens"],
            pad_token_id=0,
        )
        self.tokens = tokens[:, self.inputs.shape[1] :].flatten().tolist()

    def answer(self):
        return {"tokens": self.tokens}


class Import(Task):
    def work(self):
        self.model = None
        self.model = self.load()


serve(lambda job: {"forward": Forward, "plain": Step, "generate": Generation, "import": Import}[job["work"]](job))
