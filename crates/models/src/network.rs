//! What a model is made of, whatever its family, and what its embeddings and its head compute. Families fill in the parts; the
//! way through the blocks is in `stream`.

use crate::config::ModelConfig;
use crate::declare::{Linear, Norm, Table};
use crate::layers::{Block, ClassBlock, Order};
use crate::pass::{Pass, Site};
use crate::{Family, Images, Inputs, Result, Targets, Tokens};
use ligo_kernels::{Activation, IGNORED, Kernels, Matrix, NO_ROW, Scalar, Tape};

/// Where all weights are, and how they fit together.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) embeddings: Embeddings,
    pub(crate) blocks: Vec<Block>,
    pub(crate) order: Order,
    /// CaiT's last layers.
    pub(crate) class_blocks: Option<ClassBlocks>,
    pub(crate) head: NetworkHead,
}

/// What turns inputs into the residual stream.
#[derive(Debug, Clone)]
pub(crate) enum Embeddings {
    Tokens {
        word: Table,
        position: Option<(Table, Positions)>,
        token_type: Option<Table>,
        norm: Option<Norm>,
    },
    /// `tokens` stand before the patches; `position` has a row for each of both.
    Patches {
        projection: Linear,
        tokens: Vec<Table>,
        position: Table,
    },
}

/// How learned positions are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Positions {
    /// 0, 1, 2, … from the start of the sequence.
    FromStart,
    /// From the padding token's id on, real tokens only (RoBERTa).
    FromPadding,
}

/// The layers in which the class token gathers what the patches know.
#[derive(Debug, Clone)]
pub(crate) struct ClassBlocks {
    pub(crate) token: Table,
    pub(crate) blocks: Vec<ClassBlock>,
    pub(crate) norm: Norm,
}

/// What stands on top of the last hidden states.
#[derive(Debug, Clone)]
pub(crate) enum NetworkHead {
    /// Logits of tokens, by `weight` `[V, H]`, which may be the embedding.
    Decoder { transform: Option<Transform>, weight: Table, bias: Option<Table> },
    /// Logits or values of whole sequences: `tops(dropout(tanh(hidden(x))))`.
    Classifier { hidden: Option<Linear>, dropout_before_hidden: bool, tops: Tops },
    /// Start and end logits of each token.
    Spans(Linear),
    /// Nothing.
    None { pooler: Option<Linear> },
}

/// What stands between the last hidden state and a masked language model's decoder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transform {
    pub(crate) linear: Linear,
    pub(crate) activation: Activation,
    pub(crate) norm: Norm,
}

/// The last maps of a classifier.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tops {
    /// Over the first token.
    First(Linear),
    /// The mean of two, over the first token and the second.
    Mean([Linear; 2]),
}

impl Embeddings {
    /// The token embedding, to which a decoder may be tied. Models of images have none.
    pub(crate) fn word(&self) -> Table {
        match self {
            Self::Tokens { word, .. } => *word,
            Self::Patches { position, .. } => *position,
        }
    }
}

impl Network {
    /// The residual stream before the first block, `[N, H]`.
    pub(crate) fn embedded<D: Kernels, T: Tape<f32, D>>(&self, pass: &mut Pass<'_, D, T>) -> Result<Matrix<D>> {
        let embedded = match pass.inputs {
            Inputs::Tokens(tokens) => self.embed_tokens(pass, tokens)?,
            Inputs::Images(images) => self.embed_images(pass, images)?,
        };
        pass.dropout(embedded, Site::Embeddings)
    }

    fn embed_tokens<D: Kernels, T: Tape<f32, D>>(
        &self,
        pass: &mut Pass<'_, D, T>,
        tokens: &Tokens,
    ) -> Result<Matrix<D>> {
        let Embeddings::Tokens { word, position, token_type, norm } = &self.embeddings else {
            unreachable!("inputs have been checked to be what the family reads")
        };
        let first = pass.generating.as_ref().map_or(0, |generating| generating.seen);
        let positions = position.map(|(table, kind)| (table, kind.of(tokens, first, pass.config)));
        let zeros;
        let types = match &tokens.token_types {
            Some(types) => types,
            None => {
                zeros = vec![0; tokens.count()];
                &zeros
            }
        };
        let mut lookups = vec![(*word, &tokens.input_ids[..])];
        lookups.extend(positions.iter().map(|(table, positions)| (*table, &positions[..])));
        lookups.extend(token_type.map(|table| (table, &types[..])));
        let embedded = match pass.config.padding_row().filter(|padding| tokens.input_ids.contains(padding)) {
            Some(padding) if T::OWNS_TAPE => {
                let fixed = if pass.config.family == Family::Roberta { 2 } else { 1 };
                pass.embedding_with_fixed_row(&lookups, padding, fixed)?
            }
            _ => pass.embedding(&lookups)?,
        };
        match norm {
            Some(norm) => pass.norm(&embedded, *norm),
            None => Ok(embedded),
        }
    }

