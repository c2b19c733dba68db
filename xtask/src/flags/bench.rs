//! The command line of `cargo xtask bench`.

use clap::{Args, Subcommand, ValueEnum};
use ligo_models::Family;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) turns: BenchTurns,
    #[command(subcommand)]
    pub(crate) command: Option<BenchCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Time each fused operation by itself, forward and backward; f32, random data
    ///
    /// Products are held against the speed of a large product on this machine, what moves data against its memory's. With
    /// `--peer pytorch` the same operations of PyTorch take turns with ours.
    #[command(after_help = "Examples:
  cargo xtask bench kernels
  cargo xtask bench kernels --only attention --peer pytorch --python .venv/bin/python

An environment for the peer:
  python3 -m venv .venv
  .venv/bin/pip install torch --index-url https://download.pytorch.org/whl/cpu")]
    Kernels(BenchKernels),
    /// Time one training step: forward, backward, AdamW; no dropout, random tokens or images
    ///
    /// Every model runs in a process of its own, so that peak memory is its own too. Processes take turns (A B A B …), figures are
    /// medians. With `--peer pytorch` the peer gets the same weights and the same batch, and its first loss must agree with ours;
    /// it runs eagerly and compiled, and what counts is the faster of the two.
    #[command(after_help = "Examples:
  cargo xtask bench step
  cargo xtask bench step --model gpt2 --shape 2x512 --vocab 8192
  cargo xtask bench step --model quickstart-gpt2,vit-s --peer pytorch --python .venv/bin/python

An environment for the peer:
  python3 -m venv .venv
  .venv/bin/pip install torch --index-url https://download.pytorch.org/whl/cpu")]
    Step(BenchStep),
    /// Time every family's forward pass and training step, text generation, and loading; f32, random weights
    ///
    /// With `--peer pytorch` the same models run in transformers (CaiT in timm, ViT and DeiT in both), from the checkpoints that ours
    /// wrote: first loss, logits and generated tokens must agree with ours. Every model runs in a process of its own, processes
    /// take turns, figures are medians. Loading is compared with reading the file, each time in a fresh process, with the file in
    /// the system's memory. Models are written to the directory for temporary files and removed at the end.
    #[command(after_help = "Examples:
  cargo xtask bench models
  cargo xtask bench models --peer pytorch --python .venv/bin/python
  cargo xtask bench models --only gpt2,llama --part generate

An environment for the peer:
  python3 -m venv .venv
  .venv/bin/pip install --extra-index-url https://download.pytorch.org/whl/cpu \\
    -r crates/models/tests/fixtures/requirements.txt")]
    Models(BenchModels),
    /// Time preparing data: text to tokens, JPEGs to batches; random data
    ///
    /// Text goes from Parquet to the file of tokens that training reads, held against `tokenizers` alone on the same text in memory.
    /// JPEGs are decoded, cropped at random, resized, mirrored and normalised ahead of training. With `--peer pytorch` torchvision's
    /// loader does the same with as many workers, by Pillow and by tensors, and the Python package of tokenizers tokenises. Files are
    /// written to the directory for temporary files and removed at the end.
    #[command(after_help = "Examples:
  cargo xtask bench data
  cargo xtask bench data --peer pytorch --python .venv/bin/python
  cargo xtask bench data --part text --text-mb 1000 --rounds 1

An environment for the peer:
  python3 -m venv .venv
  .venv/bin/pip install --extra-index-url https://download.pytorch.org/whl/cpu \\
    -r crates/models/tests/fixtures/requirements.txt")]
    Data(BenchData),
    /// Time growing GPT-2 from 124 M to 355 M parameters, and a step of LiGO's operator
    ///
    /// Growing by a method that learns nothing is held against reading the source and writing as many bytes as come out, synced, to
    /// the same directory, each in a fresh process. The operator's step is held against a plain step of the same large model at
    /// 4,096 tokens.
    #[command(after_help = "Examples:
  cargo xtask bench grow
  cargo xtask bench grow --part operator --rounds 3")]
    Grow(BenchGrow),
    /// Time a training step with 1, 2, 4 … threads up to the cores
    ///
    /// Says how many times as fast it becomes, and what share of it stays serial by Amdahl's law.
    #[command(after_help = "Examples:
  cargo xtask bench scaling
  cargo xtask bench scaling --model gpt2 --shape 2x512 --vocab 8192")]
    Scaling(BenchScaling),
    /// Serve one process that is measured; speaks JSON lines on stdin and stdout
    #[command(hide = true)]
    Worker,
}

#[derive(Debug, Args)]
pub(crate) struct BenchKernels {
    /// Only operations whose name contains one of these
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    #[command(flatten)]
    pub(crate) turns: BenchTurns,
}

#[derive(Debug, Args)]
pub(crate) struct BenchStep {
    #[command(flatten)]
    pub(crate) which: WhichSteps,
    /// How exact products are [default: f32, and bf16 where the processor computes it]
    #[arg(long, value_name = "PRECISION,…", value_delimiter = ',', value_enum)]
    pub(crate) precision: Vec<Precision>,
    #[command(flatten)]
    pub(crate) turns: BenchTurns,
}

#[derive(Debug, Args)]
pub(crate) struct BenchScaling {
    #[command(flatten)]
    pub(crate) which: WhichSteps,
    #[command(flatten)]
    pub(crate) turns: BenchTurns,
}

