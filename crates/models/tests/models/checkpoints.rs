//! Weights in files: there and back, from other programs, and broken.

mod files;
mod reading;
mod refusals;
mod writing;

use ligo_kernels::Cpu;
use ligo_models::{Model, ModelConfig, Parameters, hub};
use safetensors::tensor::{TensorView, serialize};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

/// A tensor of a file.
#[derive(Clone, PartialEq)]
struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?}", self.name, self.dtype, self.shape)
    }
}

impl Tensor {
    /// Zeros in f32.
    fn zeros(name: &str, shape: &[usize]) -> Self {
        let bytes = vec![0; 4 * shape.iter().product::<usize>()];
        Self { name: name.to_owned(), dtype: Dtype::F32, shape: shape.into(), bytes }
    }
}

/// A directory that is removed in the end.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// The names of its files, sorted.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Writes tensors as another program would.
    fn store(&self, file: &str, tensors: &[Tensor]) {
        let views = tensors
            .iter()
            .map(|Tensor { name, dtype, shape, bytes }| (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
        fs::write(self.file(file), serialize(views, None).unwrap()).unwrap();
    }

    fn store_config(&self, config: &Value) {
        fs::write(self.file("config.json"), config.to_string()).unwrap();
    }

    /// Writes a checkpoint as another program would.
    fn store_checkpoint(&self, config: &ModelConfig, tensors: &[Tensor]) {
        self.store_config(&config.to_hub_json(None));
        self.store("model.safetensors", tensors);
    }

    /// Writes a checkpoint in two shards: the first tensor, and all others.
    fn store_shards(&self, config: &ModelConfig, tensors: &[Tensor]) {
        self.store_config(&config.to_hub_json(None));
        self.store("one.safetensors", &tensors[..1]);
        self.store("two.safetensors", &tensors[1..]);
        let shard = |i| if i == 0 { "one.safetensors" } else { "two.safetensors" };
        let map = tensors.iter().enumerate().map(|(i, t)| (t.name.clone(), Value::from(shard(i)))).collect();
        self.store_index(&json!({ "metadata": { "total_size": 1 }, "weight_map": Value::Object(map) }));
    }

    fn store_index(&self, index: &Value) {
        fs::write(self.file("model.safetensors.index.json"), index.to_string()).unwrap();
    }

    fn import(&self) -> Result<(Model, Parameters<Cpu>), String> {
        hub::import(self.path(), &Cpu::default()).map_err(|error| error.to_string())
    }
}

/// The parameters as they are stored.
fn stored(parameters: &Parameters<Cpu>) -> Vec<Tensor> {
    let tensors = parameters.specs().iter().zip(parameters.tensors());
    let stored = tensors.map(|(spec, tensor)| Tensor {
        name: spec.name.clone(),
        dtype: Dtype::F32,
        shape: spec.stored_shape().into(),
        bytes: tensor.as_vec().iter().flat_map(|value| value.to_le_bytes()).collect(),
    });
    stored.collect()
}

/// What a file holds, sorted by name.
fn tensors_of(path: &Path) -> Vec<Tensor> {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |(name, view): (&str, TensorView<'_>)| Tensor {
        name: name.to_owned(),
        dtype: view.dtype(),
        shape: view.shape().into(),
        bytes: view.data().into(),
    };
    let mut tensors: Vec<Tensor> = file.iter().map(tensor).collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    tensors
}

fn bits(parameters: &Parameters<Cpu>) -> Vec<Vec<u32>> {
    parameters.tensors().iter().map(|t| t.as_vec().iter().map(|v| v.to_bits()).collect()).collect()
}

/// The checkpoints that `transformers` and `timm` have written.
fn fixtures() -> Vec<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let index: Value = serde_json::from_str(&fs::read_to_string(all.join("index.json")).unwrap()).unwrap();
    let cases = index["cases"].as_array().unwrap();
    cases.iter().map(|case| all.join(case["folder"].as_str().unwrap())).collect()
}

fn fixture(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    assert!(path.is_dir(), "{name}");
    path
}