    fn embed_images<D: Kernels, T: Tape<f32, D>>(
        &self,
        pass: &mut Pass<'_, D, T>,
        images: &Images,
    ) -> Result<Matrix<D>> {
        let Embeddings::Patches { projection, tokens, position } = &self.embeddings else {
            unreachable!("inputs have been checked to be what the family reads")
        };
        let (batch, patches) = (images.batch_size, pass.config.num_patches());
        let pixels = pass.constant(patch_rows(images, pass.config), (batch * patches, pixels_of_patch(pass.config)))?;
        let projected = pass.linear(&pixels, *projection)?;
        // One pass over memory puts tokens and patches in their places and adds the positions.
        let sequence = tokens.len() + patches;
        let place = |row: usize| (row / sequence, row % sequence);
        let ids = |of: &dyn Fn(usize, usize) -> Option<usize>| -> Vec<u32> {
            let id = |row| of(place(row).0, place(row).1).map_or(NO_ROW, |id| id as u32);
            (0..batch * sequence).map(id).collect()
        };
        let rows = ids(&|image, i| i.checked_sub(tokens.len()).map(|patch| image * patches + patch));
        let token_rows: Vec<Vec<u32>> = (0..tokens.len()).map(|token| ids(&|_, i| (i == token).then_some(0))).collect();
        let positions = ids(&|_, i| Some(i));
        let mut lookups: Vec<_> = tokens.iter().copied().zip(token_rows.iter().map(Vec::as_slice)).collect();
        lookups.push((*position, &positions));
        pass.embedding_onto((&projected, &rows), &lookups)
    }

    /// What the head says: logits `[N, V]` of tokens, logits or values `[B, labels]` of sequences and images, start and end
    /// logits `[N, 2]`, or without a head the last hidden states `[N, H]`.
    pub(crate) fn outputs<D: Kernels, T: Tape<f32, D>>(
        &self,
        pass: &mut Pass<'_, D, T>,
        hidden: Matrix<D>,
    ) -> Result<Matrix<D>> {
        match &self.head {
            NetworkHead::Decoder { transform, weight, bias } => {
                let hidden = transformed(pass, *transform, hidden)?;
                pass.decode(&hidden, *weight, *bias)
            }
            NetworkHead::Classifier { hidden: inner, dropout_before_hidden, tops } => {
                self.classify(pass, &hidden, (*inner, *dropout_before_hidden), *tops)
            }
            NetworkHead::Spans(map) => pass.linear(&hidden, *map),
            NetworkHead::None { .. } => Ok(hidden),
        }
    }

    fn classify<D: Kernels, T: Tape<f32, D>>(
        &self,
        pass: &mut Pass<'_, D, T>,
        hidden: &Matrix<D>,
        (inner, dropout_before): (Option<Linear>, bool),
        tops: Tops,
    ) -> Result<Matrix<D>> {
        // CaiT's class blocks leave the class tokens alone.
        let first = if self.class_blocks.is_some() { hidden.clone() } else { pass.row_of_each(hidden, 0)? };
        match tops {
            Tops::First(map) => {
                let mut x = first;
                if let Some(inner) = inner {
                    if dropout_before {
                        x = pass.dropout(x, Site::Classifier)?;
                    }
                    let activated = pass.linear_by(&x, inner, Activation::Tanh)?;
                    x = pass.dropout(activated, Site::ClassifierOutput)?;
                }
                pass.linear(&x, map)
            }
            Tops::Mean([class, distillation]) => {
                let second = pass.row_of_each(hidden, 1)?;
                let (a, b) = (pass.linear(&first, class)?, pass.linear(&second, distillation)?);
                let sum = pass.add(&a, &b)?;
                let labels = pass.config.num_labels();
                let half = pass.constant(vec![0.5; labels], (1, labels))?;
                Ok(D::scale(pass.tape, &sum, &half)?)
            }
        }
    }

