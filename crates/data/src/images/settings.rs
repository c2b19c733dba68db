//! What a checkpoint says of how its images are prepared: `preprocessor_config.json` of transformers, or the
//! `pretrained_cfg` in timm's `config.json`.

use super::preprocessing::{Margin, Preprocessing, Resized};
use super::resample::Filter;
use crate::DataError;
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};

const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];

impl Preprocessing {
    /// As the checkpoint in `directory` says, for a model with `channels` channels and images of `side` × `side` pixels.
    ///
    /// | found | what it gives |
    /// |---|---|
    /// | `preprocessor_config.json` | `resample`, `size`, `crop_size` if `do_center_crop`, `rescale_factor` if `do_rescale`, `image_mean` and `image_std` if `do_normalize`; for what it lacks the defaults of the class that it names: ViT's are bilinear, ½ and ½ at the whole size; DeiT's bicubic, ½ and ½ at the middle 224 of 256 |
    /// | `pretrained_cfg` in `config.json` | `interpolation`, `crop_pct`, `crop_mode`, `mean`, `std`; for what it lacks timm's defaults: bicubic, the middle 0.875, ImageNet's mean and deviation |
    /// | neither | [`new`](Self::new) |
    ///
    /// If the model's images are of another size than the file's, the size before cutting changes in proportion.
    /// `do_resize = false` makes no difference: images that already have the size are left as they are.
    ///
    /// # Errors
    /// As for [`new`](Self::new); a file that cannot be read or is no JSON, a value that cannot be followed, a mean or
    /// deviation of another number of channels.
    pub fn of_checkpoint(directory: &Path, channels: usize, side: usize) -> Result<Self, DataError> {
        let standard = Self::new(channels, side)?;
        if let Some(file) = Settings::open(directory.join("preprocessor_config.json"))? {
            return file.of_transformers(standard);
        }
        match Settings::open(directory.join("config.json"))?.and_then(|file| file.within("pretrained_cfg")) {
            Some(file) => file.of_timm(standard),
            None => Ok(standard),
        }
    }
}

/// A JSON object of a file, and the keys that lead to it.
struct Settings {
    path: PathBuf,
    prefix: String,
    values: Value,
}

