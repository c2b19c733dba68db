//! Grown checkpoints for others to load: `cargo xtask test --with-python` runs these, and `check_grown.py` and `minilm.py` in the
//! models' fixtures read what they write. What each method promises of itself, `methods/` holds it to; here the question is
//! whether a grown model is one that `transformers` and `timm` know.
//!
//! A tree of grown checkpoints has a list at its root, `grown.json`: `[{method, options, guarantee, source, grown}]`, where `source` is
//! the folder of the small checkpoint, `grown` that of the large one within the tree, and `guarantee` is `function`, `layers` or
//! `nothing`. In each large one lies a `reference.safetensors`, as in the fixtures: the inputs of the small one's, and our logits.

use ligo_experiment::methods;
use ligo_growth::testing::grown_by;
use ligo_growth::{Guarantee, Method, Task};
use ligo_kernels::Cpu;
use ligo_models::hub::{self, Checkpoint, ExportOptions};
use ligo_models::{Family, Images, Inputs, Model, ModelConfig, Parameters, Tokens};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One head of each family, and key and value heads that are fewer.
const SOURCES: [&str; 13] = [
    "bert-masked-lm-plain",
    "roberta-masked-lm-plain",
    "gpt2-plain",
    "llama-tied",
    "llama-grouped-3-on-1",
    "llama-grouped-6-on-2",
    "mistral-window",
    "qwen2-plain",
    "qwen3-plain",
    "vit-plain",
    "deit-plain",
    "timm-deit-plain",
    "timm-cait-plain",
];

/// What methods are asked with: nothing, and what makes some keep the function in depth or in width. Who does not know it refuses it.
const OPTIONS: [&str; 4] = ["", "depth = 'identity'", "draw = 'balanced'", "depth = 'identity'\ndraw = 'balanced'"];

/// The path that an environment variable names.
fn path_in(variable: &str) -> PathBuf {
    std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run by cargo xtask test")).into()
}

/// The list's entry of one grown checkpoint.
#[derive(Serialize)]
struct Pair {
    method: &'static str,
    options: &'static str,
    guarantee: &'static str,
    source: PathBuf,
    grown: String,
}

/// A small checkpoint.
struct Source {
    checkpoint: Checkpoint,
    model: Model,
    parameters: Parameters<Cpu>,
}

impl Source {
    fn read(directory: &Path) -> Self {
        let checkpoint = hub::open(directory).unwrap();
        let (model, parameters) = checkpoint.load(&Cpu::default(), &Default::default()).unwrap();
        Self { checkpoint, model, parameters }
    }

    /// Twice as many units or layers along the axes that are to grow; a head keeps its size.
    fn doubled(&self, width: usize, depth: usize) -> ModelConfig {
        let small = self.model.config();
        let mut large = small.clone();
        large.head_dim = Some(small.head_dim()).filter(|_| small.family.is_llama_style());
        large.hidden_size *= width;
        large.num_attention_heads *= width;
        large.num_key_value_heads = small.num_key_value_heads.map(|heads| heads * width);
        large.intermediate_size = Some(small.intermediate_size() * width);
        large.class_intermediate_size = small.class_intermediate_size.map(|size| size * width);
        large.num_hidden_layers *= depth;
        large
    }
}

/// A growth that a method agrees to.
struct Agreed {
    options: &'static str,
    task: Task,
    guarantee: Guarantee,
}

impl Agreed {
    /// The growths to these sizes that a method agrees to, with each of [`OPTIONS`].
    fn all(method: &dyn Method<Cpu>, small: &ModelConfig, large: &[ModelConfig]) -> Vec<Self> {
        let mut agreed = Vec::new();
        for large in large {
            for options in OPTIONS {
                let table: toml::Table = options.parse().unwrap();
                let task = Task { small: small.clone(), large: large.clone(), steps: 600 };
                let Ok(_) = method.recipe(&table, &task) else { continue };
                let guarantee = method.guarantee(&table, &task).unwrap();
                agreed.push(Self { options, task, guarantee });
            }
        }
        agreed
    }