    /// What the pooler makes of the first token, `[B, H]`; none without a pooler.
    pub(crate) fn pooled<D: Kernels, T: Tape<f32, D>>(
        &self,
        pass: &mut Pass<'_, D, T>,
        hidden: &Matrix<D>,
    ) -> Result<Option<Matrix<D>>> {
        match self.head {
            NetworkHead::None { pooler: Some(pooler) } => {
                let first = pass.row_of_each(hidden, 0)?;
                pass.linear_by(&first, pooler, Activation::Tanh).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The mean loss of what the head says, as [`Network::loss_and_outputs`].
    pub(crate) fn loss<D: Kernels, T: Tape<f32, D>>(
        &self,
        pass: &mut Pass<'_, D, T>,
        targets: &Targets,
    ) -> Result<Scalar<D>> {
        self.loss_and_outputs(pass, targets).map(|(loss, _)| loss)
    }

    /// The mean loss of what the head says, under targets that have been checked to be of its kind, and what it says; the logits
    /// of tokens are none, as they never exist all at once.
    pub(crate) fn loss_and_outputs<D: Kernels, T: Tape<f32, D>>(
        &self,
        pass: &mut Pass<'_, D, T>,
        targets: &Targets,
    ) -> Result<(Scalar<D>, Option<Matrix<D>>)> {
        let hidden = self.hidden(pass)?;
        if let (NetworkHead::Decoder { transform, weight, bias }, Targets::Tokens(targets)) = (&self.head, targets) {
            return Ok((token_loss(pass, hidden, *transform, (*weight, *bias), targets)?, None));
        }
        let outputs = self.outputs(pass, hidden)?;
        let loss = match targets {
            Targets::Values(values) => D::mean_squared_error(pass.tape, &outputs, values)?,
            Targets::Classes(classes) => {
                let weights = vec![mean_weight(classes); classes.len()];
                D::softmax_cross_entropy(pass.tape, &outputs, classes, &weights)?
            }
            Targets::Shares(shares) => D::soft_cross_entropy(pass.tape, &outputs, shares)?,
            Targets::Spans(spans) => {
                let rows = D::columns_as_rows(pass.tape, &outputs, pass.sequence())?;
                let [starts, ends] = [0, 1].map(|i| spans.iter().map(|span| span[i]).collect::<Vec<i32>>());
                let weight = |ends: &[i32]| vec![0.5 * mean_weight(ends); ends.len()];
                let weights = [weight(&starts), weight(&ends)].concat();
                D::softmax_cross_entropy(pass.tape, &rows, &[starts, ends].concat(), &weights)?
            }
            Targets::Tokens(_) | Targets::Unlabelled => {
                unreachable!("targets have been checked to be of the head's kind")
            }
        };
        Ok((loss, Some(outputs)))
    }
}

/// 1 over the number of labelled rows.
fn mean_weight(targets: &[i32]) -> f32 {
    let labelled = targets.iter().filter(|&&target| target != IGNORED).count();
    1.0 / labelled.max(1) as f32
}

pub(crate) fn transformed<D: Kernels, T: Tape<f32, D>>(
    pass: &mut Pass<'_, D, T>,
    transform: Option<Transform>,
    hidden: Matrix<D>,
) -> Result<Matrix<D>> {
    match transform {
        Some(Transform { linear, activation, norm }) => {
            let transformed = pass.linear_by(&hidden, linear, activation)?;
            pass.norm(&transformed, norm)
        }
        None => Ok(hidden),
    }
}

fn token_loss<D: Kernels, T: Tape<f32, D>>(
    pass: &mut Pass<'_, D, T>,
    mut hidden: Matrix<D>,
    transform: Option<Transform>,
    (weight, bias): (Table, Option<Table>),
    targets: &[i32],
) -> Result<Scalar<D>> {
    let (rows, labels): (Vec<u32>, Vec<i32>) = (0..).zip(targets).filter(|&(_, &label)| label != IGNORED).unzip();
    let mut labels = &labels[..];
    if transform.is_some() && !rows.is_empty() && rows.len() < targets.len() {
        // About 15 % of the tokens carry a label, and nobody asks what the transform makes of the others.
        hidden = pass.rows(&hidden, &rows)?;
    } else {
        labels = targets;
    }
    let hidden = transformed(pass, transform, hidden)?;
    pass.cross_entropy(&hidden, weight, bias, labels)
}

impl Positions {
    /// The position of each token, the first of each sequence standing at `first`.
    fn of(self, tokens: &Tokens, first: usize, config: &ModelConfig) -> Vec<u32> {
        match self {
            Self::FromStart => {
                let positions = first as u32..(first + tokens.sequence_length) as u32;
                std::iter::repeat_n(positions, tokens.batch_size).flatten().collect()
            }
            Self::FromPadding => {
                let padding = config.pad_token_id() as u32;
                let of_sequence = |ids: &[u32]| {
                    let mut last = padding;
                    let position = |&id: &u32| match id == padding {
                        true => padding,
                        false => {
                            last += 1;
                            last
                        }
                    };
                    ids.iter().map(position).collect::<Vec<u32>>()
                };
                tokens.input_ids.chunks(tokens.sequence_length).flat_map(of_sequence).collect()
            }
        }
    }
}

/// Numbers in one patch.
fn pixels_of_patch(config: &ModelConfig) -> usize {
    config.num_channels() * config.patch_size() * config.patch_size()
}

/// The patches of all images as rows, each in the order of a convolution's weights: channel, row, column.
fn patch_rows(images: &Images, config: &ModelConfig) -> Vec<f32> {
    let (channels, side, patch) = (config.num_channels(), config.image_size(), config.patch_size());
    let along = side / patch;
    let mut rows = Vec::with_capacity(images.pixels.len());
    for image in images.pixels.chunks_exact(channels * side * side) {
        for (down, across) in (0..along).flat_map(|down| (0..along).map(move |across| (down, across))) {
            for (channel, row) in (0..channels).flat_map(|channel| (0..patch).map(move |row| (channel, row))) {
                let start = (channel * side + down * patch + row) * side + across * patch;
                rows.extend_from_slice(&image[start..start + patch]);
            }
        }
    }
    rows
}