impl Settings {
    /// None if there is no such file.
    fn open(path: PathBuf) -> Result<Option<Self>, DataError> {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DataError::io("read", &path)(error)),
        };
        match serde_json::from_str(&text) {
            Ok(values @ Value::Object(_)) => Ok(Some(Self { path, prefix: String::new(), values })),
            Ok(other) => Err(refused(path, "the file", &other, "a JSON object")),
            Err(error) => Err(refused(path, "the file", &Value::String(error.to_string()), "a JSON object")),
        }
    }

    /// The object under a key, if it is one.
    fn within(self, key: &str) -> Option<Self> {
        let values = self.values.get(key)?.clone();
        values.is_object().then(|| Self { path: self.path, prefix: format!("{}{key}.", self.prefix), values })
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    fn refuse(&self, key: &str, expected: &str) -> DataError {
        let key_in_file = format!("{}{key}", self.prefix);
        refused(self.path.clone(), &key_in_file, self.values.get(key).unwrap_or(&Value::Null), expected)
    }

    fn of_transformers(&self, standard: Preprocessing) -> Result<Preprocessing, DataError> {
        let class = ["image_processor_type", "feature_extractor_type"].iter().find_map(|key| self.get(key)?.as_str());
        let is_vit = class.is_some_and(|class| class.starts_with("ViT"));
        let is_deit = class.is_some_and(|class| class.starts_with("DeiT"));
        let resized = match self.size("size")? {
            Some(size) => size,
            None if is_deit => Resized::Square(256),
            None => Resized::Square(standard.side),
        };
        let cut = match self.flag("do_center_crop", is_deit)? {
            false => None,
            true => match self.size("crop_size")? {
                Some(Resized::Square(side)) => Some(side),
                Some(Resized::ShorterSide(_)) => return Err(self.refuse("crop_size", "a number, or height and width")),
                None => Some(224),
            },
        };
        let rescale_factor = match self.flag("do_rescale", true)? {
            true => self.number("rescale_factor")?.unwrap_or(standard.rescale_factor),
            false => 1.0,
        };
        let (mean, std) = match self.flag("do_normalize", true)? {
            true => (self.channels("image_mean", &standard.mean)?, self.channels("image_std", &standard.std)?),
            false => (vec![0.0; standard.mean.len()], vec![1.0; standard.std.len()]),
        };
        let filter = match self.get("resample").map(Value::as_i64) {
            None if is_vit => Filter::Bilinear,
            None => standard.filter,
            Some(Some(1)) => Filter::Lanczos,
            Some(Some(2)) => Filter::Bilinear,
            Some(Some(3)) => Filter::Bicubic,
            Some(_) => return Err(self.refuse("resample", "1 (Lanczos), 2 (bilinear) or 3 (bicubic)")),
        };
        let resized = self.in_proportion(resized, cut, standard.side)?;
        Ok(Preprocessing { resized, filter, rescale_factor, mean, std, ..standard })
    }

    /// The size before cutting for a model of `side`, when the file cuts `cut` out of `resized`.
    fn in_proportion(&self, resized: Resized, cut: Option<usize>, side: usize) -> Result<Resized, DataError> {
        let scaled = |size: usize| {
            let cut = cut.unwrap_or(size);
            match size >= cut {
                true => Ok((size * side + cut / 2) / cut),
                false => Err(self.refuse("size", &format!("at least the crop_size {cut}"))),
            }
        };
        match (resized, cut) {
            (Resized::Square(size), _) => Ok(Resized::Square(scaled(size)?)),
            (Resized::ShorterSide(size), Some(_)) => Ok(Resized::ShorterSide(scaled(size)?)),
            (Resized::ShorterSide(_), None) => {
                Err(self.refuse("size", "height and width, as without do_center_crop the images must come out square"))
            }
        }
    }

    fn of_timm(&self, standard: Preprocessing) -> Result<Preprocessing, DataError> {
        let filter = match self.get("interpolation").map(|value| value.as_str()) {
            None | Some(Some("bicubic")) => Filter::Bicubic,
            Some(Some("bilinear")) => Filter::Bilinear,
            Some(Some("lanczos")) => Filter::Lanczos,
            Some(_) => return Err(self.refuse("interpolation", "bicubic, bilinear or lanczos")),
        };
        let share = self.number("crop_pct")?.unwrap_or(0.875);
        // timm rounds down.
        let size = (standard.side as f64 / share) as usize;
        if !(share > 0.01 && size >= standard.side) {
            return Err(self.refuse("crop_pct", "a share of the image, up to 1"));
        }
        let resized = match self.get("crop_mode").map(|value| value.as_str()) {
            None | Some(Some("center")) => Resized::ShorterSide(size),
            Some(Some("squash")) => Resized::Square(size),
            Some(_) => return Err(self.refuse("crop_mode", "center or squash")),
        };
        let (mean, std) = match standard.channels() {
            3 => (IMAGENET_MEAN.to_vec(), IMAGENET_STD.to_vec()),
            _ => (standard.mean, standard.std),
        };
        let (mean, std) = (self.channels("mean", &mean)?, self.channels("std", &std)?);
        Ok(Preprocessing { resized, margin: Margin::RoundedToEven, filter, mean, std, ..standard })
    }

    fn flag(&self, key: &str, absent: bool) -> Result<bool, DataError> {
        self.get(key).map_or(Ok(absent), |value| value.as_bool().ok_or_else(|| self.refuse(key, "true or false")))
    }

    fn number(&self, key: &str) -> Result<Option<f64>, DataError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.as_f64().filter(|&number| number > 0.0);
        number.map(Some).ok_or_else(|| self.refuse(key, "a number above 0"))
    }

    /// One number for each channel, as many as `standard` has; a deviation above 0.
    fn channels(&self, key: &str, standard: &[f64]) -> Result<Vec<f64>, DataError> {
        let Some(value) = self.get(key) else { return Ok(standard.to_vec()) };
        let numbers: Option<Vec<f64>> =
            value.as_array().and_then(|values| values.iter().map(Value::as_f64).collect::<Option<_>>());
        let divides = key.ends_with("std");
        numbers
            .filter(|numbers| numbers.len() == standard.len() && numbers.iter().all(|&x| !divides || x > 0.0))
            .ok_or_else(|| {
                let above = if divides { " above 0" } else { "" };
                self.refuse(key, &format!("{} numbers{above}, one for each channel of the model", standard.len()))
            })
    }

    /// A size: a number, height and width that are equal, or the shorter side.
    fn size(&self, key: &str) -> Result<Option<Resized>, DataError> {
        const LARGEST: u64 = 8192;
        let Some(value) = self.get(key) else { return Ok(None) };
        let side = |value: Option<&Value>| {
            value.and_then(Value::as_u64).filter(|side| (1..=LARGEST).contains(side)).map(|side| side as usize)
        };
        let found = match value {
            Value::Object(sides) => match (side(sides.get("height")), side(sides.get("width"))) {
                (Some(height), Some(width)) if height == width => Some(Resized::Square(height)),
                (None, None) => side(sides.get("shortest_edge")).map(Resized::ShorterSide),
                _ => None,
            },
            number => side(Some(number)).map(Resized::Square),
        };
        let expected = format!("a size from 1 to {LARGEST}: a number, equal height and width, or shortest_edge alone");
        found.map(Some).ok_or_else(|| self.refuse(key, &expected))
    }
}

fn refused(path: PathBuf, key: &str, found: &Value, expected: &str) -> DataError {
    const SHOWN: usize = 100;
    let mut found = found.to_string();
    if let Some((end, _)) = found.char_indices().nth(SHOWN) {
        found.replace_range(end.., "…");
    }
    DataError::Preprocessing { path, key: key.to_owned(), found, expected: expected.to_owned() }
}
