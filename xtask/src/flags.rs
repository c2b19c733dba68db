//! The whole command line, readable as its manual. What a command does is in the file of its name.

#![allow(
    rustdoc::invalid_html_tags,
    rustdoc::broken_intra_doc_links,
    reason = "clap shows these comments on a terminal, where <label> is a placeholder and [MASK] a token"
)]

mod bench;

pub(crate) use bench::{
    Bench, BenchCommand, BenchData, BenchModels, BenchTurns, DataPart, GrowPart, Part, Precision, StepModel, WhichSteps,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The driver of the workspace: runs experiments, shows what they give, checks the code.
///
/// An experiment is a TOML file in experiments/. Running it prepares the data, trains what is not there yet, and leaves a
/// table, curves and a report in results/<experiment>/. It may be stopped or killed at any moment: the same command goes on
/// where it was and ends with the same numbers.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Examples:
  cargo xtask run quickstart                              minutes on two cores, no download
  cargo xtask list                                        the experiments and how far each has come
  cargo xtask show quickstart                             what it would cost, before anything runs
  cargo xtask run quickstart --set training.steps=300     the same, shorter
  cargo xtask inspect owner/name                          what a checkpoint on the Hub or here is
  cargo xtask generate checkpoint --prompt \"Once\"         what it says
  cargo xtask grow --from checkpoint --layers 24 --method g-stack --out deeper
                                                          a larger one made of it
  cargo xtask bench step --peer pytorch                   how fast a training step is
  cargo xtask bench models --peer pytorch                 how fast each family is, and text
  cargo xtask bench data --peer pytorch                   how fast data is prepared
  cargo xtask bench --peer pytorch --out results/bench/mine
                                                         all that can be measured
  cargo xtask methods                                     what experiments can compare
  cargo xtask new baseline noisy-copy                     a crate for a method of your own
  cargo xtask test                                        every check, as the CI does it

Environment:
  LIGO_LOG         what is logged to stderr: error, warn, info, debug, or ligo_data=debug
  LIGO_SIMD        the best instructions to use: baseline, avx2, avx512, avx512-bf16 or amx
  NO_COLOR         no colours, not even on a terminal
  HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE
                   as the Hugging Face Hub's own programs read them

Exit codes:
  0    done
  2    an error; one message says where, what was found and what was expected
  130  stopped by Ctrl-C; the same command goes on
  `test` passes on the exit code of the check that failed"
)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an experiment: prepare its data, train what is not there yet, write table, curves and report
    ///
    /// Runs that are there with the same inputs are kept; runs whose inputs changed in the TOML are done again, and it is
    /// said why. Ctrl-C stops at the next step with a checkpoint, a second Ctrl-C at once; both lose nothing but the steps since
    /// the last checkpoint.
    #[command(after_help = "Examples:
  cargo xtask run quickstart
  cargo xtask run mine/wider.toml --threads 8
  cargo xtask run quickstart --set training.steps=300 --set methods.ligo.steps=20
  cargo xtask run quickstart --json > events.jsonl")]
    Run(Run),
    /// List the experiments, each with its state and one line
    List(List),
    /// List the methods that experiments can name: how each grows width and depth; or show one with its options
    #[command(after_help = "Examples:
  cargo xtask methods
  cargo xtask methods bert2bert")]
    Methods(Methods),
    /// Write the beginnings of something of your own
    #[command(subcommand)]
    New(New),
    /// Show an experiment before it runs: resolved TOML, parameters, FLOPs, memory and time to expect
    Show(Show),
    /// Rebuild table, curves and report of an experiment from the runs that are there, or compare several; trains nothing
    ///
    /// Of several experiments every row stands in one table and every curve in one figure, in results/compare/<one>+<other>/. Where
    /// they trained the same large model on the same data, savings against the first one's reference are told as well.
    #[command(after_help = "Examples:
  cargo xtask report quickstart
  cargo xtask report gpt2-mini gpt2-mini-operator")]
    Report(Report),
    /// Look at a checkpoint without reading its weights: sizes, parameters, FLOPs, types, growth spaces, what is missing
    ///
    /// Takes milliseconds whatever the size. Spaces are the widths that growing can change, each with the modules that make and
    /// read it.
    #[command(after_help = "Examples:
  cargo xtask inspect results/quickstart/runs/ligo-seed0/model
  cargo xtask inspect hf://openai-community/gpt2
  cargo xtask inspect checkpoint --json | jq .parameters.by_module")]
    Inspect(Inspect),
    /// Let a causal language model continue a text
    ///
    /// How tokens are picked is the checkpoint's generation_config.json to say, flags come first; where neither says it,
    /// temperature 0.8, top-k 50, top-p 0.95. Text comes as it is made, figures go to stderr.
    #[command(after_help = "Examples:
  cargo xtask generate results/quickstart/runs/ligo-seed0/model --prompt \"The parser\"
  cargo xtask generate openai-community/gpt2 --prompt \"Once upon a time\" --greedy
  cargo xtask generate checkpoint --prompt - --samples 3 --seed 7 < prompt.txt")]
    Generate(Generate),
    /// Grow a checkpoint into a larger one that is trained on from there, by any method (`cargo xtask methods` lists them)
    ///
    /// Reads a checkpoint, writes a larger one with everything that came with it and a card that says how it was made. Most methods
    /// need nothing else. ligo learns its operator on your data: text or images in Parquet, the last part of which is held out to
    /// measure losses on; Ctrl-C stops that with a checkpoint, and the same command goes on. Nothing is at --out before all of it
    /// is. --dry-run says what would happen, how much memory and how long it would take, and writes nothing.
    #[command(after_help = "Examples:
  cargo xtask grow --from owner/gpt2 --hidden-size 1536 --layers 24 --method lemon --out wide
  cargo xtask grow --from gpt2 --to medium/config.json --method ligo --data a.parquet --out b --dry-run
  cargo xtask grow --from bert --layers 24 --method g-stack --dtype bf16 --out deep
  cargo xtask grow --from deit --hidden-size 384 --method ligo --data images.parquet --out deit-small")]
    Grow(Box<Grow>),
    /// Let a masked language model fill in what is masked in a text
    ///
    /// The mask is written as the model has it, or [MASK] or <mask> for any. Each of several is filled by itself.
    #[command(after_help = "Examples:
  cargo xtask fill-mask google-bert/bert-base-uncased \"Paris is the [MASK] of France.\"
  cargo xtask fill-mask checkpoint \"A [MASK] and a <mask>.\" --top 3 --json")]
    FillMask(FillMask),
    /// Prepare or fetch data
    #[command(subcommand)]
    Data(Data),
    /// Measure speed and memory
    ///
    /// Without a subcommand all of them run one after the other: kernels, step, models, data, grow.
    #[command(args_conflicts_with_subcommands = true)]
    Bench(Bench),
    /// Run every check: formatting, clippy, unit, integration and doc tests, documentation; stops at the first that fails
    Test(Test),
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Also hold the models against transformers and timm themselves: fixtures made anew, exports loaded, a real checkpoint
    ///
    /// Makes a Python environment under target/python and fetches packages and a checkpoint (about a gigabyte) the first time.
    #[arg(long)]
    pub(crate) with_python: bool,
    /// An interpreter that has what crates/models/tests/fixtures/requirements.txt lists [default: one made under target/python]
    #[arg(long, value_name = "PATH", requires = "with_python")]
    pub(crate) python: Option<PathBuf>,
}

