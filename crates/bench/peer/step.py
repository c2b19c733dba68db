"""One training step in PyTorch: the peer of `cargo xtask bench step`.

Needs torch alone. The models are GPT-2, BERT and ViT as plain functions over tensors named as in the Hub's checkpoints, with what
PyTorch does best on a CPU: scaled_dot_product_attention, query, key and value in one product, the head on labelled positions only,
AdamW fused over all parameters. Eager or by torch.compile; in f32, or in bf16 by autocast with weights, moments and loss in f32.
"""

import struct


def read_tensors(path):
    """The f32 tensors of a safetensors file: the length of a JSON header, the header, the bytes."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        start = file.tell()
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            file.seek(start + begin)
            data = bytearray(file.read(end - begin))
            tensors[name] = torch.frombuffer(data, dtype=torch.float32).reshape(entry["shape"])
    return tensors


def attend(qkv, batch, sequence, heads, causal):
    """qkv [B*S, 3*H] -> [B*S, H]."""
    width = qkv.shape[1] // 3
    q, k, v = qkv.view(batch, sequence, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return mixed.transpose(1, 2).reshape(batch * sequence, width)


def head_loss(hidden, weight, bias, targets, rows):
    """Mean cross-entropy in f32 over the labelled positions, `rows` unless all are; the others are not projected."""
    if rows is not None:
        hidden, targets = hidden.index_select(0, rows), targets.index_select(0, rows)
    return F.cross_entropy(F.linear(hidden, weight, bias).float(), targets)


def labelled_rows(targets):
    """The positions with a label; None if all have one."""
    labelled = targets != IGNORED
    return None if bool(labelled.all()) else labelled.nonzero().squeeze(1)


def gpt2(p, config, ids, targets, rows):
    """Pre-norm, causal, tied head. ids [B, S], targets [B*S]."""
    (batch, sequence), width = ids.shape, config["hidden_size"]
    eps = config.get("layer_norm_eps") or 1e-5
    hidden = F.embedding(ids, p["transformer.wte.weight"]) + p["transformer.wpe.weight"][:sequence]
    hidden = hidden.view(batch * sequence, width)

    def norm(x, name):
        return F.layer_norm(x, (width,), p[name + ".weight"], p[name + ".bias"], eps)

    def conv1d(x, name):
        return torch.addmm(p[name + ".bias"], x, p[name + ".weight"])

    for layer in range(config["num_hidden_layers"]):
        name = f"transformer.h.{layer}."
        qkv = conv1d(norm(hidden, name + "ln_1"), name + "attn.c_attn")
        mixed = attend(qkv, batch, sequence, config["num_attention_heads"], causal=True)
        hidden = hidden + conv1d(mixed, name + "attn.c_proj")
        inner = F.gelu(conv1d(norm(hidden, name + "ln_2"), name + "mlp.c_fc"), approximate="tanh")
        hidden = hidden + conv1d(inner, name + "mlp.c_proj")
    return head_loss(norm(hidden, "transformer.ln_f"), p["transformer.wte.weight"], None, targets, rows)


def bert(p, config, ids, targets, rows):
    """Post-norm, bidirectional, masked language model with a tied decoder. ids [B, S], targets [B*S]."""
    (batch, sequence), width = ids.shape, config["hidden_size"]
    eps = config.get("layer_norm_eps") or 1e-12

    def norm(x, name):
        return F.layer_norm(x, (width,), p[name + ".weight"], p[name + ".bias"], eps)

    def linear(x, name):
        return F.linear(x, p[name + ".weight"], p[name + ".bias"])

    name = "bert.embeddings."
    hidden = F.embedding(ids, p[name + "word_embeddings.weight"])
    hidden = hidden + p[name + "position_embeddings.weight"][:sequence] + p[name + "token_type_embeddings.weight"][0]
    hidden = norm(hidden, name + "LayerNorm").view(batch * sequence, width)
    for layer in range(config["num_hidden_layers"]):
        name = f"bert.encoder.layer.{layer}."
        qkv = linear(hidden, name + "attention.self.qkv")
        mixed = attend(qkv, batch, sequence, config["num_attention_heads"], causal=False)
        hidden = norm(hidden + linear(mixed, name + "attention.output.dense"), name + "attention.output.LayerNorm")
        inner = F.gelu(linear(hidden, name + "intermediate.dense"))
        hidden = norm(hidden + linear(inner, name + "output.dense"), name + "output.LayerNorm")
    name = "cls.predictions."
    hidden = norm(F.gelu(linear(hidden, name + "transform.dense")), name + "transform.LayerNorm")
    return head_loss(hidden, p["bert.embeddings.word_embeddings.weight"], p[name + "bias"], targets, rows)


def vit(p, config, pixels, targets, _):
    """Pre-norm, bidirectional, the class of an image by its first token. pixels [B, C, side, side], targets [B]."""
    batch, width, patch = pixels.shape[0], config["hidden_size"], config.get("patch_size") or 16
    eps = config.get("layer_norm_eps") or 1e-12

    def norm(x, name):
        return F.layer_norm(x, (width,), p[name + ".weight"], p[name + ".bias"], eps)

    def linear(x, name):
        return F.linear(x, p[name + ".weight"], p[name + ".bias"])

    name = "vit.embeddings."
    projection = name + "patch_embeddings.projection"
    patches = F.conv2d(pixels, p[projection + ".weight"], p[projection + ".bias"], stride=patch)
    patches = patches.flatten(2).transpose(1, 2)
    hidden = torch.cat([p[name + "cls_token"].view(1, 1, width).expand(batch, 1, width), patches], dim=1)
    hidden = hidden + p[name + "position_embeddings"].view(1, -1, width)
    sequence = hidden.shape[1]
    hidden = hidden.reshape(batch * sequence, width)
    for layer in range(config["num_hidden_layers"]):
        name = f"vit.encoder.layer.{layer}."
        qkv = linear(norm(hidden, name + "layernorm_before"), name + "attention.attention.qkv")
        mixed = attend(qkv, batch, sequence, config["num_attention_heads"], causal=False)
        hidden = hidden + linear(mixed, name + "attention.output.dense")
        inner = F.gelu(linear(norm(hidden, name + "layernorm_after"), name + "intermediate.dense"))
        hidden = hidden + linear(inner, name + "output.dense")
    first = norm(hidden.view(batch, sequence, width)[:, 0], "vit.layernorm")
    return F.cross_entropy(linear(first, "classifier").float(), targets)


def join_qkv(tensors, prefix):
    """Query, key and value as one linear map, as in torch.nn.MultiheadAttention."""
    for name in [name for name in tensors if name.startswith(prefix) and name.endswith(".query.weight")]:
        name = name.removesuffix("query.weight")
        for kind in ("weight", "bias"):
            parts = [tensors.pop(f"{name}{part}.{kind}") for part in ("query", "key", "value")]
            tensors[f"{name}qkv.{kind}"] = torch.cat(parts)


def check_compiler():
    """A small function is compiled and run both ways, so that a machine without a compiler is told from a model that fails."""
    try:
        x = torch.ones(64, requires_grad=True)
        torch.compile(lambda x: (x * 2).relu().sum())(x).backward()
    except Exception as error:  # whatever its reason, there is no such contender here
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise Refused(f"torch.compile: {lines[0] if lines else type(error).__name__}") from error


MODELS = {"gpt2": gpt2, "bert": bert, "vit": vit}


class Step:
    def __init__(self, job):
        config, case, sample = job["case"]["model"], job["case"], job["sample"]
        self.engine = f"pytorch {torch.__version__}, {'compiled' if job['mode'] == 'compile' else 'eager'}"
        tensors = read_tensors(job["directory"] + "/model.safetensors")
        if sample["pixels"]:
            side, channels = config.get("image_size") or 224, config.get("num_channels") or 3
            colours = torch.tensor(sample["pixels"], dtype=torch.float32)
            self.inputs = (colours.view(case["batch_size"], channels, side, side) - 127.5) / 127.5
        else:
            self.inputs = torch.tensor(sample["input_ids"]).view(case["batch_size"], case["sequence_length"])
        self.targets = torch.tensor(sample["targets"])
        join_qkv(tensors, config["family"] + ".encoder.layer.")
        self.weights = {name: torch.nn.Parameter(tensor) for name, tensor in tensors.items()}
        self.optimiser = adamw(self.weights.values(), job["optimiser"])
        model, bf16 = MODELS[config["family"]], job["precision"] == "bf16"

        def loss(weights, inputs, targets, rows):
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                return model(weights, config, inputs, targets, rows)

        self.compute_loss = loss
        if job["mode"] == "compile":
            check_compiler()
            self.compute_loss = torch.compile(loss)

    def work(self):
        loss = self.compute_loss(self.weights, self.inputs, self.targets, labelled_rows(self.targets))
        loss.backward()
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.loss = loss.item()

    def answer(self):
        return {"loss": self.loss}

    def parameters(self):
        return sum(tensor.numel() for tensor in self.weights.values())


serve(Step)
