"""What all peers have in common: they do a job on request and say how long it took. Stands before `step.py` or another, which ends
in `serve(prepare)`.

Speaks JSON lines. stdin: first the job (model, batch, threads, directory), then a line `{"steps": n}` per turn. stdout: one line when
the work is done for the first time, then one per turn.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F

IGNORED = -100


class Refused(Exception):
    """Says why a job cannot be done where this runs: no failure, but nothing to compare with either."""


def status_bytes(key):
    """A figure of /proc/self/status in bytes; None where the system has no such file."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def adamw(parameters, rates):
    """AdamW fused over all parameters; decay for matrices alone."""
    matrices = [tensor for tensor in parameters if tensor.dim() > 1]
    vectors = [tensor for tensor in parameters if tensor.dim() == 1]
    groups = [{"params": matrices, "weight_decay": rates["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}]
    betas = (rates["beta1"], rates["beta2"])
    return torch.optim.AdamW(groups, lr=rates["learning_rate"], betas=betas, eps=rates["eps"], fused=True)


def say(**message):
    # Numbers that are infinite or none at all are an error, not JSON.
    print(json.dumps(message, allow_nan=False), flush=True)


def timed(task):
    start = time.perf_counter()
    task.work()
    return time.perf_counter() - start


def serve(prepare):
    """`prepare(job)` is the task: `engine`, `work()`, `answer()` and `parameters()`."""
    job = json.loads(sys.stdin.readline())
    torch.set_num_threads(job["threads"])
    before = status_bytes("VmRSS")
    try:
        task = prepare(job)
    except Refused as reason:
        say(refused=str(reason))
        return
    seconds = timed(task)
    say(
        engine=task.engine,
        parameters=task.parameters(),
        first_seconds=seconds,
        first=task.answer(),
        before_bytes=before,
        peak_bytes=status_bytes("VmHWM"),
    )
    for line in sys.stdin:
        steps = json.loads(line)["steps"]
        task.work()  # untimed: wakes the threads
        seconds = [timed(task) for _ in range(steps)]
        say(seconds=seconds, peak_bytes=status_bytes("VmHWM"))