/// Which experiment, and where things lie.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// A name in experiments/ (quickstart) or the path of a TOML file
    pub(crate) experiment: String,
    /// Set a key of the TOML for this time: training.steps=300, methods.<label>.steps=20; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    #[command(flatten)]
    pub(crate) places: Places,
    /// Threads to compute with [default: the file's `threads`, or all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct Places {
    /// Directory that holds a directory of results per experiment [default: results/ of the workspace]
    #[arg(long, value_name = "DIR")]
    pub(crate) results: Option<PathBuf>,
    /// Directory for prepared data [default: data/ of the workspace]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Seconds between two checkpoints, the most that a kill can lose; of no consequence for the results
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    pub(crate) checkpoint_every: u64,
    /// Print nothing but the result and errors
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) quiet: bool,
    /// Print every event as a line of JSON to stdout, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Print a line of JSON per experiment
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Methods {
    /// Show this one in full
    pub(crate) method: Option<String>,
    /// Print a line of JSON per method
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum New {
    /// A growth method as a crate under crates/baselines: it compiles, passes its own tests, and runs in an experiment at once
    ///
    /// Writes the crate, an experiment that trains it beside scratch in seconds, and a line in each of the files that list the
    /// methods. What is there already is never changed but for that; if anything fails, nothing is left behind.
    #[command(after_help = "Examples:
  cargo xtask new baseline noisy-copy
  cargo test -p ligo-noisy-copy
  cargo xtask run noisy-copy")]
    Baseline {
        /// What experiment files call it: small letters and digits, words joined by dashes
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) which: Which,
    /// More experiments, to compare the first one with; --set holds for all of them
    #[arg(value_name = "EXPERIMENT")]
    pub(crate) others: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Count FLOPs in sequences of so many tokens [default: 1024, or as many as the model can read]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) sequence_length: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which checkpoint.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// A directory with config.json and model.safetensors, or owner/name or hf://owner/name@revision of the Hugging Face Hub
    pub(crate) checkpoint: String,
}

