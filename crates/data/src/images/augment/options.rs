//! What may be done to training images, as plain options.

use super::{Crop, Erasing, Mixing, RandAugment};
use crate::DataError;
use serde::{Deserialize, Serialize};

/// How training images are augmented: a table of TOML, in which whatever is left out is not done. Nothing is the default.
///
/// [`deit`](Self::deit) is the recipe of DeiT and CaiT:
///
/// ```toml
/// crop = {}               # random resized crop: area 0.08 to 1, width over height ¾ to 4/3
/// flip = 0.5
/// rand_augment = {}       # timm's rand-m9-mstd0.5-inc1
/// erasing = {}            # a quarter of the images, mode pixel
/// mixing = {}             # Mixup 0.8 or CutMix 1.0, each for half of the batches
/// label_smoothing = 0.1
/// repeats = 3
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// A random part, resized; if left out, the whole image as in validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop: Option<Crop>,
    /// Share of the images that are mirrored, left for right.
    pub flip: f64,
    /// Random operations on colours and place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rand_augment: Option<RandAugment>,
    /// A random rectangle filled with noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erasing: Option<Erasing>,
    /// Mixup and CutMix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixing: Option<Mixing>,
    /// What of a target is spread evenly over all labels (ε), 0 to 1.
    pub label_smoothing: f64,
    /// How often an image is met in a row, each time augmented anew.
    pub repeats: u64,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            crop: None,
            flip: 0.0,
            rand_augment: None,
            erasing: None,
            mixing: None,
            label_smoothing: 0.0,
            repeats: 1,
        }
    }
}

impl Augmentation {
    /// What DeiT and CaiT were trained with (PAPER.md 3.3; the defaults of facebookresearch/deit `main.py`). Colour jitter,
    /// which it names too, is switched off by timm beside RandAugment.
    pub fn deit() -> Self {
        Self {
            crop: Some(Crop::default()),
            flip: 0.5,
            rand_augment: Some(RandAugment::default()),
            erasing: Some(Erasing::default()),
            mixing: Some(Mixing::default()),
            label_smoothing: 0.1,
            repeats: 3,
        }
    }

    /// # Errors
    /// An option out of its range.
    pub fn check(&self) -> Result<(), DataError> {
        self.crop.map_or(Ok(()), |crop| crop.check())?;
        share("augmentation.flip", self.flip)?;
        self.rand_augment.map_or(Ok(()), |rand_augment| rand_augment.check())?;
        self.erasing.map_or(Ok(()), |erasing| erasing.check())?;
        self.mixing.map_or(Ok(()), |mixing| mixing.check())?;
        share("augmentation.label_smoothing", self.label_smoothing)?;
        match self.repeats {
            1..=MOST_REPEATS => Ok(()),
            _ => Err(refused("augmentation.repeats", self.repeats, &format!("1 to {MOST_REPEATS}"))),
        }
    }
}

/// Beyond, a pass over the images would not end.
const MOST_REPEATS: u64 = 1000;

pub(super) fn refused(option: &'static str, found: impl ToString, expected: &str) -> DataError {
    DataError::Option { option, found: found.to_string(), expected: expected.to_owned() }
}

/// Refuses what is no share.
pub(super) fn share(option: &'static str, share: f64) -> Result<(), DataError> {
    range(option, [share; 2], [0.0, 1.0])
}

