"""One operation in PyTorch, forward and backward: the peer of `cargo xtask bench kernels`.

Needs torch alone. Eager, f32, each operation as PyTorch does it best: one product for query, key and value,
scaled_dot_product_attention, a fused optimiser. The gradient of an output is 1 everywhere and is made each time, as ours is.
"""


def random(*shape):
    return (torch.rand(shape) * 2 - 1).requires_grad_()


def make_ids(rows, vocabulary):
    return torch.arange(rows) * 7919 % vocabulary


def linear(rows, inputs, outputs):
    x, weight, bias = random(rows, inputs), random(outputs, inputs), random(outputs)
    return (x, weight, bias), lambda: F.linear(x, weight, bias)


def linear_joined(rows, width):
    return linear(rows, width, 3 * width)


def linear_activated(rows, inputs, outputs):
    leaves, forward = linear(rows, inputs, outputs)
    return leaves, lambda: F.gelu(forward(), approximate="tanh")


def attention(batch, sequence, heads, head_dim, causal):
    qkv = random(batch * sequence, 3 * heads * head_dim)

    def forward():
        q, k, v = qkv.view(batch, sequence, 3, heads, head_dim).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return mixed.transpose(1, 2).reshape(batch * sequence, heads * head_dim)

    return (qkv,), forward


def norm(rows, width):
    x, gain, bias = random(rows, width), random(width), random(width)
    return (x, gain, bias), lambda: F.layer_norm(x, (width,), gain, bias, 1e-5)


def add_norm(rows, width):
    x, residual, gain, bias = random(rows, width), random(rows, width), random(width), random(width)

    def forward():
        total = x + residual
        return total, F.layer_norm(total, (width,), gain, bias, 1e-5)

    return (x, residual, gain, bias), forward


def dropout(rows, width):
    x = random(rows, width)
    return (x,), lambda: F.dropout(x, 0.1)


def embedding(rows, width, vocabulary):
    table, ids = random(vocabulary, width), make_ids(rows, vocabulary)
    return (table,), lambda: F.embedding(ids, table)


def cross_entropy(rows, width, vocabulary):
    hidden, weight, targets = random(rows, width), random(vocabulary, width), make_ids(rows, vocabulary)
    return (hidden, weight), lambda: F.cross_entropy(F.linear(hidden, weight), targets)


OPERATIONS = {
    "linear": linear,
    "linear-joined": linear_joined,
    "linear-activated": linear_activated,
    "attention": attention,
    "add-norm": add_norm,
    "norm": norm,
    "dropout": dropout,
    "embedding": embedding,
    "cross-entropy": cross_entropy,
}


class Passing:
    engine = f"pytorch {torch.__version__}"

    def __init__(self, name, sizes):
        self.leaves, self.forward = OPERATIONS[name](**sizes)

    def work(self):
        outputs = self.forward()
        if torch.is_tensor(outputs):
            outputs = (outputs,)
        torch.autograd.grad(outputs, self.leaves, [torch.ones_like(output) for output in outputs])

    def answer(self):
        return {}

    def parameters(self):
        return 0


class Optimising:
    engine = Passing.engine

    def __init__(self, numbers):
        self.weight = random(numbers)
        rates = {"learning_rate": 1e-4, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01}
        self.optimiser = adamw([self.weight], rates)

    def work(self):
        self.weight.grad = torch.ones_like(self.weight)
        self.optimiser.step()

    def answer(self):
        return {}

    def parameters(self):
        return self.weight.numel()


def prepare(job):
    sizes = dict(job["operation"])
    name = sizes.pop("name")
    return Optimising(**sizes) if name == "adamw" else Passing(name, sizes)


serve(prepare)
