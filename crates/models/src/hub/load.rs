//! A checkpoint's weights, read into a model's parameters.

use super::Checkpoint;
use super::config::Keys;
use super::matching::Matching;
use super::resize::{Bicubic, resize, side};
use super::sizes::contradicted;
use crate::checkpoint::{NotFinite, StoredTensor, TensorFile, tensor_of};
use crate::{Model, ModelConfig, ModelError, Naming, ParamSpec, Parameters, Result, Space};
use ligo_kernels::{Kernels, Matrix};

/// A configuration may make a grid of position embeddings so many times as high and wide as the stored one; whoever wants more
/// says so in [`LoadOptions`].
const MOST_BY_CONFIG: usize = 8;

/// How a checkpoint is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Whether infinities and NaN in weights are let through; they are an error else.
    pub allow_nan: bool,
    /// Height and width of the images that the model shall read, if not what its configuration says. Models of images only.
    pub image_size: Option<usize>,
}

/// Where a parameter's values come from.
struct Source {
    /// The tensor's number in the order of the files.
    tensor: usize,
    /// Others that must hold the same values.
    copies: Vec<usize>,
    /// Sides of the stored and the wanted grid, where they differ.
    grids: Option<(usize, usize)>,
}

impl Checkpoint {
    /// Reads the weights, whatever their type, as f32.
    ///
    /// Every parameter must be there in its shape. Passed over are second copies of tied tensors, if they are equal, buffers, and
    /// heads that the model does not have; [`Checkpoint::unexpected`] lists those two. Position embeddings of images of another
    /// size are resized as `transformers` and `timm` do it. At no time is more in memory than the parameters and one tensor.
    ///
    /// # Errors
    /// As [`Checkpoint::model`]; [`ModelError::Parameter`] for the first tensor that does not fit, before any is read;
    /// [`ModelError::NotFinite`] for the first that holds what is no finite number; [`ModelError::Config`] for an image size that
    /// cannot be; [`ModelError::Kernel`] if the device has no memory for a tensor.
    pub fn load<D: Kernels>(&self, device: &D, options: &LoadOptions) -> Result<(Model, Parameters<D>)> {
        let model = match options.image_size {
            None => self.model()?,
            size => self.model_of(ModelConfig { image_size: size, ..self.config().clone() }).map_err(|error| {
                // What was asked for is not in the file.
                let asked = matches!(error, ModelError::Config { field: "image_size", .. });
                if asked { error } else { self.in_the_files_words(error) }
            })?,
        };
        let sources = self.sources(&model, options.image_size.is_some())?;
        let not_finite = if options.allow_nan { NotFinite::Allowed } else { NotFinite::Refused };
        for file in &self.files {
            file.will_read();
        }
        let mut in_file_order: Vec<usize> = (0..sources.len()).collect();
        in_file_order.sort_unstable_by_key(|&i| sources[i].tensor);
        let mut tensors: Vec<Option<Matrix<D>>> = (0..sources.len()).map(|_| None).collect();
        for i in in_file_order {
            let spec = &model.specs()[i];
            let values = self.values(&sources[i], model.config(), spec, not_finite)?;
            tensors[i] = Some(tensor_of(spec, values, device)?);
        }
        let parameters = Parameters::new(model.specs().clone(), tensors.into_iter().flatten().collect())?;
        Ok((model, parameters))
    }

    /// Holds all names, shapes and types against the model, as [`Checkpoint::load`] does before it reads a value: says whether the
    /// checkpoint can be loaded, but for what its values are.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn check(&self) -> Result<()> {
        self.sources(&self.model()?, false).map(drop)
    }

    /// Finds every parameter's tensors and holds their shapes and types against the model, without reading any.
    fn sources(&self, model: &Model, size_was_asked_for: bool) -> Result<Vec<Source>> {
        let Matching { sources, unknown, .. } = self.matching(model);
        for (spec, sources) in model.specs().iter().zip(&sources) {
            if sources.is_empty() {
                let expected = format!("one of shape {:?} for this parameter of the model", spec.stored_shape());
                return Err(self.files[0].refuse(&spec.name, "no such tensor", &expected));
            }
        }
        if let Some(&tensor) = unknown.first() {
            let (file, tensor) = self.tensor(tensor);
            return Err(file.refuse(&tensor.name, "a tensor in the file", "none: the model has no such parameter"));
        }
        let source = |(spec, numbers): (&ParamSpec, Vec<usize>)| {
            let grids = numbers.iter().map(|&i| {
                let (file, tensor) = self.tensor(i);
                file.check_type(tensor)?;
                grids(model.config(), self.keys(), spec, (file, tensor), size_was_asked_for)
            });
            // All copies of a tensor have its shape, or are refused for their own.
            let grids = grids.collect::<Result<Vec<_>>>()?;
            Ok(Source { tensor: numbers[0], copies: numbers[1..].to_vec(), grids: grids[0] })
        };
        model.specs().iter().zip(sources).map(source).collect()
    }

    fn values(
        &self,
        source: &Source,
        config: &ModelConfig,
        spec: &ParamSpec,
        not_finite: NotFinite,
    ) -> Result<Vec<f32>> {
        let (file, tensor) = self.tensor(source.tensor);
        let values = file.values(tensor, not_finite)?;
        for &copy in &source.copies {
            let (other_file, other) = self.tensor(copy);
            let equal = if other.dtype == tensor.dtype {
                other_file.bytes(other) == file.bytes(tensor)
            } else {
                other_file.values(other, not_finite)? == values
            };
            if !equal {
                let found = format!("other values than {} has", tensor.name);
                let expected = "equal ones, since the two are one tensor in this model";
                return Err(other_file.refuse(&other.name, &found, expected));
            }
            other_file.release(other);
            file.release(tensor);
        }
        let Some((old, new)) = source.grids else { return Ok(values) };
        let kind = if config.naming == Naming::Timm { Bicubic::Timm } else { Bicubic::Hub };
        Ok(resize(&values, config.prefix_tokens(), old, new, spec.matrix_shape().1, kind))
    }
}

/// Whether a tensor has the shape that a parameter is stored in; for the positions of images also the sides of the grid that it
/// has and of the one that it must have, if they differ.
fn grids(
    config: &ModelConfig,
    keys: Keys<'_>,
    spec: &ParamSpec,
    (file, tensor): (&TensorFile, &StoredTensor),
    size_was_asked_for: bool,
) -> Result<Option<(usize, usize)>> {
    let expected = spec.stored_shape();
    if *tensor.shape == *expected {
        return Ok(None);
    }
    let found = format!("shape {:?}", tensor.shape);
    let positions = spec.axes.first().is_some_and(|axis| axis.spaces == [Space::Position]);
    if positions && config.family.reads_images() && tensor.shape.len() == expected.len() {
        let rows = tensor.shape.len() - 2;
        let same = (0..expected.len()).all(|i| i == rows || tensor.shape[i] == expected[i]);
        let grid = |shape: &[usize]| shape[rows].checked_sub(config.prefix_tokens()).and_then(side);
        if let (true, Some(old), Some(new)) = (same, grid(&tensor.shape), grid(expected))
            && (size_was_asked_for || new <= MOST_BY_CONFIG * old)
        {
            return Ok(Some((old, new)));
        }
    }
    let expected = match contradicted(config, keys, spec, &tensor.shape) {
        Some(keys) => format!("{expected:?} by {keys} in config.json"),
        None => format!("{expected:?}"),
    };
    Err(file.refuse(&tensor.name, &found, &expected))
}