/// Refuses a range, or a number twice, that does not lie within `bounds`.
pub(super) fn range(option: &'static str, [low, high]: [f64; 2], bounds: [f64; 2]) -> Result<(), DataError> {
    if bounds[0] <= low && low <= high && high <= bounds[1] {
        return Ok(());
    }
    let within = match bounds {
        [least, f64::MAX] => format!("{least} or more"),
        [least, most] => format!("{least} to {most}"),
    };
    match low == high || low.is_nan() {
        true => Err(refused(option, low, &within)),
        false => Err(refused(option, format!("[{low}, {high}]"), &format!("smallest and largest, {within}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Augmentation, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn nothing_is_the_default_and_empty_tables_are_the_recipe_of_deit() {
        assert_eq!(read("{}").unwrap(), Augmentation::default());
        let recipe = r#"{"crop": {}, "flip": 0.5, "rand_augment": {}, "erasing": {}, "mixing": {},
            "label_smoothing": 0.1, "repeats": 3}"#;
        assert_eq!(read(recipe).unwrap(), Augmentation::deit());
        for augmentation in [Augmentation::default(), Augmentation::deit()] {
            augmentation.check().unwrap();
            assert_eq!(read(&serde_json::to_string(&augmentation).unwrap()).unwrap(), augmentation);
        }
    }

    #[test]
    fn unknown_keys_are_refused_at_every_depth() {
        for json in ["", "crop", "rand_augment", "erasing", "mixing"].map(|table| match table {
            "" => r#"{"flipp": 1}"#.to_owned(),
            _ => format!(r#"{{"{table}": {{"flipp": 1}}}}"#),
        }) {
            let message = read(&json).unwrap_err().to_string();
            assert!(message.contains("unknown field `flipp`"), "{message}");
        }
    }

    #[test]
    fn options_out_of_range_are_refused_by_name() {
        let cases = [
            (r#"{"flip": 1.5}"#, "augmentation.flip = 1.5, expected 0 to 1"),
            (r#"{"label_smoothing": -0.1}"#, "augmentation.label_smoothing = -0.1, expected 0 to 1"),
            (r#"{"repeats": 0}"#, "augmentation.repeats = 0, expected 1 to 1000"),
            (
                r#"{"crop": {"scale": [0.5, 0.2]}}"#,
                "augmentation.crop.scale = [0.5, 0.2], expected smallest and largest, 0 to 1",
            ),
            (
                r#"{"crop": {"scale": [0.5, 1.2]}}"#,
                "augmentation.crop.scale = [0.5, 1.2], expected smallest and largest, 0 to 1",
            ),
            (
                r#"{"crop": {"ratio": [0, 1]}}"#,
                "augmentation.crop.ratio = 0, expected smallest and largest, both above 0",
            ),
            (r#"{"rand_augment": {"magnitude": 11}}"#, "augmentation.rand_augment.magnitude = 11, expected 0 to 10"),
            (
                r#"{"rand_augment": {"magnitude_std": -1}}"#,
                "augmentation.rand_augment.magnitude_std = -1, expected 0 or more",
            ),
            (r#"{"rand_augment": {"operations": 0}}"#, "augmentation.rand_augment.operations = 0, expected 1 or more"),
            (r#"{"rand_augment": {"probability": 2}}"#, "augmentation.rand_augment.probability = 2, expected 0 to 1"),
            (r#"{"erasing": {"probability": 2}}"#, "augmentation.erasing.probability = 2, expected 0 to 1"),
            (
                r#"{"erasing": {"area": [-1, 1]}}"#,
                "augmentation.erasing.area = [-1, 1], expected smallest and largest, 0 to 1",
            ),
            (
                r#"{"erasing": {"aspect": [0, 1]}}"#,
                "augmentation.erasing.aspect = 0, expected smallest and largest, both above 0",
            ),
            (r#"{"mixing": {"mixup": -1}}"#, "augmentation.mixing.mixup = -1, expected 0.001 to 1000000"),
            (r#"{"mixing": {"cutmix": -1}}"#, "augmentation.mixing.cutmix = -1, expected 0.001 to 1000000"),
            (r#"{"mixing": {"probability": 2}}"#, "augmentation.mixing.probability = 2, expected 0 to 1"),
            (r#"{"mixing": {"switch_probability": 2}}"#, "augmentation.mixing.switch_probability = 2, expected 0 to 1"),
            (
                r#"{"mixing": {"mixup": 0, "cutmix": 0}}"#,
                "augmentation.mixing = mixup 0 and cutmix 0, expected one of them above 0, or no table",
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(read(json).unwrap().check().unwrap_err().to_string(), expected);
        }
    }
}