    fn keeps_the_function(&self) -> bool {
        self.guarantee == Guarantee::Function
    }

    /// Grows `source`, and writes it as `cargo xtask grow` does.
    fn write(&self, method: &dyn Method<Cpu>, source: &Source, tree: &Path, name: String) -> (Grown, Pair) {
        let recipe = method.recipe(&self.options.parse().unwrap(), &self.task).unwrap();
        let (model, parameters) = grown_by(&recipe, &source.model, &source.parameters, 7);
        let options = ExportOptions { from: Some(&source.checkpoint), ..Default::default() };
        let directory = tree.join(&name);
        std::fs::create_dir_all(&directory).unwrap();
        hub::export(&directory, &model, &parameters, &options).unwrap();
        let guarantee = match self.guarantee {
            Guarantee::Function => "function",
            Guarantee::Layers(_) => "layers",
            Guarantee::Nothing(_) => "nothing",
        };
        let source = source.checkpoint.directory().to_owned();
        let pair = Pair { method: method.name(), options: self.options, guarantee, source, grown: name };
        (Grown { model, parameters, directory }, pair)
    }
}

/// A large model and where it was written.
struct Grown {
    model: Model,
    parameters: Parameters<Cpu>,
    directory: PathBuf,
}

impl Grown {
    /// Writes its logits beside it, for those inputs of the small model's reference that have targets: the others are images of
    /// another size, which is the small model's own affair.
    fn write_reference(&self, small: &Path) {
        let bytes = std::fs::read(small.join("reference.safetensors")).unwrap();
        let given = SafeTensors::deserialize(&bytes).unwrap();
        let mut written: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
        let names = given.names();
        for input in names.iter().filter_map(|name| name.strip_suffix(".targets")).filter(|name| !name.contains('.')) {
            for part in ["input_ids", "token_types", "real_tokens", "pixels", "targets"] {
                let name = format!("{input}.{part}");
                if let Ok(tensor) = given.tensor(&name) {
                    written.insert(name, (tensor.dtype(), tensor.shape().to_vec(), tensor.data().to_vec()));
                }
            }
            let logits = self.model.logits(&self.parameters, &inputs(&given, input)).unwrap().as_vec();
            assert!(logits.iter().all(|logit| logit.is_finite()), "{}: {input}", self.directory.display());
            let shape = given.tensor(&format!("{input}.logits")).unwrap().shape().to_vec();
            let bytes = logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
            written.insert(format!("{input}.logits"), (Dtype::F32, shape, bytes));
        }
        assert!(!written.is_empty(), "{}", small.display());
        let views = written
            .iter()
            .map(|(name, (dtype, shape, bytes))| (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
        let bytes = serialize(views, None).unwrap();
        std::fs::write(self.directory.join("reference.safetensors"), bytes).unwrap();
    }
}

/// The tokens or images of one input of a reference.
fn inputs(reference: &SafeTensors<'_>, input: &str) -> Inputs {
    let values = |part: &str| {
        let tensor = reference.tensor(&format!("{input}.{part}")).ok()?;
        let numbers: Vec<[u8; 4]> = tensor.data().chunks_exact(4).map(|bytes| bytes.try_into().unwrap()).collect();
        Some((numbers, tensor.shape().to_vec()))
    };
    let ids = |part: &str| values(part).map(|(ids, _)| ids.into_iter().map(u32::from_le_bytes).collect::<Vec<u32>>());
    let Some((_, shape)) = values("input_ids") else {
        let (pixels, shape) = values("pixels").expect("tokens or images");
        return Inputs::Images(Images {
            pixels: pixels.into_iter().map(f32::from_le_bytes).collect(),
            batch_size: shape[0],
        });
    };
    Inputs::Tokens(Tokens {
        input_ids: ids("input_ids").expect("their shape is there"),
        token_types: ids("token_types"),
        real_tokens: ids("real_tokens").map(|flags| flags.iter().map(|&flag| flag != 0).collect()),
        batch_size: shape[0],
        sequence_length: shape[1],
    })
}

/// Empties the tree, and writes its list when all is in it.
fn write_tree(tree: &Path, fill: impl FnOnce() -> Vec<Pair>) {
    if tree.exists() {
        std::fs::remove_dir_all(tree).unwrap();
    }
    std::fs::create_dir_all(tree).unwrap();
    let pairs = fill();
    std::fs::write(tree.join("grown.json"), serde_json::to_string_pretty(&pairs).unwrap()).unwrap();
}

/// Every method on every source: the first growth that it agrees to (in both axes, in depth or in width alone), and the first that
/// keeps the function, if that is another.
#[test]
#[ignore = "writes for a Python script to read: cargo xtask test --with-python"]
fn every_method_grows_a_checkpoint_of_every_family_for_others_to_load() {
    let tree = path_in("LIGO_GROWN");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/fixtures").canonicalize().unwrap();
    let methods = methods::<Cpu>();
    write_tree(&tree, || {
        let (mut pairs, mut used, mut families) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for name in SOURCES {
            let source = Source::read(&fixtures.join(name));
            families.insert(source.model.config().family.name());
            let large = [source.doubled(2, 2), source.doubled(1, 2), source.doubled(2, 1)];
            for method in &methods {
                let agreed = Agreed::all(method.as_ref(), source.model.config(), &large);
                let Some(first) = agreed.first() else { continue };
                used.insert(method.name());
                let exact = agreed.iter().find(|agreed| agreed.keeps_the_function());
                let exact = exact.filter(|_| !first.keeps_the_function());
                for (kind, agreed) in [("first", Some(first)), ("exact", exact)] {
                    let Some(agreed) = agreed else { continue };
                    let grown = format!("{name}-{}-{kind}", method.name());
                    let (grown, pair) = agreed.write(method.as_ref(), &source, &tree, grown);
                    grown.write_reference(source.checkpoint.directory());
                    pairs.push(pair);
                }
            }
        }
        assert_eq!(families, Family::ALL.iter().map(|family| family.name()).collect());
        assert_eq!(used, methods.iter().map(|method| method.name()).collect(), "methods that grow something");
        pairs
    });
}

/// What `minilm.py` says of the checkpoint that it fetched.
#[derive(Deserialize)]
struct Real {
    checkpoint: PathBuf,
}

/// 6 × 384 to 12 × 768 with heads of 32, by all that keep the function: what embeddings that keeps, `minilm.py` sees.
#[test]
#[ignore = "grows a checkpoint that a Python script fetches: cargo xtask test --with-python"]
fn a_real_checkpoint_grows_by_every_method_that_keeps_its_function() {
    let text = std::fs::read_to_string(path_in("LIGO_REAL_CHECKPOINT")).unwrap();
    let real: Real = serde_json::from_str(&text).unwrap();
    let tree = path_in("LIGO_GROWN");
    write_tree(&tree, || {
        let source = Source::read(&real.checkpoint);
        let large = source.doubled(2, 2);
        assert_eq!((large.num_hidden_layers, large.hidden_size, large.num_attention_heads), (12, 768, 24));
        let mut pairs = Vec::new();
        for method in methods::<Cpu>() {
            let agreed = Agreed::all(method.as_ref(), source.model.config(), std::slice::from_ref(&large));
            let Some(exact) = agreed.iter().find(|agreed| agreed.keeps_the_function()) else { continue };
            pairs.push(exact.write(method.as_ref(), &source, &tree, method.name().to_owned()).1);
        }
        assert!(pairs.len() >= 3, "{} methods keep the function", pairs.len());
        pairs
    });
}
