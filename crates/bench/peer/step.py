"""One training step in PyTorch: the peer of `cargo xtask bench step`.

Needs torch alone. The models are GPT-2 and BERT as plain functions over tensors named as in the Hub's checkpoints, eager, f32, with
what PyTorch does best on a CPU: scaled_dot_product_attention, query, key and value in one product, the head on labelled positions
only, AdamW fused over all parameters.
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


def head_loss(hidden, weight, bias, targets):
    """Mean cross-entropy over the labelled positions; the others are not projected."""
    labelled = targets != IGNORED
    if not bool(labelled.all()):
        rows = labelled.nonzero().squeeze(1)
        hidden, targets = hidden.index_select(0, rows), targets.index_select(0, rows)
    return F.cross_entropy(F.linear(hidden, weight, bias), targets)


def gpt2(p, config, ids, targets):
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
    return head_loss(norm(hidden, "transformer.ln_f"), p["transformer.wte.weight"], None, targets)


def bert(p, config, ids, targets):
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
    return head_loss(hidden, p["bert.embeddings.word_embeddings.weight"], p[name + "bias"], targets)


def join_qkv(tensors, layers):
    """BERT's query, key and value as one linear map, as in torch.nn.MultiheadAttention."""
    for layer in range(layers):
        name = f"bert.encoder.layer.{layer}.attention.self."
        for kind in ("weight", "bias"):
            parts = [tensors.pop(f"{name}{part}.{kind}") for part in ("query", "key", "value")]
            tensors[f"{name}qkv.{kind}"] = torch.cat(parts)


class Step:
    engine = f"pytorch {torch.__version__}"

    def __init__(self, job):
        self.config = job["case"]["model"]
        tensors = read_tensors(job["directory"] + "/model.safetensors")
        shape = job["case"]["batch_size"], job["case"]["sequence_length"]
        self.ids = torch.tensor(job["sample"]["input_ids"]).view(shape)
        self.targets = torch.tensor(job["sample"]["targets"])
        if self.config["family"] == "bert":
            join_qkv(tensors, self.config["num_hidden_layers"])
        self.model = {"gpt2": gpt2, "bert": bert}[self.config["family"]]
        self.weights = {name: torch.nn.Parameter(tensor) for name, tensor in tensors.items()}
        self.optimiser = adamw(self.weights.values(), job["optimiser"])

    def work(self):
        loss = self.model(self.weights, self.config, self.ids, self.targets)
        loss.backward()
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.loss = loss.item()

    def answer(self):
        return {"loss": self.loss}

    def parameters(self):
        return sum(tensor.numel() for tensor in self.weights.values())


serve(Step)