/// Which checkpoint, and how it is read.
#[derive(Debug, Args)]
pub(crate) struct Weights {
    /// A directory with config.json and model.safetensors, or owner/name or hf://owner/name@revision of the Hugging Face Hub
    pub(crate) checkpoint: String,
    /// Let infinities and NaN in weights through
    #[arg(long)]
    pub(crate) allow_nan: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    #[command(flatten)]
    pub(crate) weights: Weights,
    /// What to go on from; - reads it from stdin
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: String,
    /// How many tokens at most [default: the checkpoint's, or 50]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) max_new_tokens: Option<usize>,
    /// Divide logits by it: below 1 likelier tokens come more often, 0 always takes the likeliest
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub(crate) temperature: Option<f32>,
    /// Draw from the K likeliest tokens; 0 is all
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    pub(crate) top_k: Option<usize>,
    /// Draw from the likeliest tokens that together reach this probability; 1 is all
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub(crate) top_p: Option<f32>,
    /// Name the random numbers: the same seed gives the same text
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) seed: u64,
    /// How many texts; the first has the seed, each other the next one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) samples: u32,
    /// Always take the likeliest token
    #[arg(long, conflicts_with_all = ["temperature", "top_k", "top_p", "samples"])]
    pub(crate) greedy: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Grow {
    /// The checkpoint: a directory with config.json and model.safetensors, or owner/name or hf://owner/name@revision of the Hub
    #[arg(long, value_name = "CHECKPOINT")]
    pub(crate) from: String,
    /// The model that is wanted: a config.json, or a directory with one; in place of sizes
    #[arg(long, value_name = "PATH", conflicts_with_all = ["hidden_size", "layers", "heads", "key_value_heads", "intermediate_size"])]
    pub(crate) to: Option<PathBuf>,
    /// Width of the residual stream [default: as in the source]
    #[arg(long, value_name = "N")]
    pub(crate) hidden_size: Option<usize>,
    /// Number of layers [default: as in the source]
    #[arg(long, value_name = "N")]
    pub(crate) layers: Option<usize>,
    /// Attention heads [default: so many that they keep their length]
    #[arg(long, value_name = "N")]
    pub(crate) heads: Option<usize>,
    /// Heads of keys and values [default: as many heads share one as in the source]
    #[arg(long, value_name = "N")]
    pub(crate) key_value_heads: Option<usize>,
    /// Inner width of the MLP [default: in proportion to the hidden size]
    #[arg(long, value_name = "N")]
    pub(crate) intermediate_size: Option<usize>,
    /// By which method
    #[arg(long, value_name = "NAME")]
    pub(crate) method: String,
    /// Where the method's options take their defaults from (ligo: ligo, ligo-paper, ligo-published)
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// Set an option of the method, the value being TOML or else text; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Parquet files, or directories of them, to learn the operator on and to measure losses on
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) data: Vec<PathBuf>,
    /// The column of text, or of images [default: text; image or img]
    #[arg(long, value_name = "NAME", requires = "data")]
    pub(crate) column: Option<String>,
    /// The column of the images' classes [default: label, labels or fine_label]
    #[arg(long, value_name = "NAME", requires = "data")]
    pub(crate) label_column: Option<String>,
    /// Steps of learning the operator [default: the method's, 100 for ligo]
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<u64>,
    /// Sequences or images in a step of learning [default: the method's, or 8]
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<usize>,
    /// Tokens in a sequence [default: 128, or as many as the model can read]
    #[arg(long, value_name = "N")]
    pub(crate) sequence_length: Option<usize>,
    /// Learning rate of the operator [default: the method's]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub(crate) learning_rate: Option<f32>,
    /// Also write the learnt operator's factors, as factors.safetensors beside the weights
    #[arg(long)]
    pub(crate) save_factors: bool,
    /// The type of the numbers that are written [default: the source's]
    #[arg(long, value_enum)]
    pub(crate) dtype: Option<Dtype>,
    /// Name the random choices: the same seed grows the same model
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Where the grown checkpoint goes: a directory that is not there yet, or an empty one
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Say what would happen, with memory and time, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Threads to compute with [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Seconds between two checkpoints of learning, the most that a kill can lose; of no consequence for the result
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) checkpoint_every: u64,
}

