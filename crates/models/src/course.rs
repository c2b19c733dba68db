//! A [`Route`] that has been checked against a model and its inputs, in the terms of a forward pass: which layers are there, and
//! the rows of the tokens that go through some of them alone.

use crate::batch::require;
use crate::rope::Tables;
use crate::{Inputs, KeptTokens, ModelConfig, ModelError, Result, Route};
use ligo_kernels::NO_ROW;
use std::ops::Range;

/// A checked route.
#[derive(Debug)]
pub(crate) struct Course {
    /// Layers below this one, and with more than 0 the embeddings too, are not recorded.
    pub(crate) recorded_from: usize,
    /// Number of layers.
    pub(crate) until: usize,
    /// Empty, or one for each layer of the model.
    kept_layers: Vec<f32>,
    /// Empty, or one for each layer of the model.
    dropped_paths: Vec<f32>,
    pub(crate) kept_rows: Option<KeptRows>,
    pub(crate) norm_weights: Option<Vec<f32>>,
}

/// The tokens that alone go through some layers.
#[derive(Debug)]
pub(crate) struct KeptRows {
    /// The layers, at least one.
    pub(crate) layers: Range<usize>,
    /// How many of each sequence.
    pub(crate) count: usize,
    /// Their rows among all tokens.
    pub(crate) rows: Vec<u32>,
    /// For each token of all its own row if it skips the layers, else none.
    pub(crate) skipping: Vec<u32>,
    /// For each token of all its row among the kept ones, or none.
    pub(crate) returning: Vec<u32>,
    /// Which of them are no padding.
    pub(crate) real_tokens: Option<Vec<bool>>,
    /// The angles of their positions, once for all sequences or once for each; none without rotary positions.
    pub(crate) rotary: Vec<Tables>,
}

impl Course {
    /// All of the model.
    pub(crate) fn whole(config: &ModelConfig) -> Self {
        let until = config.num_hidden_layers;
        Self {
            recorded_from: 0,
            until,
            kept_layers: Vec::new(),
            dropped_paths: Vec::new(),
            kept_rows: None,
            norm_weights: None,
        }
    }

    /// The course of `route`; `tables` are the angles of all positions. The inputs have been checked.
    ///
    /// # Errors
    /// [`ModelError::Batch`] by the route's field if it does not fit.
    pub(crate) fn new(config: &ModelConfig, inputs: &Inputs, route: &Route, tables: Option<&Tables>) -> Result<Self> {
        let layers = config.num_hidden_layers;
        let until = route.until.unwrap_or(layers);
        let at_most =
            |what, found: usize, most, name| require(what, found, found <= most, format!("at most {most}{name}"));
        at_most("route.until", until, layers, " (num_hidden_layers)")?;
        at_most("route.recorded_from", route.recorded_from, until, ", the layers of the route")?;
        let (kept, dropped) = (&route.kept_layers, &route.dropped_paths);
        for (what, numbers) in [("route.kept_layers", kept), ("route.dropped_paths", dropped)] {
            let (found, expected) = (numbers.len(), format!("{layers} (num_hidden_layers), or none"));
            require(&format!("number of {what}"), found, found == 0 || found == layers, expected)?;
            from_0_to_1(what, numbers)?;
        }
        let surely = dropped.iter().any(|&probability| probability >= 1.0);
        require("route.dropped_paths", "1 for some layer", !surely, "less than 1 for each")?;
        if let Some(weights) = &route.norm_weights {
            let (found, width) = (weights.len(), config.hidden_size);
            require("number of route.norm_weights", found, found == width, format!("{width} (hidden_size)"))?;
            from_0_to_1("route.norm_weights", weights)?;
            let some = weights.iter().any(|&c| c > 0.0);
            require("route.norm_weights", "0 throughout", some, "some weight above 0")?;
        }
        let kept_rows = route.kept_tokens.as_ref().map(|kept| KeptRows::new(config, inputs, kept, until, tables));
        Ok(Self {
            recorded_from: route.recorded_from,
            until,
            kept_layers: kept.clone(),
            dropped_paths: dropped.clone(),
            kept_rows: kept_rows.transpose()?.flatten(),
            norm_weights: route.norm_weights.clone(),
        })
    }

    /// The probability with which a layer was kept; 0 if it is left out.
    pub(crate) fn kept(&self, layer: usize) -> f32 {
        self.kept_layers.get(layer).copied().unwrap_or(1.0)
    }