/// Models, and the sizes of their batches.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WhichSteps {
    /// Only these models
    #[arg(long, value_name = "MODEL,…", value_delimiter = ',', value_enum)]
    pub(crate) model: Vec<StepModel>,
    /// Batch × sequence of text [default: 8x128,2x512,1x1024]
    #[arg(long, value_name = "SHAPE,…", value_delimiter = ',', value_parser = shape)]
    pub(crate) shape: Vec<(usize, usize)>,
    /// Tokens in the vocabulary of text [default: 8192,30522]
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub(crate) vocab: Vec<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchGrow {
    /// Only these parts
    #[arg(long, value_name = "PART,…", value_delimiter = ',', value_enum)]
    pub(crate) part: Vec<GrowPart>,
    #[command(flatten)]
    pub(crate) turns: BenchTurns,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GrowPart {
    /// GPT-2 of 124 M parameters read, grown to 355 M, written
    Write,
    /// A step of LiGO's operator
    Operator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Precision {
    /// Exact
    F32,
    /// Both sides of a product rounded to bf16
    Bf16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StepModel {
    /// 6 layers, 512 wide, 8 heads, a loss on 15 % of the tokens
    BertSmall,
    /// 12 layers, 768 wide, 12 heads, likewise
    BertBase,
    /// 12 layers, 768 wide, 12 heads, a loss on every token
    Gpt2,
    /// 12 layers, 384 wide, 6 heads, 8 images of 224 × 224 in patches of 16 × 16
    VitS,
    /// 4 layers, 128 wide, 4 heads, 16 × 64 tokens, vocabulary 1024
    QuickstartGpt2,
    /// The same as BERT
    QuickstartBert,
}

/// `8x128` as batch and sequence.
fn shape(text: &str) -> Result<(usize, usize), String> {
    let number = |text: &str| text.parse::<usize>().ok().filter(|&n| (1..=1 << 20).contains(&n));
    let shape = text.split_once('x').and_then(|(batch, sequence)| Some((number(batch)?, number(sequence)?)));
    shape.ok_or_else(|| "expected batch x sequence, as 8x128".into())
}

#[derive(Debug, Args)]
pub(crate) struct BenchModels {
    /// Only these families: bert, roberta, gpt2, vit, deit, cait, llama, mistral, qwen2, qwen3
    #[arg(long, value_name = "FAMILY,…", value_delimiter = ',', value_parser = family)]
    pub(crate) only: Vec<Family>,
    /// Only these parts
    #[arg(long, value_name = "PART,…", value_delimiter = ',', value_enum)]
    pub(crate) part: Vec<Part>,
    #[command(flatten)]
    pub(crate) turns: BenchTurns,
}

impl BenchModels {
    /// Whether a part is asked for.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.part.is_empty() || self.part.contains(&part)
    }
}

#[derive(Debug, Args)]
pub(crate) struct BenchData {
    /// Only these parts
    #[arg(long, value_name = "PART,…", value_delimiter = ',', value_enum)]
    pub(crate) part: Vec<DataPart>,
    /// Megabytes of text
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) text_mb: u32,
    /// JPEGs; whole batches of 64 count
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u16).range(64..))]
    pub(crate) images: u16,
    #[command(flatten)]
    pub(crate) turns: BenchTurns,
}

impl BenchData {
    /// Whether a part is asked for.
    pub(crate) fn wants(&self, part: DataPart) -> bool {
        self.part.is_empty() || self.part.contains(&part)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataPart {
    /// Parquet to tokens: hashed, read, tokenised, written
    Text,
    /// JPEGs of 500 × 375 to batches of 224 × 224: decoded, cropped at random, resized, mirrored, normalised
    Images,
}

fn family(name: &str) -> Result<Family, String> {
    let names = || Family::ALL.map(Family::name).join(", ");
    Family::ALL.into_iter().find(|family| family.name() == name).ok_or_else(|| format!("expected one of {}", names()))
}

/// Who takes turns, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct BenchTurns {
    /// Run the same in another engine, in turn with ours
    #[arg(long, value_enum)]
    pub(crate) peer: Option<Peer>,
    /// The Python interpreter of the peer [default: $VIRTUAL_ENV/bin/python, or python3]
    #[arg(long, value_name = "PATH", requires = "peer")]
    pub(crate) python: Option<PathBuf>,
    /// Turns that each process takes
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,
    /// Threads of each process [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Print a line of JSON per measurement
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep the figures: a line of JSON per measurement
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// Compare with the figures of an earlier time, kept by --save
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Write table.md, figures.json and roofline.svg to this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Sizes that take no time and say nothing, for trying whether all of it runs
    #[arg(long, hide = true)]
    pub(crate) tiny: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Logits of a batch: 8 × 128 tokens of a 6-layer model, 384 wide, or 8 images of 224 × 224
    Forward,
    /// A training step on the same: forward, backward, AdamW
    Step,
    /// 64 tokens after a prompt of 32, each the likeliest, with a cache: GPT-2 of 124 M parameters, Llama of 100 M
    Generate,
    /// A checkpoint of GPT-2 with 124 M parameters in f32, 500 MB
    Load,
    /// The same in BF16, 250 MB
    LoadBf16,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Peer {
    /// PyTorch with the same number of threads
    Pytorch,
}