/// A type of numbers in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dtype {
    /// 32 bits
    F32,
    /// 16 bits, 5 of them for the exponent
    F16,
    /// The upper 16 bits of an f32
    Bf16,
}

#[derive(Debug, Args)]
pub(crate) struct FillMask {
    #[command(flatten)]
    pub(crate) weights: Weights,
    /// A text with at least one mask
    pub(crate) text: String,
    /// How many candidates for each mask
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) top: u16,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// The English prose in the documentation of the crates that this workspace is built from, as Parquet
    ///
    /// Needs nothing but the sources that cargo has fetched anyway, and is the same for the same Cargo.lock. `run` makes it by
    /// itself where an experiment asks for it.
    CrateDocs {
        /// Directory for prepared data [default: data/ of the workspace]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Size of the byte-level BPE by which tokens are counted
        #[arg(long, value_name = "N", default_value_t = 1024)]
        vocab_size: usize,
    },
    /// Data sets of the Hugging Face Hub, as the TOML files in data/ describe them, fetched into data/<set>/
    ///
    /// Asks for sizes and hashes first, goes on where a download was cut, and gives a file its name once its hash is right. What is
    /// there already is checked and kept. Says which licence the Hub names. Ctrl-C stops; the same command goes on.
    #[command(after_help = "Examples:
  cargo xtask data fetch cifar10
  cargo xtask data fetch glue squad squad-v2
  HF_TOKEN=hf_… cargo xtask data fetch imagenet-1k

A gated set's conditions are accepted on its page, with the account whose token is sent.")]
    Fetch {
        /// Names of sets or of groups of them; `cargo xtask data list` shows all
        #[arg(required = true)]
        sets: Vec<String>,
        /// Directory with the descriptions, into which sets are fetched [default: data/ of the workspace]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// List the data sets that can be fetched: how much of each is here, its licence, and what it is for
    List {
        /// Directory with the descriptions and the sets [default: data/ of the workspace]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Print a line of JSON per set
        #[arg(long)]
        json: bool,
    },
}