    /// The probability with which each branch of a layer is left out; CaiT's class-attention layers, which count on from the others,
    /// are always there.
    pub(crate) fn dropped(&self, layer: usize) -> f32 {
        self.dropped_paths.get(layer).copied().unwrap_or(0.0)
    }

    /// Those of `layers` that are there.
    pub(crate) fn there(&self, layers: Range<usize>) -> Vec<usize> {
        layers.filter(|&layer| self.kept(layer) > 0.0).collect()
    }
}

impl KeptRows {
    /// None if there is no layer to skip.
    fn new(
        config: &ModelConfig,
        inputs: &Inputs,
        kept: &KeptTokens,
        until: usize,
        tables: Option<&Tables>,
    ) -> Result<Option<Self>> {
        let KeptTokens { layers, places } = kept;
        let (batch, length) = (inputs.batch_size(), inputs.sequence_length(config));
        let within = layers.start <= layers.end && layers.end <= until;
        let expected = format!("rising numbers up to {until}, the layers of the route");
        require("route.kept_tokens.layers", format!("{layers:?}"), within, expected)?;
        let (found, count) = (places.len(), places.len() / batch);
        let even = count > 0 && found == count * batch;
        let expected = format!("equally many, at least 1, of each of the batch's {batch}");
        require("number of route.kept_tokens.places", found, even, expected)?;
        let sequences = || places.chunks_exact(count);
        for (sequence, places) in sequences().enumerate() {
            check_places(sequence, places, length, config.prefix_tokens())?;
        }
        if layers.is_empty() {
            return Ok(None);
        }
        let rotary = match tables {
            Some(tables) => {
                check_window(config, layers.clone(), length)?;
                let alike = sequences().all(|others| others == &places[..count]);
                sequences().take(if alike { 1 } else { batch }).map(|places| tables.at(places)).collect()
            }
            None => Vec::new(),
        };
        let rows: Vec<u32> =
            (0..batch).zip(sequences()).flat_map(|(b, p)| p.iter().map(move |p| (b * length) as u32 + p)).collect();
        let mut skipping: Vec<u32> = (0..(batch * length) as u32).collect();
        let mut returning = vec![NO_ROW; batch * length];
        for (i, &row) in (0..).zip(&rows) {
            skipping[row as usize] = NO_ROW;
            returning[row as usize] = i;
        }
        let real_tokens = match inputs {
            Inputs::Tokens(tokens) => tokens.real_tokens.as_ref(),
            Inputs::Images(_) => None,
        };
        let real_tokens = real_tokens.map(|real| rows.iter().map(|&row| real[row as usize]).collect());
        Ok(Some(Self { layers: layers.clone(), count, rows, skipping, returning, real_tokens, rotary }))
    }
}

/// Refuses places of a sequence that do not rise, lie beyond its end, or leave out a token that stands before an image's patches.
fn check_places(sequence: usize, places: &[u32], length: usize, prefix: usize) -> Result<()> {
    let what = |i| format!("place {i} of sequence {sequence} in route.kept_tokens");
    for (i, &place) in places.iter().enumerate() {
        if i < prefix {
            let expected = format!("{i}, as the {prefix} first tokens of an image go through every layer");
            require(&what(i), place, place as usize == i, expected)?;
        }
        require(&what(i), place, (place as usize) < length, format!("less than {length}, the tokens of a sequence"))?;
        if let Some(before) = i.checked_sub(1).map(|i| places[i]) {
            require(&what(i), place, before < place, format!("more than {before}, the one before"))?;
        }
    }
    let expected = format!("at least {prefix}, as an image's first tokens go through every layer");
    require("number of places in route.kept_tokens", places.len(), places.len() >= prefix, expected)
}

/// A window counts the tokens that are there: with some left out it would reach further back.
fn check_window(config: &ModelConfig, mut layers: Range<usize>, length: usize) -> Result<()> {
    match layers.find(|&layer| config.window(layer).is_some_and(|window| window < length)) {
        None => Ok(()),
        Some(layer) => Err(ModelError::Batch {
            what: "route.kept_tokens".into(),
            found: format!("set, with layer {layer} of a sliding window"),
            expected: format!("none, as the window is shorter than the sequences of {length}"),
        }),
    }
}

fn from_0_to_1(what: &str, numbers: &[f32]) -> Result<()> {
    for (i, number) in numbers.iter().enumerate() {
        require(&format!("{what}[{i}]"), number, (0.0..=1.0).contains(number), "a number from 0 to 1")?;
    }
    Ok(())
}
