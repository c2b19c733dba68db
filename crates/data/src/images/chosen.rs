//! Preprocessing that a user chooses, and how it is written for transformers to read.

use super::Filter;
use super::preprocessing::{Preprocessing, Resized};
use crate::DataError;
use ligo_files::{FileError, replace_file};
use serde_json::json;
use std::io::Write;
use std::path::Path;

impl Preprocessing {
    /// With this mean and standard deviation in place of its own; as it is where there are no numbers.
    ///
    /// # Errors
    /// Another number of numbers than of channels.
    pub fn normalised(mut self, mean: &[f64], std: &[f64]) -> Result<Self, DataError> {
        let channels = self.channels();
        for (option, own, numbers) in [("mean", &mut self.mean, mean), ("std", &mut self.std, std)] {
            match numbers.len() {
                0 => {}
                count if count == channels => *own = numbers.to_vec(),
                count => {
                    let (found, expected) = (format!("{count} numbers"), format!("{channels}, one for each channel"));
                    return Err(DataError::Option { option, found, expected });
                }
            }
        }
        Ok(self)
    }

    /// Which keeps the middle `share` of the shorter side (timm's `crop_pct`); as it is for 1.
    ///
    /// # Errors
    /// A share that is not above a hundredth, or above 1.
    pub fn keeping(self, share: f64) -> Result<Self, DataError> {
        if !(share > 0.01 && share <= 1.0) {
            let expected = "more than 0.01 and at most 1".to_owned();
            return Err(DataError::Option { option: "crop_share", found: share.to_string(), expected });
        }
        if share == 1.0 {
            return Ok(self);
        }
        // timm rounds down.
        let resized = Resized::ShorterSide((self.side as f64 / share) as usize);
        Ok(Self { resized, ..self })
    }

    /// Writes it into `directory` as `preprocessor_config.json`, which transformers and
    /// [`of_checkpoint`](Self::of_checkpoint) read.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, directory: &Path) -> Result<(), DataError> {
        let (class, size, cut) = match self.resized {
            Resized::Square(size) => ("ViTImageProcessor", json!({ "height": size, "width": size }), size > self.side),
            Resized::ShorterSide(size) => ("BitImageProcessor", json!({ "shortest_edge": size }), true),
        };
        let class = if cut && class == "ViTImageProcessor" { "DeiTImageProcessor" } else { class };
        let values = json!({
            "image_processor_type": class,
            "do_resize": true,
            "size": size,
            "resample": match self.filter {
                Filter::Lanczos => 1,
                Filter::Bilinear => 2,
                Filter::Bicubic => 3,
            },
            "do_center_crop": cut,
            "crop_size": { "height": self.side, "width": self.side },
            "do_rescale": true,
            "rescale_factor": self.rescale_factor,
            "do_normalize": true,
            "image_mean": self.mean,
            "image_std": self.std,
            "do_convert_rgb": self.channels() == 3,
        });
        let path = directory.join("preprocessor_config.json");
        Ok(replace_file(&path, |file| writeln!(file, "{values:#}").map_err(FileError::at("write", &path)))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let plain = || Preprocessing::new(3, 32).expect("sizes that exist");
        let mean = [0.4914, 0.4822, 0.4465];
        for chosen in [
            plain(),
            plain().normalised(&mean, &[0.2, 0.3, 0.25]).expect("three numbers"),
            plain().keeping(0.875).expect("a share"),
            Preprocessing::new(1, 8).expect("sizes that exist").normalised(&[0.3], &[]).expect("one number"),
        ] {
            chosen.save(directory.path()).expect("a file");
            let read = Preprocessing::of_checkpoint(directory.path(), chosen.channels(), chosen.side());
            assert_eq!(read.expect("what was written"), chosen);
        }
        assert!(plain().normalised(&[0.5], &[]).is_err() && plain().keeping(0.0).is_err());
    }
}
